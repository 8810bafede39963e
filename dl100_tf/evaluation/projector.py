"""The files that TensorBoard's projector reads: word vectors to turn and search in three dimensions."""

from collections.abc import Sequence

import numpy as np

from dl100_tf.evaluation.wording import clean

FOLDER = "tensorboard/projector"
MOST = 10_000  # words, as the page holds them all in the browser
CONFIG = """embeddings {{
  tensor_name: "{name}"
  tensor_path: "vectors.tsv"
  metadata_path: "metadata.tsv"
}}
"""


def project(run, words: Sequence[str], vectors: np.ndarray) -> None:
    """Write the first 10 000 words for TensorBoard's projector, under the run's `tensorboard/projector/`.

    `tensorboard --logdir RUN/tensorboard` shows them; only that program needs its plugin, not this one.

    Args:
        run: the `Run` to write into.
        words: the frequent ones first.
        vectors: float32 (words, dim).

    Source: https://www.tensorflow.org/tensorboard/tensorboard_projector_plugin
    """
    row = "\t".join(["%.6g"] * vectors.shape[1])
    run.write_text(f"{FOLDER}/vectors.tsv", "".join(row % tuple(one) + "\n" for one in vectors[:MOST].tolist()))
    run.write_text(f"{FOLDER}/metadata.tsv", "".join(f"{' '.join(clean(word).split())}\n" for word in words[:MOST]))
    run.write_text(f"{FOLDER}/projector_config.pbtxt", CONFIG.format(name=run.project))
