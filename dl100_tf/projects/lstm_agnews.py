"""News stories told by desk with an LSTM, over words that begin at random or as others have trained them.

Idea    Words begin at random, or as word2vec or GloVe knows them; an LSTM follows the phrases that they make.
Data    AG News: 120 000 stories of four desks to learn from, 7 600 to be tested on.
Run     python -m dl100_tf.projects.lstm_agnews
Expect  89.11 ± 0.03 % test accuracy, 4 epochs, 26 s of training on 2 cores
"""

import re
from dataclasses import dataclass, replace

from dl100_tf import cli, evaluation, models, training
from dl100_tf.data import agnews, console, pretrained, text
from dl100_tf.errors import UserError


@dataclass(frozen=True)
class Config(cli.Common):
    epochs: int = 4  # passes over the training stories, for every row; more than a finished run has extend it
    batch_size: int = 128  # stories a step
    learning_rate: float = 4e-3  # the largest learning rate
    schedule: cli.Schedule = "linear"  # how the learning rate moves
    vectors: str = "none"  # what words begin as: none, glove, a file of word vectors, or a run of word2vec_text8
    frozen: bool = False  # leave the words as they begin
    rows: bool = True  # also train every other row of the table: each kind of vectors that is there, frozen and not
    vocab_size: int = 20_000  # keep only the most frequent words
    length: int = 48  # words of a story that are read
    embedding: int = 32  # numbers a word becomes, where no vectors say how many
    phrases: int = 64  # features looked for in every two words, and as many in every four
    pool: int = 3  # neighbouring places that the LSTMs see as one
    units: int = 32  # of each of the two LSTMs
    forget: float = 0.3  # part of the words that are left out of a training story
    dropout: float = 0.4  # part of the numbers of every word left out while training
    smoothing: float = 0.1  # part of the truth that is spread over all desks, so that nothing is certain

    def __post_init__(self):
        super().__post_init__()
        if self.pool > self.length:
            raise UserError(f"--pool can't be {self.pool}: a story has --length {self.length} words.")


def load_data(config):
    """Stories as they were written; as many of each desk are held out of the training stories for validation."""
    return agnews.load(config.source, config.data_dir, validation=0.05, seed=config.seed)


def build_model(config, first=None):
    """Token ids (batch, length) in, the probability of each desk (batch, 4) out; `first`: a `pretrained.Table`."""
    import keras
    from keras import layers

    count, width = first.matrix.shape if first else (config.vocab_size, config.embedding)
    tokens = keras.Input((config.length,), dtype="int32", name="tokens")
    table = layers.Embedding(count, width, trainable=not config.frozen, name="words")
    words = layers.Dropout(config.forget, noise_shape=(None, config.length, 1))(table(tokens))
    words = layers.SpatialDropout1D(config.dropout)(words)
    if first:
        table.set_weights([first.matrix])
    phrases = layers.Concatenate()([layers.Conv1D(config.phrases, width, padding="same", activation="relu")(words)
                                    for width in (2, 4)])
    phrases = layers.AveragePooling1D(config.pool)(phrases)  # the recurrence is the slow part: 16 steps, not 48
    story = layers.Bidirectional(layers.LSTM(config.units, return_sequences=True))(phrases)
    x = layers.Concatenate()([layers.GlobalMaxPooling1D()(story), layers.GlobalAveragePooling1D()(story),
                              layers.GlobalAveragePooling1D()(words)])  # the last: mere words, which generalise well
    x = layers.Dropout(0.5)(x)
    probability = layers.Dense(len(agnews.LABELS), activation="softmax", name="probability")(x)
    net = keras.Model(tokens, probability, name="lstm_agnews")
    net.compile(keras.optimizers.Adam(config.learning_rate), "kl_divergence", metrics=["accuracy"])  # see one_hot
    return net


def predict(model, config, story: str):
    """How likely each desk is to have written a news story, in plain English."""
    import tensorflow as tf

    return model.predict(tf.constant([text.with_words(story)]), verbose=0)[0]


def learn(config, data, vocabulary, run):
    """Train the net with the words of `config`, unless an earlier session has; the net, and its row of the table."""
    words = "frozen" if config.frozen else "trained"
    console.say(f"vectors {config.vectors}, {words}:")
    training.set_seeds(config.seed, config.deterministic)  # the same for every row
    first = None if config.vectors == "none" else pretrained.table(
        pretrained.find(config.vectors, config.data_dir), vocabulary, config.seed)
    net = build_model(config, first)
    training.fit(net, data, run, config)
    accuracy = {f"{name} accuracy": net.evaluate(split.x, split.y, batch_size=256, verbose=0)[1]
                for name, split in (("validation", data.validation), ("test", data.test))}
    return net, {"vectors": config.vectors, "words": words, "known words": f"{first.known:.0%}" if first else "",
                 **accuracy, "seconds": run.read_json("training.json")["train_seconds"]}


def others(config):
    """The settings of the table's other rows, by name: all kinds of vectors that are here, frozen and not."""
    kinds = dict.fromkeys([config.vectors, *pretrained.here(config.data_dir)])
    rows = {f"{re.sub('[^A-Za-z0-9-]+', '_', kind)[-80:]}{'_frozen' * frozen}": replace(
        config, vectors=kind, frozen=frozen) for kind in kinds for frozen in (False, True)}
    return {name: its for name, its in rows.items() if its != config} if config.rows else {}


def recipe(config, run):
    stories = load_data(config)
    tokenizer = text.tokenizer(stories.train.x, config.vocab_size, config.length, models.letters)
    vocabulary = tokenizer.get_vocabulary()
    data = text.tokenize(stories, tokenizer).one_hot(even=True, smoothing=config.smoothing)
    net, row = learn(config, data, vocabulary, run)
    model = models.reads_text(tokenizer, net)  # what is saved takes stories as they were written
    run.save(model)
    scores = evaluation.score(model, stories, run, noun="stories")
    rows = [learn(its, data, vocabulary, run.part(name))[1] for name, its in others(config).items()]
    evaluation.table(run, "vectors", [row, *rows], "What words begin as, and whether they may change", mark=[0])
    evaluation.plot(run)
    evaluation.explain_text(model, stories, run)
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
