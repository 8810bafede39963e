"""How far features are from those of normal examples: computed with NumPy, and as layers of a model that is served.

A detector is fitted to features of normal examples alone, float32 (n, d), and then gives each row a distance.
"""

import numpy as np

from dl100_tf.errors import Unfit

CHUNK = 1000  # rows that are compared at once
SURE = 0.95  # the share of normal examples below the threshold
GENTLE = 4  # standard deviations from the threshold at which an answer is 0.27 or 0.73: no rounding decides it


class Neighbours:
    """The mean distance to the nearest normal examples, by the angle between features: 1 - cosine.

    Source: Bergman, Cohen, Hoshen 2020, Deep Nearest Neighbor Anomaly Detection, https://arxiv.org/abs/2002.10445
    """

    def __init__(self, normal: np.ndarray, count: int = 2):
        """Keep the normal features.

        Args:
            normal: (n, d).
            count: how many of the nearest are asked.

        Raises:
            Unfit: there are fewer than that.
        """
        if len(normal) < count:
            raise Unfit(f"{count} neighbours are asked for and there are {len(normal)} normal pictures: give "
                            "--neighbours less.")
        self.count, rows = count, _unit(np.asarray(normal, "float64"))
        self.mean = rows.mean(axis=0)
        self.kept = (rows - self.mean).astype("float32")
        self.bias = (-np.square(self.kept).sum(axis=1, dtype="float64") / 2).astype("float32")

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """The distance of each of (n, d), float32 (n,)."""
        return np.concatenate([self._distances(np.asarray(features[start:start + CHUNK], "float64"))
                               for start in range(0, len(features), CHUNK)])

    def _distances(self, features: np.ndarray) -> np.ndarray:
        """1 - cosine is half of the squared distance: measured from the mean, it isn't a small rest of large numbers.

        With x and v of length 1 and less the mean, that is |x|^2/2 - (xv - |v|^2/2).
        """
        rows = (_unit(features) - self.mean).astype("float32")
        near = np.partition(rows @ self.kept.T + self.bias, -self.count, axis=1)[:, -self.count:]
        return np.square(rows).sum(axis=1) / 2 - near.mean(axis=1)

    def as_layers(self, features):
        """The same of a Keras tensor (batch, d): (batch, 1). All normal features are the kernel of one dense layer."""
        import keras
        from keras import layers

        rows = layers.Normalization(mean=self.mean, variance=np.ones_like(self.mean), name="from_the_mean")(
            layers.UnitNormalization()(features))
        dense = layers.Dense(len(self.kept), trainable=False, name="normal")
        near = keras.ops.top_k(dense(rows), self.count)[0]
        dense.set_weights([self.kept.T, self.bias])
        half = keras.ops.sum(keras.ops.square(rows), axis=1, keepdims=True) / 2
        return half - keras.ops.mean(near, axis=1, keepdims=True)


class Mahalanobis:
    """The distance to the mean of normal features, beside how they vary in each direction.

    The covariance of d features from n examples is uncertain, and its inverse more so: it is shrunk towards features
    that don't go together and vary alike, after each was brought to variance 1.

    Source: Lee et al. 2018, https://arxiv.org/abs/1807.03888; Rippel et al. 2020, https://arxiv.org/abs/2005.14140
    """

    def __init__(self, normal: np.ndarray, shrinkage: float = 0.1):
        """Fit mean and covariance.

        Args:
            normal: (n, d), two at least.
            shrinkage: 0: the covariance as it is; 1: none but the variances.
        """
        normal = np.asarray(normal, "float64")
        self.mean, deviation = normal.mean(axis=0), normal.std(axis=0)
        deviation = np.maximum(deviation, 1e-3 * deviation.mean() + 1e-12)  # what never varies tells nothing
        scaled = (normal - self.mean) / deviation
        covariance = (1 - shrinkage) * scaled.T @ scaled / len(scaled)
        covariance += (shrinkage + 1e-9) * np.eye(len(deviation))  # where features vary together, it has an inverse
        self.whitening = np.linalg.inv(np.linalg.cholesky(covariance)).T / deviation[:, None]

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """The distance of each of (n, d), root of the mean over the directions, float32 (n,)."""
        rows = [(np.asarray(features[start:start + CHUNK], "float64") - self.mean) @ self.whitening
                for start in range(0, len(features), CHUNK)]
        return np.concatenate([np.sqrt(np.square(some).mean(axis=1)) for some in rows]).astype("float32")

    def as_layers(self, features):
        """The same of a Keras tensor (batch, d): (batch, 1). One dense layer takes the mean off and whitens."""
        import keras
        from keras import layers

        dense = layers.Dense(self.whitening.shape[1], trainable=False, name="whitening")
        white = dense(features)
        dense.set_weights([self.whitening.astype("float32"), (-self.mean @ self.whitening).astype("float32")])
        return keras.ops.sqrt(keras.ops.mean(keras.ops.square(white), axis=1, keepdims=True))


def refuse_too_many(neighbours: int, y: np.ndarray) -> None:
    """Say so before anything is trained where a class has fewer pictures than `neighbours`; y (n,) counts from 0."""
    fewest = int(np.bincount(y).min())
    if neighbours > fewest:
        raise Unfit(f"--neighbours {neighbours}: there are {fewest} pictures of a class to learn from. Give it "
                        "less, and another --run name.")


def of_each(features: np.ndarray, y: np.ndarray, neighbours: int, shrinkage: float) -> dict[str, list]:
    """Both kinds of detector by name, each fitted to every class of (n, d) as the normal one; y (n,) counts from 0."""
    own = [features[y == normal] for normal in range(y.max() + 1)]
    return {"neighbours": [Neighbours(one, neighbours) for one in own],
            "mahalanobis": [Mahalanobis(one, shrinkage) for one in own]}


def threshold(normal: np.ndarray) -> tuple[float, float]:
    """From which distance on an example is judged to be none of the normal ones, and how far from it one is quite sure.

    Args:
        normal: distances of normal examples that the detector was not fitted to, (n,).

    Returns:
        What 95 % of them stay below, and four times their standard deviation.
    """
    return float(np.quantile(normal, SURE)), float(max(GENTLE * normal.std(), 1e-6 * np.abs(normal).max(), 1e-12))


def judges(model, detector, at: float, scale: float, name: str):
    """Put a detector behind what sees: pictures to how anomalous they are, between 0 and 1.

    Args:
        model: `keras.Model` to features, (batch, d).
        detector: fitted to its features.
        at, scale: from `threshold`; at this distance the answer is a half.
        name: the model's.

    Returns:
        `keras.Model` from what `model` takes to `probability`, float32 (batch, 1). All layers are Keras' own.
    """
    import keras
    from keras import layers

    distance = detector.as_layers(model.outputs[0])
    centred = layers.Rescaling(1 / scale, -at / scale)(distance)
    return keras.Model(model.inputs[0], layers.Activation("sigmoid", name="probability", dtype="float32")(centred),
                       name=name)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
