"""News stories told by desk with a small transformer, whose attention is written out and can be looked at.

Idea    Every word asks all words what they have to say: scaled dot products, heads, masks, residuals and norms.
Data    AG News: 120 000 stories of four desks to learn from, 7 600 to be tested on.
Run     python -m dl100_tf.projects.transformer_agnews
Expect  88.63 ± 0.23 % test accuracy, 3 epochs, 23 s of training on 2 cores
"""

from dataclasses import dataclass

from dl100_tf import cli, evaluation, models, training
from dl100_tf.data import agnews, text
from dl100_tf.errors import UserError


@dataclass(frozen=True)
class Config(cli.Common):
    epochs: int = 3  # passes over the training stories; more than a finished run has extend it
    batch_size: int = 128  # stories a step
    learning_rate: float = 4e-3  # the largest learning rate
    schedule: cli.Schedule = "linear"  # how the learning rate moves
    vocab_size: int = 20_000  # keep only the most frequent words
    length: int = 48  # words of a story that are read
    width: int = 32  # numbers a word becomes
    blocks: int = 1  # times that the words hear each other
    heads: int = 4  # conversations that go on at once in a block
    hidden: int = 64  # units of the net with which a word thinks over what it heard
    forget: float = 0.3  # part of the words that are left out of a training story
    dropout: float = 0.4  # part of the numbers of every word left out while training
    smoothing: float = 0.1  # part of the truth that is spread over all desks, so that nothing is certain

    def __post_init__(self):
        super().__post_init__()
        if self.width % self.heads:
            raise UserError(f"--heads can't be {self.heads}: each has an equal part of the --width {self.width}.")


def load_data(config):
    """Stories as they were written; as many of each desk are held out of the training stories for validation."""
    return agnews.load(config.source, config.data_dir, validation=0.05, seed=config.seed)


def build_model(config):
    """Token ids (batch, length) in, the probability of each desk (batch, 4) out."""
    import keras
    from keras import layers, ops

    tokens = keras.Input((config.length,), dtype="int32", name="tokens")
    real = ops.cast(ops.not_equal(tokens, 0), "float32")
    words = layers.SpatialDropout1D(config.dropout)(layers.Embedding(config.vocab_size, config.width)(tokens))
    words = layers.Dropout(config.forget, noise_shape=(None, config.length, 1))(words)  # a word is there or it isn't
    x = words + models.attention.positions(config.length, config.width)[None] / 10
    for block in range(1, config.blocks + 1):
        x = models.attention.encoder(x, real, config.heads, config.hidden, config.dropout / 2, f"attention_{block}")
    x = models.attention.pooled(layers.LayerNormalization()(x), real)
    x = layers.Dropout(0.5)(layers.Concatenate()([x, models.attention.pooled(words, real)]))
    probability = layers.Dense(len(agnews.LABELS), activation="softmax", name="probability")(x)
    net = keras.Model(tokens, probability, name="transformer_agnews")
    net.compile(keras.optimizers.Adam(config.learning_rate), "kl_divergence", metrics=["accuracy"])  # see one_hot
    return net


def predict(model, config, story: str):
    """How likely each desk is to have written a news story, in plain English."""
    import tensorflow as tf

    return model.predict(tf.constant([text.with_words(story)]), verbose=0)[0]


def recipe(config, run):
    stories = load_data(config)
    tokenizer = text.tokenizer(stories.train.x, config.vocab_size, config.length, models.letters)
    data = text.tokenize(stories, tokenizer).one_hot(even=True, smoothing=config.smoothing)
    net = build_model(config)
    training.fit(net, data, run, config)
    model = models.reads_text(tokenizer, net)  # what is saved takes stories as they were written
    run.save(model)
    scores = evaluation.score(model, stories, run, noun="stories")
    evaluation.plot(run)
    shown = data.test.x[evaluation.readable(data.test.x, stories.test.y)]
    words = tokenizer.get_vocabulary()
    maps = models.attention.weights(net, f"attention_{config.blocks}", shown)
    evaluation.draw_attention(run, [[words[number] for number in row if number] for row in shown], maps)
    evaluation.explain_text(model, stories, run)
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
