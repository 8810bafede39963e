"""Who asks a search's oracle what to try: threads of this process, or workers elsewhere, by Keras Tuner's service.

As Keras Tuner has it, a process is told by its environment who it is: `KERASTUNER_TUNER_ID` is `chief` or a worker's
own name, and `KERASTUNER_ORACLE_IP` and `KERASTUNER_ORACLE_PORT` say where the chief is.
"""

import multiprocessing
import os
import time
from concurrent import futures

import grpc
import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.src import protos
from keras_tuner.src.distribute import oracle_chief, oracle_client

from dl100_tf.errors import Interrupted, UserError
from dl100_tf.training.interrupts import say
from dl100_tf.training.search import Remembering, report

PATIENCE = 0.5  # seconds until a worker that was told to wait asks again
ANSWER = 20  # seconds that a worker waits for the chief's answer before it looks whether there is still a search
TELL = 60  # seconds after which the chief says whom it waits for
SEARCH = "search"  # the field of a request that says which one it is of
AWAY = 3600  # seconds that the chief may be away, e.g. to be started again


def member() -> str:
    """Who this process is in a search of several, by Keras Tuner's environment: `chief`, a worker's name, or nobody.

    Raises:
        UserError: it isn't said where the chief is.
    """
    worker = os.environ.get("KERASTUNER_TUNER_ID", "")
    if worker and not all(os.environ.get(f"KERASTUNER_ORACLE_{part}") for part in ("IP", "PORT")):
        raise UserError("KERASTUNER_TUNER_ID is set: give the chief's address too, by KERASTUNER_ORACLE_IP and "
                        "KERASTUNER_ORACLE_PORT.")
    return "chief" if "chief" in worker else worker


def chief() -> str:
    """The address at which this process answers as the chief; empty where it isn't that."""
    return _address() if member() == "chief" else ""


def _address() -> str:
    return f"{os.environ['KERASTUNER_ORACLE_IP']}:{os.environ['KERASTUNER_ORACLE_PORT']}"


class Client:
    """The oracle of the chief, for a worker elsewhere. It goes on asking while the chief is being started again.

    Args:
        name: the search's; the chief of another one is refused.
        over: says whether the search has ended, as a chief that has ended answers nobody.
        stop: true once the user wants to stop.

    Raises:
        Interrupted: by every method, where he does.
        UserError: by every method: no chief has answered for `AWAY` seconds, or it can't go on.
    """

    def __init__(self, name: str, over, stop):
        oracle_client.TIMEOUT = ANSWER
        self._client, self._over, self._stop = oracle_client.OracleClient(None), over, stop
        channel = grpc.intercept_channel(grpc.insecure_channel(_address()), _Saying(name))
        self._client.stub = protos.get_service_grpc().OracleStub(channel)

    def create_trial(self, worker: str):
        """The next trial, one of the status `STOPPED` where the search is over."""
        return self._ask("create_trial", worker) or Trial(keras_tuner.HyperParameters(), status=TrialStatus.STOPPED)

    def update_trial(self, trial_id: str, metrics: dict):
        """Tell a trial's figures; the trial."""
        return self._ask("update_trial", trial_id, metrics) or Trial(keras_tuner.HyperParameters(), trial_id)

    def end_trial(self, trial) -> None:
        """Tell that it ended. The chief takes it in once, however often it hears of it."""
        self._ask("end_trial", trial)

    def _ask(self, method: str, *arguments):
        where, until = _address(), time.monotonic() + AWAY
        while not self._over():
            try:
                return getattr(self._client, method)(*arguments)
            except grpc.RpcError as error:
                if self._stop:
                    raise Interrupted from None
                if error.code() not in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE):
                    raise UserError(f"the chief at {where} can't go on ({error.details()}): see what it printed, and "
                                    "start both again.") from None
                if time.monotonic() > until:
                    raise UserError(f"no chief has answered at {where} for {AWAY // 60} minutes: start it again by the "
                                    "same command, and then this worker.") from None
        return None


class _Saying(grpc.UnaryUnaryClientInterceptor):
    """Says with every request which search it is of."""

    def __init__(self, name: str):
        self._name = name

    def intercept_unary_unary(self, continuation, details, request):
        return continuation(details._replace(metadata=[*(details.metadata or ()), (SEARCH, self._name)]), request)


class _Gate(grpc.ServerInterceptor):
    """Refuses requests of another search, and says in a line why nothing goes on."""

    def __init__(self, name: str):
        self._name = name

    def intercept_service(self, continuation, details):
        handler = continuation(details)

        def answer(request, context):
            if dict(details.invocation_metadata).get(SEARCH) != self._name:
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"it is the chief of the search {self._name}")
            try:
                return handler.unary_unary(request, context)
            except UserError as error:
                context.abort(grpc.StatusCode.INTERNAL, str(error))

        return handler and grpc.unary_unary_rpc_method_handler(answer, handler.request_deserializer,
                                                               handler.response_serializer)


def serve(asked: Remembering, name: str, address: str, stop) -> None:
    """Let workers elsewhere ask an oracle, by Keras Tuner's own service, until there is nothing more to try.

    Args:
        asked: the oracle.
        name: the search's.
        address: host and port.
        stop: true once the user wants to stop.

    Raises:
        Interrupted: he does.
        UserError: nobody can listen there, or the search can't go on.
    """
    if asked.nothing_left():
        return
    servicer = oracle_chief.OracleServicer(asked)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1), options=[("grpc.so_reuseport", 0)],
                         interceptors=[_Gate(name)])
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    try:
        server.add_insecure_port(address)
    except RuntimeError:
        raise UserError(f"the chief can't listen at {address}: see KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT."
                        ) from None
    server.start()
    told = time.monotonic()
    try:
        while not (servicer.stop_triggered and asked.over):
            time.sleep(PATIENCE)
            if servicer.stop_triggered and time.monotonic() - told > TELL:
                told = time.monotonic()
                say("waiting for " + ", ".join(f"{worker} (trial {int(trial.trial_id) + 1})" for worker, trial
                                               in asked.ongoing_trials.copy().items()) +
                    ": where one is gone, start a worker of its name")
            if asked.broken:
                raise asked.broken
            if stop:
                raise Interrupted
    finally:
        server.stop(grace=2).wait()


def together(asked: Remembering, several: int, carry_out, stop) -> None:
    """Carry out several trials at a time.

    Args:
        asked: the oracle.
        several: how many.
        carry_out: see `work`; called in a thread of its own.
        stop: the `InterruptFlag`; set where one of them can't go on.
    """
    def one(number: int) -> None:
        try:
            work(asked, f"tuner{number}", carry_out, stop)
        except BaseException:
            stop.is_set = True
            raise

    with futures.ThreadPoolExecutor(several, thread_name_prefix="tuner") as threads:
        begun = [threads.submit(one, number) for number in range(several)]
        try:
            while futures.wait(begun, PATIENCE).not_done:  # in one go it couldn't be interrupted on Windows
                pass
            raised = [done.exception() for done in begun]
        except KeyboardInterrupt:  # the second one: nobody waits for a safe point any more
            for trial in multiprocessing.active_children():
                trial.kill()
            raise
    for error in sorted(filter(None, raised), key=lambda error: isinstance(error, Interrupted)):
        raise error


def work(asked, worker: str, carry_out, stop=False) -> None:
    """Carry out trials until there are no more.

    Args:
        asked: an oracle, or the client of one elsewhere.
        worker: who asks: a worker that was killed and comes back under the same name gets its trial again.
        carry_out: called with a trial's id and its `HyperParameters`; returns its `Outcome`.
        stop: true once the user wants to stop.

    Raises:
        Interrupted: he does.
    """
    while (trial := asked.create_trial(worker)).status != TrialStatus.STOPPED:
        if stop:
            raise Interrupted
        if trial.status == TrialStatus.IDLE:  # what comes next depends on what others are at
            time.sleep(PATIENCE)
        else:
            report(asked, trial, carry_out(trial.trial_id, trial.hyperparameters))
