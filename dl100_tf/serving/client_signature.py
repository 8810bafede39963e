"""What a served model takes and gives, as its server's metadata tell it, and inputs made to fit that."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dl100_tf.errors import UserError, closest

DTYPES = {"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_HALF": "float16", "DT_INT8": "int8", "DT_INT16": "int16",
          "DT_INT32": "int32", "DT_INT64": "int64", "DT_UINT8": "uint8", "DT_UINT16": "uint16", "DT_UINT32": "uint32",
          "DT_UINT64": "uint64", "DT_BOOL": "bool", "DT_STRING": "object", "DT_COMPLEX64": "complex64",
          "DT_COMPLEX128": "complex128"}
STRING, DEFAULT = "DT_STRING", "serving_default"


class InputError(UserError):
    """What was given isn't what the model takes; the message says what that is."""


@dataclass(frozen=True)
class Tensor:
    """An input or output of a signature.

    Attributes:
        name: what clients call it.
        dtype: as TensorFlow spells it, `DT_FLOAT`.
        shape: its sizes, None where any size will do; None where even their number is free.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self):
        kind = "string" if self.dtype == STRING else DTYPES.get(self.dtype, self.dtype)
        if self.shape is None:
            return f"{self.name}: {kind} of any shape"
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.name}: {kind} ({sizes}{',' if len(self.shape) == 1 else ''})"

    @property
    def numpy(self) -> np.dtype:
        """The dtype of an array that holds it; `object` for strings.

        Raises:
            InputError: NumPy has none.
        """
        if self.dtype not in DTYPES:
            raise InputError(f"{self.name} is {self.dtype}, which NumPy doesn't know: give the model a signature with "
                             "another dtype.")
        return np.dtype(DTYPES[self.dtype])

    def fit(self, given) -> np.ndarray:
        """`given` as an array of this dtype and shape; strings as an object array of `str` and `bytes`.

        Raises:
            InputError: it can't be that without loss.
        """
        array = self._strings(given) if self.dtype == STRING else self._numbers(given)
        fits = self.shape is None or (len(self.shape) == array.ndim and all(
            size in (None, found) for size, found in zip(self.shape, array.shape, strict=True)))
        if not fits:
            raise InputError(f"its shape is {array.shape}")
        return array

    def _numbers(self, given) -> np.ndarray:
        try:
            array = np.asarray(given)
        except ValueError:
            raise InputError("its rows are not all of one length") from None
        to = self.numpy
        if array.dtype == to:
            return array
        if array.dtype.kind not in "biufc":
            raise InputError("it has something that is no number")
        whole = array.dtype.kind in "iu" and to.kind in "iu"  # then each number has to fit, not the dtype
        right = whole or not array.size or np.can_cast(array.dtype, to, "same_kind")
        with np.errstate(over="ignore"):
            cast = array.astype(to) if right else array
        lost = (cast != array) if whole else np.isinf(cast) & ~np.isinf(array)
        if not right or lost.any():
            raise InputError(f"it is {array.dtype}, which {to} can't hold")
        return cast

    def _strings(self, given) -> np.ndarray:
        # never by way of NumPy's own string dtypes: they drop zero bytes at the end
        leaves: list = []
        array = np.empty(_shape(given, leaves), object)
        for place, leaf in enumerate(leaves):
            array.flat[place] = leaf
        return array


@dataclass(frozen=True)
class Signature:
    """One way to ask a model.

    Attributes:
        name: what requests call it.
        method: which API it was made for, `tensorflow/serving/predict`, `.../classify` or `.../regress`.
        inputs, outputs: its `Tensor`s by name.
    """

    name: str
    method: str
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]

    def __str__(self):
        return f"signature {self.name} takes {_listed(self.inputs)} and gives {_listed(self.outputs)}"

    def fit(self, model: str, given) -> dict[str, np.ndarray]:
        """Inputs as arrays that fit, by name.

        Args:
            model: what the message calls the model.
            given: arrays or what NumPy makes arrays of, by name; without a name where there is one input.

        Raises:
            InputError: a name, dtype or shape is wrong; the message has all that the signature takes.
        """
        takes = f"Its signature {self.name} takes {_listed(self.inputs)}."
        if not isinstance(given, Mapping):
            if len(self.inputs) != 1:
                raise InputError(f"{model} has {len(self.inputs)} inputs: give them by their names. {takes}")
            given = {next(iter(self.inputs)): given}
        for name in given:
            if name not in self.inputs:
                raise InputError(f"{model} has no input {name!r}{closest(str(name), self.inputs)} {takes}")
        missing = [name for name in self.inputs if name not in given]
        if missing:
            raise InputError(f"{model} lacks the input {', '.join(missing)}. {takes}")
        arrays = {}
        for name, tensor in self.inputs.items():
            try:
                arrays[name] = tensor.fit(given[name])
            except InputError as error:
                raise InputError(f"{model} can't take what was given for {name}: {error}. {takes}") from None
        return arrays


def chosen(signatures: dict[str, Signature], name: str, model: str) -> Signature:
    """The signature of that name.

    Raises:
        InputError: the model has none.
    """
    if name not in signatures:
        raise InputError(f"{model} has no signature {name!r}{closest(name, signatures)} "
                         f"There are: {', '.join(signatures) or 'none'}.")
    return signatures[name]


def made_for(verb: str, signatures: dict[str, Signature]) -> str:
    """The name of the signature that was made for `classify` or `regress`; the default one where none was."""
    found = [name for name, signature in signatures.items() if signature.method == f"tensorflow/serving/{verb}"]
    return found[0] if found and DEFAULT not in found else DEFAULT


def feature(name: str, value) -> list:
    """The values of a feature of a `tf.train.Example`: all `str` or `bytes`, all `int`, or all `float`.

    Raises:
        InputError: it is nothing of that, or nested.
    """
    values = value.ravel().tolist() if isinstance(value, np.ndarray | np.generic) else value
    values = list(values) if isinstance(values, list | tuple) else [values]
    values = [one.item() if isinstance(one, np.generic) else one for one in values]
    if all(isinstance(one, str | bytes) for one in values):
        return values
    if all(isinstance(one, int) for one in values):
        return [int(one) for one in values]
    if all(isinstance(one, int | float) for one in values):
        return [float(one) for one in values]
    raise InputError(f"the feature {name} holds {', '.join(sorted({type(one).__name__ for one in values}))}: give "
                     "numbers, or str and bytes.")


def parsed(signature_def: Mapping) -> dict[str, Signature]:
    """The signatures in a `SignatureDefMap`, as protobuf's JSON has it.

    TensorFlow's own (`__saved_model_init_op`) are left out.
    """
    def tensors(infos):
        return {name: Tensor(name, info["dtype"], _sizes(info.get("tensor_shape", {})))
                for name, info in sorted(infos.items())}

    return {name: Signature(name, found.get("method_name", ""), tensors(found.get("inputs", {})),
                            tensors(found.get("outputs", {})))
            for name, found in sorted(signature_def.items()) if not name.startswith("__")}


def empty_inside(array: np.ndarray) -> bool:
    """Whether nested lists lose the array's shape: it is empty and not only in its last dimension."""
    return array.size == 0 and math.prod(array.shape[:-1]) == 0 and array.ndim > 1


def _sizes(shape: Mapping) -> tuple[int | None, ...] | None:
    if shape.get("unknown_rank"):
        return None
    sizes = [int(dim.get("size", 0)) for dim in shape.get("dim", [])]
    return tuple(None if size < 0 else size for size in sizes)


def _listed(tensors: Mapping[str, Tensor]) -> str:
    return "; ".join(map(str, tensors.values())) or "nothing"


def _shape(value, leaves: list) -> tuple[int, ...]:
    """The shape of nested lists; what is in them is added to `leaves`, in order."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, str | bytes | bytearray | memoryview):
        leaves.append(value if isinstance(value, str | bytes) else bytes(value))
        return ()
    if not isinstance(value, list | tuple):
        raise InputError(f"it has a {type(value).__name__} where a str or bytes should be")
    shapes = {_shape(part, leaves) for part in value}
    if len(shapes) > 1:
        raise InputError("its rows are not all of one length")
    return (len(value), *(shapes.pop() if shapes else ()))
