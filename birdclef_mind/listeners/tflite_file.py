"""What a TFLite file says: its tensors, its constants, and its operators in the order they are computed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.errors import ListenerError

_MAGIC = b"TFL3"
# Element types by their number in the format; others, such as complex ones, have no constants here.
_TYPES = {0: np.float32, 1: np.float16, 2: np.int32, 3: np.uint8, 4: np.int64, 6: np.bool_, 9: np.int8}


@dataclass(frozen=True)
class Tensor:
    """A tensor: its name, its shape as far as the file knows it (-1 where not), and its value where it is constant."""

    name: str
    shape: tuple[int, ...]
    value: Array | None = None


@dataclass(frozen=True)
class Operator:
    """One step: `kind` as the format calls it, places of its inputs (-1 for none) and outputs, and its options."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Graph:
    """The main graph of a file; inputs and outputs are places among its tensors.

    `called` are the places of outputs by the names that people are meant to use, where the file has such.
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    called: Mapping[str, int] = field(default_factory=dict)

    def maker_of(self, tensor: int) -> Operator | None:
        """The operator whose output a tensor is; None for inputs and constants."""
        return next((one for one in self.operators if tensor in one.outputs), None)

    def users_of(self, tensor: int) -> list[Operator]:
        """The operators that take a tensor, in order."""
        return [one for one in self.operators if tensor in one.inputs]


def read_graph(path: Path) -> Graph:
    """Read a TFLite file without running it; ListenerError for a file that is none, or is cut short."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ListenerError(
            f"{path}: expected a TFLite file, found none that can be read ({error.strerror})"
        ) from error
    if content[4:8] != _MAGIC:
        raise ListenerError(f"{path}: expected a TFLite file, got one that does not begin as such")
    schema = _schema()
    try:
        model = schema.Model.GetRootAs(content, 0)
        return _graph(schema, model)
    except Exception as error:  # A reader of offsets fails in as many ways as there are bytes.
        raise ListenerError(
            f"{path}: expected a whole TFLite file, got a broken one ({type(error).__name__})"
        ) from error


def _schema() -> ModuleType:
    """The reader of the format that comes with TensorFlow, or with its successor for this format."""
    try:
        from tensorflow.lite.python import schema_py_generated as schema
    except ImportError:  # pragma: no cover - TensorFlow has it up to now
        from ai_edge_litert import schema_py_generated as schema
    return schema


def _graph(schema: ModuleType, model: Any) -> Graph:
    main = model.Subgraphs(0)
    kinds = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    codes = [model.OperatorCodes(place) for place in range(model.OperatorCodesLength())]
    named = [kinds.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "CUSTOM") for code in codes]
    return Graph(
        tuple(_tensor(model, main.Tensors(place)) for place in range(main.TensorsLength())),
        tuple(_operator(schema, named, main.Operators(place)) for place in range(main.OperatorsLength())),
        tuple(map(int, main.InputsAsNumpy())),
        tuple(map(int, main.OutputsAsNumpy())),
        _called(model),
    )


def _called(model: Any) -> dict[str, int]:
    if not model.SignatureDefsLength():
        return {}
    signature = model.SignatureDefs(0)
    named = [signature.Outputs(place) for place in range(signature.OutputsLength())]
    return {one.Name().decode("utf-8", "replace"): int(one.TensorIndex()) for one in named}


def _tensor(model: Any, tensor: Any) -> Tensor:
    known = tensor.ShapeSignatureAsNumpy() if tensor.ShapeSignatureLength() else tensor.ShapeAsNumpy()
    shape = tuple(map(int, known)) if not isinstance(known, int) else ()
    buffer, kind = model.Buffers(tensor.Buffer()), _TYPES.get(tensor.Type())
    value: Array | None = None
    if buffer.DataLength() and kind is not None:
        value = np.frombuffer(buffer.DataAsNumpy().tobytes(), kind).reshape(shape)
    return Tensor((tensor.Name() or b"").decode("utf-8", "replace"), shape, value)


def _operator(schema: ModuleType, named: list[str], operator: Any) -> Operator:
    options = {}
    unpacked = schema.OperatorT.InitFromObj(operator).builtinOptions
    if unpacked is not None:
        options = {name: value for name, value in vars(unpacked).items() if isinstance(value, int | bool)}
    inputs, outputs = (
        tuple(map(int, places)) if not isinstance(places, int) else ()
        for places in (operator.InputsAsNumpy(), operator.OutputsAsNumpy())
    )
    return Operator(named[operator.OpcodeIndex()], inputs, outputs, options)
