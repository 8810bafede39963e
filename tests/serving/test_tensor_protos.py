"""TensorProtos as arrays and back."""

import numpy as np
import pytest

from dl100_tf.serving import tensor_protos
from dl100_tf.serving.status import ServingError


def proto(dtype, shape, **fields):
    from tensorflow.core.framework import tensor_pb2

    made = tensor_pb2.TensorProto(dtype=dtype, **fields)
    for size in shape:
        made.tensor_shape.dim.add(size=size)
    return made


class TestFrom:
    @pytest.mark.parametrize(("made", "values"), [
        (lambda: proto(1, [2, 2], float_val=[1, 2, 3, 4]), [[1, 2], [3, 4]]),
        (lambda: proto(1, [2, 2], float_val=[1, 2]), [[1, 2], [2, 2]]), (lambda: proto(1, [2]), [0, 0]),
        (lambda: proto(1, [2], float_val=[1, 2, 3]), [1, 2]), (lambda: proto(1, [], float_val=[5]), 5),
        (lambda: proto(1, [0, 3]), []), (lambda: proto(9, [2], int64_val=[-1, 1 << 40]), [-1, 1 << 40]),
        (lambda: proto(4, [2], int_val=[300, 7]), [44, 7]), (lambda: proto(10, [2], bool_val=[True]), [True, True]),
        (lambda: proto(7, [3], string_val=[b"a", b"\xff"]), [b"a", b"\xff", b"\xff"]),
        (lambda: proto(7, [2]), [b"", b""]), (lambda: proto(2, [1], double_val=[0.1]), [0.1]),
        (lambda: proto(3, [1, 1], tensor_content=np.int32(7).tobytes()), [[7]]),
        (lambda: proto(19, [2], half_val=[15360]), [1, 1])])
    def test_values(self, made, values):
        assert tensor_protos.array(made(), "x").tolist() == values

    @pytest.mark.parametrize("made", [
        lambda: proto(0, [1]), lambda: proto(99, [1]), lambda: proto(1, [-1]), lambda: proto(1, [1 << 40]),
        lambda: proto(1, [1 << 20] * 20), lambda: proto(1, [3], tensor_content=b"1234"), lambda: proto(20, [1])])
    def test_what_is_broken(self, made):
        with pytest.raises(ServingError, match="INVALID_ARGUMENT: tensor parsing error: x"):
            tensor_protos.array(made(), "x")


class TestInto:
    @pytest.mark.parametrize("array", [
        np.array([[1.5, 2]], np.float32), np.array(0.1), np.arange(6, dtype=np.int64).reshape(2, 3),
        np.array([b"a", b"\xff"], object), np.array([True, False]), np.zeros((0, 3), np.float32),
        np.array([1, 255], np.uint8), np.array([1, 2], np.float16), np.arange(1000, dtype=np.float32)])
    @pytest.mark.parametrize("as_content", [False, True])
    def test_there_and_back(self, array, as_content):
        import tensorflow as tf

        made = proto(0, [])
        tensor_protos.fill(made, array, as_content)
        for found in (tensor_protos.array(made, "x"), tf.make_ndarray(made)):
            assert found.shape == array.shape and found.dtype == array.dtype and (found == array).all()
        if array.dtype in (np.float32, np.int64) and array.size:
            assert bool(made.tensor_content) == as_content
