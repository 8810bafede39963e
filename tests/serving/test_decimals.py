"""Numbers as TensorFlow Serving writes them."""

import numpy as np
import pytest

from dl100_tf.serving import decimals


class TestFloats:
    @pytest.mark.parametrize(("value", "text"), [
        (9000000, "9e+06"), (999999, "999999.0"), (0.5, "0.5"), (0.0003, "0.0003"), (0.00003, "3e-05"),
        (555557.5, "555557.5"), (1, "1.0"), (0, "0.0"), (-0.0, "-0.0"), (0.2, "0.2"), (0.123456789, "0.123456791"),
        (16777216, "16777216.0"), (np.nan, "NaN"), (np.inf, "Infinity"), (-np.inf, "-Infinity"),
        (3.4028235e38, "3.40282347e+38"), (1e-45, "1.4013e-45")])
    def test_six_digits_or_nine(self, value, text):
        assert decimals.text(value) == text

    def test_every_float_is_read_back_as_it_was(self):
        values = np.random.default_rng(0).integers(0, 1 << 32, 20_000, np.uint32).view(np.float32)
        values = values[np.isfinite(values)]
        assert np.array_equal(np.array(decimals.texts(values), np.float64).astype(np.float32), values)

    def test_many_at_a_time_are_written_as_one(self):
        generator = np.random.default_rng(1)
        whole = generator.integers(1, 10 ** generator.integers(1, 9, 3000))
        short = whole * 10.0 ** generator.integers(-44, 36, 3000)
        values = np.concatenate([np.clip(short, 0, 3e38), generator.random(3000), generator.normal(0, 1e30, 500), [
            0, -0.0, 623573888, 17160132, np.nan, np.inf, -np.inf, 1e-45, 1.1754942e-38]]).astype(np.float32)
        assert decimals.texts(values) == [decimals.text(value) for value in values]


class TestDoubles:
    @pytest.mark.parametrize(("value", "text"), [
        (0.1, "0.1"), (1 / 3, "0.33333333333333331"), (1e300, "1e+300"), (5e-324, "4.94066e-324"), (2.5, "2.5")])
    def test_six_digits_or_seventeen(self, value, text):
        assert decimals.text(value, np.float64) == text

    def test_none_at_all(self):
        assert decimals.texts(np.zeros((0, 3))) == []
