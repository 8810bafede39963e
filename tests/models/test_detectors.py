"""Detectors: near what is normal, far from what isn't, and the same as layers of a model."""

import keras
import numpy as np
import pytest
from sklearn.covariance import EmpiricalCovariance
from sklearn.neighbors import NearestNeighbors

from dl100_tf.errors import UserError
from dl100_tf.models import detectors


@pytest.fixture
def features():
    """Normal ones around a line, others beside it."""
    random = np.random.default_rng(0)
    normal = 3 + random.normal(size=(200, 1)) * [1, 1, 0.5, 0.2] + random.normal(0, 0.1, (200, 4))
    return normal.astype("float32"), np.add(normal[:50], [0.8, -0.8, 0, 0]).astype("float32")


KINDS = {"neighbours": lambda x: detectors.Neighbours(x, 3), "mahalanobis": lambda x: detectors.Mahalanobis(x, 0.01)}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_normal_is_further_off(features, kind):
    normal, others = features
    detector = KINDS[kind](normal[:150])
    near, far = detector(normal[150:]), detector(others)
    assert near.dtype == far.dtype == np.float32 and near.shape == (50,)
    assert np.quantile(far, 0.05) > np.quantile(near, 0.95) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_its_layers_give_what_it_gives(features, kind, tmp_path):
    normal, others = features
    detector = KINDS[kind](normal)
    given = keras.Input((4,), name="seen")
    at, scale = detectors.threshold(detector(normal[:40] + np.float32(0.05)))
    net = detectors.judges(keras.Model(given, keras.layers.Identity()(given)), detector, at, scale, "judge")
    net.save(tmp_path / "judge.keras")
    found = keras.saving.load_model(tmp_path / "judge.keras").predict(others, verbose=0)
    assert found.shape == (50, 1) and not net.trainable_weights
    expected = 1 / (1 + np.exp(-(detector(others).astype("float64") - at) / scale))
    np.testing.assert_allclose(found[:, 0], expected, atol=2e-3)


def test_neighbours_are_the_nearest_by_angle(features):
    normal, others = features
    known = NearestNeighbors(n_neighbors=3, metric="cosine", algorithm="brute").fit(normal)
    np.testing.assert_allclose(detectors.Neighbours(normal, 3)(others), known.kneighbors(others)[0].mean(axis=1),
                               atol=1e-6)


def test_mahalanobis_without_shrinkage_is_scikit_learns(features):
    normal, others = features
    known = EmpiricalCovariance().fit(normal.astype("float64")).mahalanobis(others.astype("float64"))
    np.testing.assert_allclose(detectors.Mahalanobis(normal, 0.0)(others), np.sqrt(known / 4), rtol=1e-4)


def test_features_that_never_vary_or_outnumber_the_examples_do_no_harm():
    random = np.random.default_rng(0)
    normal = np.hstack([random.normal(size=(20, 30)), np.ones((20, 1))]).astype("float32")
    found = detectors.Mahalanobis(normal, 0.1)(np.vstack([normal, normal + 3]))
    assert np.isfinite(found).all() and found[20:].min() > found[:20].max()


def test_more_neighbours_than_pictures_are_refused():
    with pytest.raises(UserError, match="4 neighbours are asked for and there are 3"):
        detectors.Neighbours(np.eye(3), 4)


def test_the_threshold_lets_most_normal_ones_pass():
    at, scale = detectors.threshold(np.linspace(0, 1, 101))
    assert at == pytest.approx(0.95) and scale == pytest.approx(4 * 0.2915, abs=4e-3)
    assert detectors.threshold(np.full(5, 2.0))[1] > 0, "nothing to divide by zero"
