"""`training.fit`: exact resume from every instant, early stopping, schedules, determinism."""

import dataclasses
import os
import signal

import keras
import numpy as np
import pytest

from dl100_tf import cli, training
from dl100_tf.errors import Interrupted, UserError
from dl100_tf.run import Run
from dl100_tf.training import callbacks, checkpoints


@dataclasses.dataclass(frozen=True)
class Config(cli.Common):
    epochs: int = 4
    batch_size: int = 32
    learning_rate: float = 0.03
    deterministic: bool = True
    checkpoint_minutes: float = 0


def net(config):
    """Has what is hard to resume: dropout's random state and a batch norm's moving averages."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(16, "tanh"), keras.layers.BatchNormalization(),
                              keras.layers.Dropout(0.3), keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(config.learning_rate), "binary_crossentropy", metrics=["accuracy"])
    return model


def train(problem, config, name="run", stop_at=None):
    """One session of training; with `stop_at`, interrupted at that step of it."""
    training.set_seeds(config.seed, config.deterministic)
    model, run = net(config), Run("spirals", name)
    if stop_at is None:
        history = training.fit(model, problem, run, config)
        return model, history, run

    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if session.progress.total_steps == stop_at:
                os.kill(os.getpid(), signal.SIGINT)

    from dl100_tf.training.fit import Training
    session = Training(model, problem, run, config)
    session.callbacks.insert(1, Interrupt())
    with pytest.raises(Interrupted):
        session.go()
    return model, session.progress.history, run


def weights(model):
    return [keras.ops.convert_to_numpy(weight.value) for weight in model.weights]


def assert_same(one, other):
    assert all(np.array_equal(a, b) for a, b in zip(weights(one[0]), weights(other[0]), strict=True))
    assert one[1] == other[1]
    assert one[2].path("history.csv").read_bytes() == other[2].path("history.csv").read_bytes()


@pytest.mark.parametrize("settings", [  # linear and cosine are one_cycle's class
    {"schedule": "constant"}, {"schedule": "one_cycle"}, {"schedule": "plateau"}, {"precision": "mixed_bfloat16"}])
def test_a_run_stopped_twice_ends_bitwise_like_one_that_was_not(problem, settings):
    config = Config(**settings, patience=2, epochs=6)
    whole = train(problem, config, "whole")
    train(problem, config, "parts", stop_at=4)
    train(problem, config, "parts", stop_at=27)
    assert_same(whole, train(problem, config, "parts"))


def test_the_same_seed_gives_bitwise_the_same_weights_and_another_seed_does_not(problem):
    one, two = train(problem, Config(), "one"), train(problem, Config(), "two")
    assert_same(one, two)
    other = train(problem, Config(seed=1), "other")
    assert not np.array_equal(weights(one[0])[0], weights(other[0])[0])


def test_more_epochs_at_a_constant_rate_extend_a_finished_run_as_if_asked_for_at_once(problem):
    train(problem, Config(epochs=2), "extended")
    assert_same(train(problem, Config(epochs=5), "whole"), train(problem, Config(epochs=5), "extended"))


def test_a_finished_run_trains_no_more_and_has_its_best_weights(problem):
    first = train(problem, Config())
    again = train(problem, Config())
    assert_same(first, again)
    assert again[2].read_json("training.json")["steps"] == 4 * (330 // 32)


def test_early_stopping_ends_training_and_the_best_epoch_is_kept(problem):
    config = Config(epochs=50, patience=2, learning_rate=0.3)
    model, history, run = train(problem, config)
    facts = run.read_json("training.json")
    losses = [row["val_loss"] for row in history]
    assert facts["stopped_early"] and len(history) < 50
    assert facts["best_epoch"] == int(np.argmin(losses)) + 1
    loss = model.evaluate(problem.validation.x, problem.validation.y, verbose=0)[0]
    assert loss == pytest.approx(min(losses), abs=1e-6)


def test_the_last_epoch_is_kept_where_it_is_asked_for_whatever_the_stops(problem):
    config = Config(epochs=5, learning_rate=0.3, keep="last")
    model, history, run = train(problem, config, "whole")
    losses = [row["val_loss"] for row in history]
    assert losses[-1] != min(losses), "the problem should overshoot"
    loss = model.evaluate(problem.validation.x, problem.validation.y, verbose=0)[0]
    assert loss == pytest.approx(losses[-1], abs=1e-6) and run.read_json("training.json")["best_epoch"] == 5
    train(problem, config, "stopped", stop_at=27)
    assert_same((model, history, run), train(problem, config, "stopped"))


def test_patience_and_the_last_epoch_exclude_each_other():
    with pytest.raises(UserError, match="--keep last"):
        Config(keep="last", patience=2)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_weights_kept_are_a_file_too(problem, keep):
    config = Config(keep=keep)
    model, _, run = train(problem, config)
    twin = net(config)
    twin.load_weights(run.path("best.weights.h5"))
    assert all(np.array_equal(a, b) for a, b in zip(weights(model), weights(twin), strict=True))


def test_a_net_that_begins_anew_learns_as_a_new_one_does(problem):
    config = Config(epochs=2)
    training.set_seeds(config.seed, config.deterministic)
    again = net(config)
    anew = training.remembered(again)
    training.fit(again, problem, Run("spirals", "other"), dataclasses.replace(config, seed=3))
    learnt, traced = weights(again), again.train_function
    anew()
    run = Run("spirals", "again")
    history = training.fit(again, problem, run, config)
    assert again.train_function is traced, "it isn't traced again"
    assert_same((again, history, run), train(problem, config, "new"))
    assert not np.array_equal(learnt[0], weights(again)[0])


def test_every_epoch_sees_every_batch_once_whatever_the_stops(problem):
    batches = training.batches.Batches(problem.train, 32, seed=3)
    whole = [np.asarray(x) for x, _ in batches.epoch(1)]
    rest = [np.asarray(x) for x, _ in batches.epoch(1, done=4)]
    assert len(whole) == batches.steps == 10
    assert all(np.array_equal(a, b) for a, b in zip(whole[4:], rest, strict=True))
    rows = np.concatenate(whole)
    assert len(np.unique(rows, axis=0)) == 320


def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(problem):
    config = Config(checkpoint_steps=3)
    whole = train(problem, config, "whole")
    run = train(problem, config, "damaged", stop_at=17)[2]
    newest = max(run.path("checkpoints").glob("step-*.npz"))
    newest.write_bytes(newest.read_bytes()[:-700])
    with pytest.warns(UserWarning, match=r"damaged .* taking the one before"):
        assert_same(whole, train(problem, config, run.name))


def test_a_checkpoint_made_with_other_settings_is_refused_whatever_config_json_says(problem):
    train(problem, Config(), stop_at=5)
    with pytest.raises(UserError, match="made with another batch_size, seed"):
        train(problem, Config(batch_size=16, seed=2))


def test_a_checkpoint_that_is_older_than_a_setting_had_its_default(problem):
    train(problem, Config(epochs=1), "run")
    store = checkpoints.Checkpoints(Run("spirals", "run").path("checkpoints"))
    arrays, facts = store.load()
    del facts["made with"]["precision"], facts["made with"]["keep"]
    store.save(facts["progress"]["total_steps"], arrays, facts)
    train(problem, Config(epochs=2), "run")
    with pytest.raises(UserError, match="made with another keep"):
        train(problem, Config(epochs=3, keep="last"), "run")


def test_fewer_epochs_than_are_done_are_refused(problem):
    train(problem, Config(), stop_at=25)
    with pytest.raises(UserError, match="trained for 2 epochs already"):
        train(problem, Config(epochs=1))


def test_a_stop_that_comes_after_the_last_step_is_met_too(problem, monkeypatch):
    from dl100_tf.training.callbacks import AcrossEpochs

    monkeypatch.setattr(AcrossEpochs, "end", lambda self: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(Interrupted):
        train(problem, Config())


def test_a_closed_output_does_not_end_the_training(problem, monkeypatch):
    def closed(*words, **options):
        raise BrokenPipeError

    monkeypatch.setattr("dl100_tf.training.interrupts.print", closed, raising=False)
    kept = os.dup(1)
    try:
        assert len(train(problem, Config())[1]) == 4
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def test_a_checkpoint_of_another_model_is_refused(problem):
    run = train(problem, Config(), stop_at=5)[2]
    checkpoint = checkpoints.Checkpoints(run.path("checkpoints"))
    arrays, facts = checkpoint.load()
    arrays["model/0"] = arrays["model/0"][:, :3]
    checkpoint.save(99, arrays, facts)
    with pytest.raises(UserError, match="doesn't fit the model"):
        train(problem, Config())


def test_other_data_than_the_run_was_begun_with_is_refused(problem):
    train(problem, Config(), stop_at=5)
    other = dataclasses.replace(problem, source=dataclasses.replace(problem.source, digest="1"))
    with pytest.raises(UserError, match="begun on other data"):
        train(other, Config())


def test_a_batch_larger_than_the_data_is_one_batch(problem):
    assert train(problem, Config(batch_size=1000))[2].read_json("training.json")["steps"] == 4


def test_only_the_newest_two_checkpoints_stay(problem):
    run = train(problem, Config(checkpoint_steps=2))[2]
    assert len(list(run.path("checkpoints").iterdir())) == 2


def test_tensorboard_has_scalars_graph_and_hyper_parameters(problem):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = train(problem, Config())[2]
    events = EventAccumulator(str(run.path("tensorboard/train"))).Reload()
    assert {"epoch_loss", "epoch_accuracy"} <= set(events.Tags()["tensors"])
    plugins = {metadata.plugin_data.plugin_name for metadata in events.summary_metadata.values()}
    assert "graph_keras_model" in plugins and "hparams" not in plugins
    above = EventAccumulator(str(run.path("tensorboard"))).Reload()  # where the page finds both folders beneath it
    assert "hparams" in {metadata.plugin_data.plugin_name for metadata in above.summary_metadata.values()}
    assert len(events.Tensors("epoch_loss")) == 4


def test_one_cycle_rises_and_falls_and_cosine_only_falls():
    progress = checkpoints.Progress()
    cycle = callbacks.LearningRate("one_cycle", 1.0, steps=10, epochs=10, progress=progress)
    rates = [cycle.at(step) for step in range(100)]
    assert np.argmax(rates) == 20 and rates[20] == pytest.approx(1.0) and rates[0] < 0.02 and rates[-1] < 0.03
    cosine = callbacks.LearningRate("cosine", 1.0, steps=10, epochs=10, progress=progress)
    rates = [cosine.at(step) for step in range(100)]
    assert rates == sorted(rates, reverse=True) and rates[0] == pytest.approx(1.0)


def test_weights_averaged_by_the_optimizer_are_refused_in_words(problem):
    model = net(Config())
    model.compile(keras.optimizers.Adam(use_ema=True), "binary_crossentropy")
    with pytest.raises(ValueError, match="use_ema"):
        training.fit(model, problem, Run("spirals", "ema"), Config())


def noisy(x, y, key, epoch):
    """An augmentation that shows by its result which key and epoch it was given."""
    import tensorflow as tf

    return x + 0.1 * (epoch + 1) * tf.random.stateless_normal(tf.shape(x), key), y


@pytest.mark.parametrize("stop_at", [3, 10, 25])
def test_an_augmented_run_stopped_anywhere_ends_bitwise_like_one_that_was_not(problem, stop_at):
    def train_augmented(name, stop_at=None):
        training.set_seeds(0, True)
        model, run = net(Config()), Run("spirals", name)
        interrupt = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: (
            os.kill(os.getpid(), signal.SIGINT) if model.optimizer.iterations.numpy() == stop_at else None))
        return model, training.fit(model, problem, run, Config(), augment=noisy, callbacks=[interrupt]), run

    whole = train_augmented("whole")
    with pytest.raises(Interrupted):
        train_augmented("stopped", stop_at)
    assert_same(whole, train_augmented("stopped"))


def test_every_step_and_epoch_is_augmented_in_another_way_and_always_the_same(problem):
    from dl100_tf.training.batches import Batches

    def keys(epoch, done=0):
        batches = Batches(problem.train, 32, seed=5, augment=lambda x, y, key, epoch: (key, tf.constant(epoch)))
        return [tuple(key.numpy()) for key, number in batches.epoch(epoch, done) if number == epoch]

    import tensorflow as tf

    first, second = keys(0), keys(1)
    assert len({*first, *second}) == 20 and first == keys(0) and first[4:] == keys(0, done=4)


def test_training_from_the_disk_is_training_from_memory(problem, tmp_path):
    def on_disk(array, name):
        stored = np.lib.format.open_memmap(tmp_path / name, "w+", array.dtype, array.shape)
        stored[:] = array
        return np.load(tmp_path / name, mmap_mode="r")

    parts = {name: dataclasses.replace(part, x=on_disk(part.x, f"{name}.npy")) for name, part in
             (("train", problem.train), ("validation", problem.validation))}
    assert isinstance(parts["train"].x, np.memmap)
    one = train(problem, Config(), "memory")
    assert_same(one, train(dataclasses.replace(problem, **parts), Config(), "disk"))
