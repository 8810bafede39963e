"""Requests in batches: what runs together, what is refused, and that everybody gets his own."""

import threading

import numpy as np
import pytest

from dl100_tf.serving import batching
from dl100_tf.serving.status import ServingError


class Asker(threading.Thread):
    """A request in a thread of its own."""

    def __init__(self, batches, *arrays):
        super().__init__(daemon=True)
        self.batches, self.arrays, self.answer, self.error = batches, arrays, None, None
        self.start()

    def run(self):
        try:
            self.answer = self.batches.run({f"x{i}": array for i, array in enumerate(self.arrays)}, ("y",))
        except ServingError as error:
            self.error = error

    def done(self):
        self.join(30)
        if self.error:
            raise self.error
        return self.answer


def batches(fake_model, **limits):
    model = fake_model()
    return batching.Batches(model, batching.Scheduler(1), batching.Parameters(**limits)), model


class TestTogether:
    def test_requests_that_arrive_while_one_runs(self, until, fake_model):
        made, model = batches(fake_model, max_batch_size=8)
        model.go.clear()
        first = Asker(made, np.array([[0.0]]))
        until(lambda: len(model.batches) == 1)
        others = [Asker(made, np.full((2, 1), float(i))) for i in range(1, 4)]
        until(lambda: sum(len(part) for queue in made._queues.values() for part in queue.waiting) == 3)
        model.go.set()
        assert first.done()[0].tolist() == [[0.0]]
        for i, other in enumerate(others, start=1):
            assert other.done()[0].tolist() == [[2.0 * i]] * 2
        assert [len(batch) for batch in model.batches] == [1, 6]

    def test_a_full_batch_does_not_wait(self, fake_model):
        made, model = batches(fake_model, max_batch_size=4, batch_timeout_micros=60_000_000)
        askers = [Asker(made, np.array([i, i])) for i in range(2)]
        assert sorted(asker.done()[0][0] for asker in askers) == [0, 2]
        assert [len(batch) for batch in model.batches] == [4]

    def test_a_lonely_request_waits_no_longer_than_the_limit(self, fake_model):
        made, _ = batches(fake_model, max_batch_size=4, batch_timeout_micros=1000)
        assert Asker(made, np.array([1])).done()[0].tolist() == [2]

    def test_padding_to_an_allowed_size(self, fake_model):
        made, model = batches(fake_model, max_batch_size=8, allowed_batch_sizes=(4, 8))
        assert Asker(made, np.array([[1], [2], [3]])).done()[0].tolist() == [[2], [4], [6]]
        assert model.batches[0].tolist() == [[1], [2], [3], [1]]

    def test_a_request_larger_than_a_batch_is_split_where_that_is_allowed(self, fake_model):
        made, model = batches(fake_model, max_batch_size=100, enable_large_batch_splitting=True,
                              max_execution_batch_size=4)
        assert Asker(made, np.arange(10)).done()[0].tolist() == (2 * np.arange(10)).tolist()
        assert [len(batch) for batch in model.batches] == [4, 4, 2]

    def test_rows_of_many_lengths_are_filled_up_where_that_is_allowed(self, fake_model):
        made, _ = batches(fake_model, max_batch_size=4, batch_timeout_micros=60_000_000,
                          pad_variable_length_inputs=True)
        askers = [Asker(made, np.array([[1.0, 2.0]] * 2)), Asker(made, np.array([[3.0]] * 2))]
        assert [asker.done()[0].shape for asker in askers] == [(2, 2), (2, 2)]


class TestRefused:
    @pytest.mark.parametrize(("arrays", "message"), [
        ([np.array(1.0)], "Batching Run() input tensors must have at least one dimension"),
        ([np.zeros(2), np.zeros(3)], "Batching Run() input tensors must have equal 0th-dimension size"),
        ([np.zeros(5)], "Task size 5 is larger than maximum input batch size 4"),
        ([], "Batching Run() must have at least one input tensor")])
    def test_what_can_not_be_batched(self, arrays, message, fake_model):
        made, _ = batches(fake_model, max_batch_size=4)
        with pytest.raises(ServingError) as caught:
            Asker(made, *arrays).done()
        assert caught.value.message == message and caught.value.code == 3

    def test_a_full_queue(self, until, fake_model):
        made, model = batches(fake_model, max_batch_size=1, max_enqueued_batches=2)
        model.go.clear()
        running = Asker(made, np.zeros(1))
        until(lambda: len(model.batches) == 1)
        waiting = [Asker(made, np.zeros(1)) for _ in range(2)]
        until(lambda: sum(len(queue.waiting) for queue in made._queues.values()) == 2)
        with pytest.raises(ServingError, match="UNAVAILABLE: The batch scheduling queue to which this task was "
                                               "submitted is full"):
            Asker(made, np.zeros(1)).done()
        model.go.set()
        for asker in [running, *waiting]:
            asker.done()

    def test_one_bad_request_spoils_no_other(self, fake_model):
        made, model = batches(fake_model, max_batch_size=4, batch_timeout_micros=60_000_000)
        run = model.run

        def picky(feeds, fetches):
            if any((array < 0).any() for array in feeds.values()):
                raise ServingError(3, "below zero")
            return run(feeds, fetches)
        model.run = picky
        good, bad = Asker(made, np.array([1, 1])), Asker(made, np.array([-1, -1]))
        assert good.done()[0].tolist() == [2, 2]
        with pytest.raises(ServingError, match="below zero"):
            bad.done()
