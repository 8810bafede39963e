"""What a generator makes of the same points while it learns, and its weights at the end of each epoch."""

import keras
import numpy as np

RATIO = 1.15  # of a film's frames: most of what is to be seen happens in the first epochs
MOMENTS = frozenset(round(RATIO**number) for number in range(120))  # steps after which a frame is kept


class Snapshots(keras.callbacks.Callback):
    """Keeps frames of a film in `film/<step>.npy`, uint8 (n, h, w, c), and `epochs/<epoch>.weights.h5`, in the run.

    Which steps are kept depends on their number alone, and what is made on the weights alone: a run that was killed has
    the same frames in the end.

    Args:
        run: the run directory.
        net: the generator, from points to pictures from -1 to 1.
        latents: the points, float32 (n, d).
    """

    def __init__(self, run, net, latents: np.ndarray):
        super().__init__()
        self._run, self._net, self._latents = run, net, latents

    def on_epoch_begin(self, epoch, logs=None):
        self._due()  # a resumed run stands where it was stopped, perhaps between its checkpoint and this step's frame

    def on_train_batch_end(self, batch, logs=None):
        self._due()

    def on_epoch_end(self, epoch, logs=None):
        self._frame()
        with self._run.writing(f"epochs/{epoch + 1:04d}.weights.h5") as file:
            self._net.save_weights(file)

    def _due(self):
        if self.model.steps in MOMENTS:
            self._frame()

    def _frame(self):
        made = keras.ops.convert_to_numpy(self._net(self._latents, training=False))
        with self._run.writing(f"film/{self.model.steps:08d}.npy") as path, open(path, "wb") as file:
            np.save(file, (127.5 * made + 127.5).round().clip(0, 255).astype("uint8"))
