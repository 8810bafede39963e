"""Who asks a search's oracle what to try: threads of this process, or workers elsewhere, by Keras Tuner's service.

As Keras Tuner has it, a process is told by its environment who it is: `KERASTUNER_TUNER_ID` is `chief` or a worker's
own name, and `KERASTUNER_ORACLE_IP` and `KERASTUNER_ORACLE_PORT` say where the chief is.
"""

import os
import time
from concurrent import futures

import grpc
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.src import protos
from keras_tuner.src.distribute import oracle_chief, oracle_client

from dl100_tf.errors import Interrupted, UserError
from dl100_tf.training.search import Remembering, report

PATIENCE = 0.5  # seconds until a worker that was told to wait asks again


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
    return (f"{os.environ['KERASTUNER_ORACLE_IP']}:{os.environ['KERASTUNER_ORACLE_PORT']}" if member() == "chief"
            else "")


def client() -> oracle_client.OracleClient:
    """The oracle of the chief."""
    return oracle_client.OracleClient(None)


def serve(asked: Remembering, address: str, stop) -> None:
    """Let workers elsewhere ask an oracle, by Keras Tuner's own service, until there is nothing more to try.

    Args:
        asked: the oracle.
        address: host and port.
        stop: true once the user wants to stop.

    Raises:
        Interrupted: he does.
        UserError: nobody can listen there.
    """
    servicer = oracle_chief.OracleServicer(asked)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1), options=[("grpc.so_reuseport", 0)])
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    try:
        server.add_insecure_port(address)
    except RuntimeError:
        raise UserError(f"the chief can't listen at {address}: see KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT."
                        ) from None
    server.start()
    try:
        while not (servicer.stop_triggered and asked.over):
            time.sleep(PATIENCE)
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
        raised = [done.exception() for done in [threads.submit(one, number) for number in range(several)]]
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
