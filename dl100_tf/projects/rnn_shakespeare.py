"""Shakespeare, character by character, with a recurrent net that writes as one watches.

Idea    A cell reads a character, changes its state, and guesses the next: what it wrote is what it reads next.
Data    Tiny Shakespeare: 1 115 394 characters, the first nine tenths to learn from, the last to be tested on.
Run     python -m dl100_tf.projects.rnn_shakespeare
Expect  1.500 ± 0.004 nats/character on the last tenth, 10 epochs, 276 s of training on 2 cores
"""

import math
from dataclasses import dataclass
from typing import Literal

from dl100_tf import cli, evaluation, training
from dl100_tf.data import characters, shakespeare
from dl100_tf.errors import UserError
from dl100_tf.models import reads_characters, recurrent

PROMPT = "ROMEO:"  # the report's samples go on from it, in a text that has these letters


@dataclass(frozen=True)
class Config(cli.Common):
    epochs: int = 10  # passes over the text; more than a finished run has extend it
    batch_size: int = 64  # windows a step
    learning_rate: float = 8e-3  # the largest learning rate
    schedule: cli.Schedule = "one_cycle"  # how the learning rate moves
    cell: Literal["gru", "lstm", "rnn"] = "gru"  # gated recurrent unit, long short-term memory, or simple RNN
    length: int = 64  # characters of a training window
    embedding: int = 64  # numbers a character becomes
    units: int = 256  # numbers in a cell's state
    layers: int = 1  # cells above each other
    dropout: float = 0.2  # part of what a cell gives that is left out while training
    window: int = 100  # characters that the saved model reads before it guesses the next


def load_data(config):
    """The text in two parts by position, and windows of it with the character that follows each."""
    return shakespeare.load(config.source, config.data_dir, config.window)


def build_model(config, kinds: int, window: int | None = None):
    """Ids (batch, n) of `kinds` characters in, logits of each next one (batch, n, kinds) out.

    To learn with, compiled and for an n of `config.length`; or to be saved, for an n of `window`, ids of 0 skipped.
    """
    import keras
    from keras import layers

    cell = {"gru": layers.GRU, "lstm": layers.LSTM, "rnn": layers.SimpleRNN}[config.cell]
    ids = keras.Input((window or config.length,), dtype="int32", name="ids")
    x = layers.Embedding(kinds + characters.SPECIAL, config.embedding, mask_zero=bool(window))(ids)
    for _ in range(config.layers):
        x, *_ = cell(config.units, return_sequences=True, return_state=True, unroll=not window)(x)  # a quarter faster
        x = layers.Dropout(config.dropout)(x)
    model = keras.Model(ids, layers.Dense(kinds, name="logits")(x), name="rnn_shakespeare")
    if not window:  # an optimizer that has learnt nothing is not worth saving
        model.compile(keras.optimizers.Adam(config.learning_rate, beta_2=0.99, global_clipnorm=1.0),
                      keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def predict(model, config, prompt: str, *, temperature: float = 0.8, top_k: int = 0, length: int = 500, seed: int = 0):
    """Write on from a prompt, one character after the other.

    Args:
        temperature: below 1 the likely becomes likelier, 0 always takes the likeliest, above 1 all becomes alike
        top_k: choose among so many of the likeliest characters; 0: among all
        length: characters to write
        seed: the same seed writes the same text
    """
    known = "".join(model.get_layer("tokenizer").get_vocabulary()[characters.SPECIAL:])
    unknown = sorted(set(prompt) - set(known))
    if unknown:
        raise UserError("the prompt has characters that this run has never read "
                        f"({' '.join(map(characters.name, unknown[:10]))}): use those of the text it learnt from.")
    if not temperature >= 0 or top_k < 0 or length < 1 or seed < 0:
        raise UserError("--temperature, --top-k and --seed can't be below 0, nor --length below 1.")
    reader = recurrent.Reader(model.get_layer("rnn_shakespeare"))
    return written(reader, known, prompt, length, temperature, top_k, seed)


def written(reader, known, prompt, length, temperature, top_k, seed):
    """The prompt, and what the net writes behind it; it has forgotten what lies thousands of characters back."""
    yield prompt
    ids = characters.ids(prompt[-2000:] or "\n", known)  # an empty prompt is the beginning of a line
    for number in recurrent.continued(reader, ids, characters.SPECIAL, length, temperature=temperature, top_k=top_k,
                                      seed=seed):
        yield known[number]


def recipe(config, run):
    import keras

    book = load_data(config)
    known, kinds = book.alphabet, len(book.labels)
    prompt = PROMPT if set(PROMPT) <= set(known) else "\n"
    reader = recurrent.Reader(net := build_model(config, kinds))
    samples = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: run.write_text(
        f"samples/{epoch + 1}.txt", "".join(written(reader, known, prompt, 300, 0.8, 0, (config.seed, epoch)))))
    epochs = training.fit(net, characters.windows(book, config.length), run, config, callbacks=[samples],
                          augment=characters.shifted(book, config.length))
    saved = build_model(config, kinds, config.window)
    saved.set_weights(net.get_weights())
    model = reads_characters(known, saved, config.window)
    run.save(model)
    labels = evaluation.score(model, book, run)["labels"]
    nats, right = recurrent.losses(reader, characters.ids(book.held, known), characters.SPECIAL)
    scores = evaluation.record(run, book, {
        "nats_per_character": nats.mean(), "bits_per_character": nats.mean() / math.log(2), "accuracy": right.mean(),
    }, len(nats), "characters", headline=("nats_per_character", "bits_per_character", "accuracy"), labels=labels)
    evaluation.plot(run)
    evaluation.table(run, "samples", [
        {"epoch": row["epoch"], "text": run.path(f"samples/{row['epoch']}.txt").read_text(encoding="utf-8")}
        for row in epochs], "What it wrote after each epoch", "Each character is drawn at temperature 0.8.")
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
