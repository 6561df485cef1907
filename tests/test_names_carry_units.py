"""Every float of the library says its unit at the end of its name.

The walk is over the source text: parameters, results, fields of classes, constants of modules. The
unit of a result ends the name of its function. Intervals and arrays of floats count as floats.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import rightrig

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE: Final = Path(rightrig.__file__).parent

FLOATS: Final = frozenset(
    (
        "float", "PositiveFloat", "NonNegativeFloat", "Interval", "NDArray[np.float64]",
        # Names that modules of the library give to arrays of floats.
        "Floats", "Array", "Column",
    )
)  # fmt: skip
HOLDERS: Final = ("Final", "ClassVar", "Annotated", "Sequence", "Iterable", "list", "tuple")
"""What holds floats of one unit is named as they are."""

UNITS: Final = (
    "bytes", "bits", "flop", "s", "hz", "w", "j", "va", "a", "celsius", "usd", "tokens", "seqs",
    "requests", "count", "ratio", "years", "kwh", "mib", "gib",
)  # fmt: skip
DENOMINATORS: Final = (
    "s", "j", "hour", "month", "year", "kwh", "byte", "token", "output_token", "weight", "logit",
    "element",
)  # fmt: skip
_PER: Final = rf"(?:_per_(?:{'|'.join(DENOMINATORS)}))"
CARRIES_UNIT: Final = re.compile(rf"(?:.*_)?(?:{'|'.join(UNITS)}){_PER}*_*|.*{_PER}_*|per_s")
TWO_READINGS: Final = re.compile(r".*_(?:gb|gbps|flops|tflops|mb|kb|bps)_*")

EXEMPT: Final = {
    "interval": "an interval has the unit of the name that holds it",
    "quantities.GB": "bytes in a gigabyte; the name is the unit",
    "quantities.parse": "works for every dimension",
    "quantities.check_positive": "works for every dimension",
    "quantities.show_number": "works for every dimension",
    "cli.asking._optional": "works for every dimension",
    "cli.asking.Asked.headroom": "called as its option, --headroom",
    "cli.plan.plan(headroom)": "called as its option, --headroom",
    "facts.explanation.Figure.value": "the field `name` ends with its unit",
    "facts.llm.Published.total_billion": "as makers print it, to be compared and nothing else",
    "facts.llm.Published.active_billion": "as makers print it, to be compared and nothing else",
    "facts.power.PowerFact.low": "the field `unit` says it",
    "facts.power.PowerFact.high": "the field `unit` says it",
    "facts.measurement.positive_number": "a measured value of any unit",
    "planning.pareto.pareto_front": "columns of any unit",
    "planning.search._miss": "any unit that orders rows",
    "planning.finalists._operating.at": "an element of any column",
    "facts.gguf._Cursor.number": "a number of any unit",
    "facts.user_files._LARGEST": "a bound for every unit",
    "facts.user_files._SMALLEST": "a bound for every unit",
    "facts.user_files._is_plausible(value)": "a value of any unit",
    "prediction.accuracy_memory._part": "bytes, or the tokens that a log counts",
    "prediction.accuracy_score.Judged": "the field `unit` says it",
    "prediction.accuracy_score.Score.interval_score": "a ratio; others rely on the name",
    "prediction.accuracy_score.winkler_ratio": "two values of one unit, any",
    "prediction.accuracy_score.quantile": "values of any unit",
    "prediction.engine_memory._ends(interval)": "an interval of any unit",
    "prediction.engine_memory._ends": "an interval of any unit",
    "prediction.timers._blend.harmonic": "the mean of any rate",
    "prediction.calibrate._OVERHEAD_LIMIT_US": "the solver's parameters are of one magnitude",
    "prediction.calibrate._MICROSECONDS": "a power of ten",
    "prediction.calibrate._positive": "a column of any unit",
    "prediction.calibrate._minimise": "the solver's parameters, of several units",
    "prediction.calibrate._fit_kernel.complete": "the solver's parameters, of several units",
    "prediction.calibrate._kernel_s(parameters)": "the solver's parameters, of several units",
    "prediction.calibrate.fit_all_reduce.predicted_s(logs)": "the solver's parameters",
    "prediction.roofline.CORNER": "an exponent",
    "prediction.serving.Z_99": "standard deviations",
    "report.gpu._TERA": "a power of ten",
    "report.gpu_rates._TERA": "a power of ten",
    "report.gpu_rates._GIGA": "a power of ten",
    "report.gpu._GIGA": "a power of ten",
    "report.llm._GIGA": "a power of ten",
    "report.gpu._tera": "a rate of any unit, shown in 10¹²",
    "report.accuracy._worst_cells": "the row says the unit",
    "report.compare._TERA": "a power of ten",
    "report.compare._GIGA": "a power of ten",
    "report.compare.Line.values": "its label says the unit",
    "report.compare._line(values)": "its label says the unit",
    "report.factors._TERA": "a power of ten",
    "report.factors._NOTICEABLE": "a share of one",
    "report.factors._GIGA": "a power of ten",
    "report.factors._factor(values)": "its label says the unit",
    "report.factors._factor(scale)": "a power of ten",
    "report.document.Bar": "its label says the unit",
    "report.plan._MILLION": "a power of ten",
    "report.predict._row(value)": "its label says the unit",
    "report.values": "texts of any quantity",
}
"""Place, or what a place begins with, and why a name there needs no unit."""


@dataclass(frozen=True, slots=True)
class Named:
    """Something with a name: where it stands, and whether it is a float."""

    place: str
    name: str
    is_float: bool

    @property
    def is_exempt(self) -> bool:
        """Whether the place, or one that it lies in, needs no unit."""
        return any(lies_in(self.place, key) for key in EXEMPT)


def lies_in(place: str, key: str) -> bool:
    return place == key or place.startswith((f"{key}.", f"{key}("))


def is_float(annotation: ast.expr | None) -> bool:
    match annotation:
        case None:
            return False
        case ast.BinOp(left=left, right=right):
            return is_float(left) or is_float(right)
        case ast.Subscript(value=ast.Name(id=holder), slice=ast.Tuple(elts=[first, *rest])):
            mixes = holder == "tuple" and [ast.unparse(other) for other in rest] != ["..."]
            return holder in HOLDERS and not mixes and is_float(first)
        case ast.Subscript(value=ast.Name(id=holder), slice=inner) if holder in HOLDERS:
            return is_float(inner)
    return ast.unparse(annotation) in FLOATS


def is_float_value(value: ast.expr | None) -> bool:
    """Whether a value without a type of its own (``X: Final = 3.0``) is a float."""
    if isinstance(value, ast.Call):
        return ast.unparse(value.func).split(".")[0] == "Interval"
    if not isinstance(value, ast.BinOp | ast.UnaryOp | ast.Constant):
        return False
    constants = [node.value for node in ast.walk(value) if isinstance(node, ast.Constant)]
    return any(isinstance(constant, float) for constant in constants)


def names_in(node: ast.AST, place: str, *, is_local: bool = False) -> Iterator[Named]:
    """Yield what a module or class names, and the parameters and results of its functions.

    Local variables need no unit; functions inside functions do.
    """
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.ClassDef(name=name):
                yield from names_in(child, f"{place}.{name}")
            case ast.FunctionDef(name=name, returns=returns):
                yield Named(f"{place}.{name}", name, is_float(returns))
                yield from parameters_of(child, f"{place}.{name}")
                yield from names_in(child, f"{place}.{name}", is_local=True)
            case ast.AnnAssign(target=ast.Name(id=name), annotation=kind, value=value):
                if not is_local:
                    untyped = ast.unparse(kind) == "Final"
                    found = is_float_value(value) if untyped else is_float(kind)
                    yield Named(f"{place}.{name}", name, found)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                if not is_local:
                    yield Named(f"{place}.{name}", name, is_float_value(value))
            case _:
                yield from names_in(child, place, is_local=is_local)


def parameters_of(function: ast.FunctionDef, place: str) -> Iterator[Named]:
    arguments = function.args
    for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        yield Named(f"{place}({one.arg})", one.arg, is_float(one.annotation))


def names_of_library() -> tuple[Named, ...]:
    found: list[Named] = []
    for path in sorted(SOURCE.rglob("*.py")):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        found += names_in(ast.parse(path.read_text(encoding="utf-8")), module)
    return tuple(found)


def without_unit(names: tuple[Named, ...]) -> list[Named]:
    return [n for n in names if n.is_float and not CARRIES_UNIT.fullmatch(n.name.lower())]


NAMES: Final = names_of_library()


def test_every_float_ends_with_its_unit() -> None:
    wrong = [n.place for n in without_unit(NAMES) if not n.is_exempt]
    assert wrong == []


def test_no_name_ends_with_a_unit_of_two_readings() -> None:
    wrong = [n.place for n in NAMES if TWO_READINGS.fullmatch(n.name.lower())]
    assert wrong == []


def test_the_walk_sees_the_library() -> None:
    floats = {named.place for named in NAMES if named.is_float}
    assert {
        "costs.money.rent_usd_per_month",
        "costs.money.rent_usd_per_month(instance_usd_per_hour)",
        "facts.gpu.Gpu.memory_bandwidth_bytes_per_s",
        "facts.gpu.Gpu.memory_bytes",
        "prediction.power.IDLE_RATIO",
        "prediction.roofline.kernel_s(moved_bytes)",
        "quantities.GIB",
    } <= floats


@pytest.mark.parametrize("key", EXEMPT)
def test_an_exemption_ends_with_the_name_that_it_is_for(key: str) -> None:
    assert any(lies_in(named.place, key) for named in without_unit(NAMES))


@pytest.mark.parametrize(
    "text",
    [
        "def latency(x_bytes: float) -> float: ...",
        "def latency_s(x: float) -> float: ...",
        "def latency_s(x: float | None = None) -> int: ...",
        "def latency_s(*, x: Floats) -> int: ...",
        "def latency_s(x: NDArray[np.float64]) -> int: ...",
        "def latency_s(x: Sequence[float]) -> int: ...",
        "def latency_s(x: tuple[float, ...]) -> int: ...",
        "class Card:\n    memory: PositiveFloat | None = None",
        "class Card:\n    memory: Interval",
        "class Card:\n    @property\n    def memory(self) -> Interval: ...",
        "RESERVE: Final = 0.5 * GIB",
        "RESERVE: Final = Interval(1.0, 2.0, 3.0)",
        "RESERVE: Final[float] = X",
        "RESERVE = 0.5",
    ],
)
def test_a_float_without_unit_is_found(text: str) -> None:
    assert len(without_unit(tuple(names_in(ast.parse(text), "example")))) == 1


@pytest.mark.parametrize(
    "name",
    [
        "ttft_s", "rate_per_s", "peak_flop_per_s", "cost_usd_per_token", "_use_ratio_", "GIB",
        "tariff_usd_per_kwh", "kv_bytes_per_token", "output_tokens_per_s", "requests_per_s",
        "cost_usd_per_output_token", "memory_nvml_mib", "owned_years", "power_w", "s",
    ],
)  # fmt: skip
def test_a_unit_is_known(name: str) -> None:
    assert CARRIES_UNIT.fullmatch(name.lower())


@pytest.mark.parametrize(
    "name",
    ["ttft", "bytes_of_sequence", "draw_kw", "size_gb", "waits", "delta", "usd_per", "per_gpu"],
)
def test_a_unit_is_not_known(name: str) -> None:
    assert not CARRIES_UNIT.fullmatch(name.lower())
