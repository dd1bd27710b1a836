"""What functions promise: few positional parameters, named results, the shapes of arrays, and what they raise."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import birdclef_mind

PACKAGE = Path(birdclef_mind.__file__).parent
MODULES = {path.relative_to(PACKAGE.parent).as_posix(): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}
MOST_POSITIONAL = 5
_TOLD = "writer: what the page is told, as JSON"
# Results of any keys and values, each with the word why it has no narrower type.
PLAIN = {
    "checks.known": "reader: the settings in a table, before any is checked",
    "checks.table_of": "reader: the settings in a table, before any is checked",
    "data.overrides.to_record": "writer: corrections as JSON",
    "explanation.report.environment.axes": "writer: what a template is given",
    "explanation.report.environment.with_ticks": "writer: what a template is given",
    "explanation.report.client.client_facts": "writer: the page's data as JSON",
    "kaggle.stand_in.StandIn.answer": "writer: what Kaggle's server answers as JSON",
    "networks.layers.AttentionPooling.get_config": "writer: Keras' own",
    "networks.record.Record.to_dict": "writer: the record as JSON",
    "storage.files.read_facts": "reader: a file of JSON",
    "storage.files.read_object": "reader: a file of JSON",
    "storage.files.sealed": "writer: facts with their digest, as JSON",
    "studio.again.improved": _TOLD,
    "studio.blind.BlindTest.answer": _TOLD,
    "studio.lessons.Lessons.like": _TOLD,
    "studio.lessons.Lessons.look_through": _TOLD,
    "studio.lessons.Lessons.mark": _TOLD,
    "studio.lessons.Lessons.queue": _TOLD,
    "studio.lessons.Lessons.scan": _TOLD,
    "studio.lessons.Lessons.told": _TOLD,
    "studio.moments.Looked.told": _TOLD,
    "studio.moments.alike": _TOLD,
    "studio.moments.answers": _TOLD,
    "studio.moments.decided": _TOLD,
    "studio.moments.insisted": _TOLD,
    "studio.moments.layers": _TOLD,
    "studio.moments.through": _TOLD,
    "studio.steps.Steps.told": _TOLD,
    "training.learner.Climbing.get_config": "writer: Keras' own",
}
_ARRAY = re.compile(r"\b(Array|Pixels|Floats|Targets|Places)\b")
# A shape is a row of sizes in brackets: (n,), (…), (..., classes), (n, *shape), (segments, bands · waves), (n, 32).
_SIZE = r"(?:\*?[a-z_]\w*(?:\s*[·+-]\s*\w+)*|\d+|…|\.\.\.)"
_SHAPE = re.compile(rf"\((?:{_SIZE},|(?:{_SIZE},\s*)+{_SIZE}|…)\)|\b(?:of any|the same|its own) shapes?\b")
_SENTENCE = re.compile(r"(?<=[.;])\s+|\n\s*\n")


@dataclass(frozen=True)
class Found:
    """A function in its module and, if it is a method, its class; `public` tells whether other modules may call it."""

    name: str
    node: ast.FunctionDef
    owner: ast.ClassDef | None
    module: ast.Module
    public: bool

    @property
    def told(self) -> list[str]:
        """The docstrings that may say it: its own, its class's and its module's."""
        nodes = [self.node, *([self.owner] if self.owner else []), self.module]
        return [ast.get_docstring(node) or "" for node in nodes]

    @property
    def parameters(self) -> list[ast.arg]:
        args = self.node.args
        more = [arg for arg in (args.vararg, args.kwarg) if arg]
        return [*args.posonlyargs, *args.args, *args.kwonlyargs, *more]


def functions(modules: dict[str, str]) -> Iterator[Found]:
    for path, text in sorted(modules.items()):
        tree = ast.parse(text)
        name = path.removesuffix(".py").removesuffix("/__init__").partition("/")[2].replace("/", ".")
        yield from _functions(tree, name, tree, None, True)


def _functions(node: ast.AST, prefix: str, module: ast.Module, owner: ast.ClassDef | None, public: bool) -> Iterator:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            name = f"{prefix}.{child.name}"
            yield Found(name, child, owner, module, public and not child.name.startswith("_"))
            yield from _functions(child, name, module, None, False)
        elif isinstance(child, ast.ClassDef):
            own = public and not child.name.startswith("_")
            yield from _functions(child, f"{prefix}.{child.name}", module, child, own)
        else:
            yield from _functions(child, prefix, module, owner, public)


def crowded(modules: dict[str, str]) -> list[str]:
    """Functions that take more than five parameters by position."""
    found = []
    for one in functions(modules):
        positional = [arg.arg for arg in (*one.node.args.posonlyargs, *one.node.args.args)]
        if one.owner and positional[:1] in (["self"], ["cls"]):
            positional = positional[1:]
        if len(positional) > MOST_POSITIONAL:
            found.append(one.name)
    return found


def plain_results(modules: dict[str, str]) -> list[str]:
    """Public functions whose result, or a part of it, has any keys and any values."""
    return [
        one.name
        for one in functions(modules)
        if one.public and one.node.returns and "dict[str, Any]" in _text(one.node.returns)
    ]


def shapeless(modules: dict[str, str]) -> list[str]:
    """Arrays of public functions whose shape nothing tells: "FUNCTION: PARAMETER", or "FUNCTION: result".

    A parameter's shape stands behind its name in one sentence, of the function's docstring or of its class's or
    module's where that says it for all. A result's stands in the function's own docstring.
    """
    found = []
    for one in functions(modules):
        if not one.public:
            continue
        arrays = [arg.arg for arg in one.parameters if arg.annotation and _ARRAY.search(_text(arg.annotation))]
        sentences = [sentence for told in one.told for sentence in _SENTENCE.split(told)]
        found += [f"{one.name}: {name}" for name in arrays if not any(_tells(said, name) for said in sentences)]
        if one.node.returns and _ARRAY.search(_text(one.node.returns)) and not _SHAPE.search(one.told[0]):
            found.append(f"{one.name}: result")
    return found


def unnamed_errors(modules: dict[str, str]) -> list[str]:
    """Exceptions that public functions raise themselves and do not name: "FUNCTION: EXCEPTION"."""
    found = []
    for one in functions(modules):
        if one.public:
            own = one.told[0]
            found += [f"{one.name}: {name}" for name in _raised(one) if not re.search(rf"\b{name}\b", own)]
    return found


def _text(annotation: ast.expr) -> str:
    # Types that are imported for type checkers alone are written as text.
    whole = annotation.value if isinstance(annotation, ast.Constant) else ast.unparse(annotation)
    return str(whole)


def _tells(sentence: str, name: str) -> bool:
    words = {name, name.replace("_", " "), name.removesuffix("s"), f"{name}s"}
    named = re.search(rf"\b(?:{'|'.join(sorted(words, key=len, reverse=True))})\b", sentence, re.IGNORECASE)
    return bool(named and _SHAPE.search(sentence, named.end()))


def _raised(one: Found) -> list[str]:
    """Exception classes that a function's own body raises; private ones, and those that helpers make, are not."""
    kinds = {arg.arg for arg in one.parameters if arg.annotation and _text(arg.annotation).startswith("type[")}
    names = []
    waiting: list[ast.AST] = list(one.node.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        waiting = [*ast.iter_child_nodes(node), *waiting]
        if isinstance(node, ast.Raise) and node.exc is not None:
            kind = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            name = ast.unparse(kind).rpartition(".")[2]
            if name in kinds or name[:1].isupper():
                names.append(name)
    return list(dict.fromkeys(names))


def test_functions_take_few_parameters_by_position():
    assert crowded(MODULES) == []


def test_results_between_modules_have_types_of_their_own():
    assert sorted(plain_results(MODULES)) == sorted(PLAIN)


def test_arrays_have_shapes():
    assert shapeless(MODULES) == []


def test_functions_name_what_they_raise():
    assert unnamed_errors(MODULES) == []


BAD = '''
"""A module."""

def many(a, b, c, d, e, f): ...

class Kind:
    """A kind."""

    def fine(self, a, b, c, d, e, *, f): ...

    def facts(self) -> tuple[int, list[dict[str, Any]] | None]:
        """Facts of (anything, but types)."""

    @property
    def pixels(self) -> Array:
        """Some pixels (of a picture)."""

class _Hidden:
    def facts(self) -> dict[str, Any]: ...

def late(one: Array, other: "Array | None", *, more: Array) -> Array:
    """Ones (n, rows) beside `other`; of more is said nothing.

    Raises
    ------
    TableError : never.
    """
    def helper():
        raise ValueError
    if one:
        raise errors.StoreError("no")
    try:
        raise _Private
    except _Private as error:
        raise error
    raise TableError(helper)

def given(error: type[Exception]) -> None:
    """Raise what is given."""
    raise error("no")
'''


def test_what_is_wrong_is_found():
    modules = {"package/bad.py": BAD}
    assert crowded(modules) == ["bad.many"]
    assert plain_results(modules) == ["bad.Kind.facts"]
    # One shape in a docstring does not stand for the arrays that it does not name.
    assert shapeless(modules) == ["bad.Kind.pixels: result", "bad.late: other", "bad.late: more"]
    assert unnamed_errors(modules) == ["bad.late: StoreError", "bad.given: error"]


def test_a_module_may_say_a_shape_for_all():
    told = (
        '"""Pictures are (n, rows, frames)."""\ndef f(pictures: Array, turns: Array) -> Array:\n    """Turn them."""\n'
    )
    assert shapeless({"package/told.py": told}) == ["told.f: turns", "told.f: result"]
    assert shapeless({"package/told.py": told.replace("Turn them", "By turns (n,): (n, rows, frames)")}) == []
