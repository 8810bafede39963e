"""What `rnn_shakespeare` is measured against, built from its settings in our own code.

`python benchmarks/peers_rnn_shakespeare.py nano_gpt <seed>` prints its result as JSON.
"""

import math
import time

import measuring
import numpy as np

WIDTH, HEADS, LAYERS, CONTEXT, BATCH, STEPS = 128, 4, 4, 64, 12, 2000
PEAK, LEAST, WARMUP = 1e-3, 1e-4, 100  # learning rates, and the steps in which the first is reached


def nano_gpt(seed: int) -> dict:
    """nanoGPT's setting for a CPU (https://github.com/karpathy/nanoGPT, README): a GPT of 4 layers, 4 heads, width 128,
    context 64, no dropout, batches of 12 random windows, 2000 steps of AdamW; published at 1.88.

    Its published loss is a mean over 20 random batches of the last tenth. Here it is over all windows of 64 side by
    side in it: as there, each character of a window is guessed from those before it in the window.
    """
    import keras

    from dl100_tf.data import characters, shakespeare

    book = shakespeare.load("local")
    train, held = (characters.ids(part, book.alphabet) - characters.SPECIAL for part in (book.learnt, book.held))
    keras.utils.set_random_seed(seed)
    model = gpt(len(book.alphabet))
    optimizer = keras.optimizers.AdamW(PEAK, beta_2=0.99, weight_decay=0.1, global_clipnorm=1.0)
    optimizer.exclude_from_weight_decay(var_names=["gamma"])
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    random, seconds = np.random.default_rng(seed), 0.0
    for step in range(STEPS):
        x, y = windows(train, random.integers(0, len(train) - CONTEXT, BATCH))
        start = time.monotonic()
        optimizer.learning_rate.assign(rate(step))
        model.train_on_batch(x, y)
        seconds += time.monotonic() - start
    x, y = windows(held, np.arange(0, len(held) - CONTEXT, CONTEXT))
    loss = model.evaluate(x, y, batch_size=128, verbose=0)
    return {"nats_per_character": loss, "seconds": seconds, "parameters": model.count_params(), "steps": STEPS}


def gpt(kinds: int):
    """Numbers of characters (batch, context) to logits of the next ones (batch, context, kinds)."""
    import keras
    from keras import initializers, layers, ops

    small = {"kernel_initializer": initializers.RandomNormal(stddev=0.02)}
    last = {"kernel_initializer": initializers.RandomNormal(stddev=0.02 / math.sqrt(2 * LAYERS))}  # before a sum

    def norm():
        return layers.LayerNormalization(epsilon=1e-5, center=False)

    characters = keras.Input((CONTEXT,), dtype="int32")
    table = layers.ReversibleEmbedding(kinds, WIDTH, embeddings_initializer=initializers.RandomNormal(stddev=0.02))
    places = layers.Embedding(CONTEXT, WIDTH, embeddings_initializer=initializers.RandomNormal(stddev=0.02))
    x = table(characters) + places(ops.arange(CONTEXT))
    for _ in range(LAYERS):
        query, key, value = (layers.EinsumDense("btd,dhe->bthe", (CONTEXT, HEADS, WIDTH // HEADS), **small)(seen)
                             for seen in [norm()(x)] * 3)
        seen = ops.dot_product_attention(query, key, value, is_causal=True)
        x = x + layers.EinsumDense("bthe,hed->btd", (CONTEXT, WIDTH), **last)(seen)
        hidden = layers.Dense(4 * WIDTH, "gelu", use_bias=False, **small)(norm()(x))
        x = x + layers.Dense(WIDTH, use_bias=False, **last)(hidden)
    return keras.Model(characters, table(norm()(x), reverse=True))


def rate(step: int) -> float:
    """The learning rate of a step: a straight line up, half a cosine down."""
    if step < WARMUP:
        return PEAK * step / WARMUP
    return LEAST + (PEAK - LEAST) * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP))) / 2


def windows(text: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Windows of the text that begin at `starts`, and the same one character on: int32 (n, context)."""
    at = starts[:, None] + np.arange(CONTEXT)
    return text[at], text[at + 1]


PEERS = {"nano_gpt": nano_gpt}

if __name__ == "__main__":
    measuring.answer(PEERS)
