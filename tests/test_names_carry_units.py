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
    "requests", "count", "ratio", "years", "kwh", "mib", "gib", "v", "cfm", "btu",
)  # fmt: skip
DENOMINATORS: Final = (
    "s", "j", "hour", "month", "year", "kwh", "byte", "token", "output_token", "weight", "logit",
    "element", "good_token", "card",
)  # fmt: skip
_PER: Final = rf"(?:_per_(?:{'|'.join(DENOMINATORS)}))"
CARRIES_UNIT: Final = re.compile(rf"(?:.*_)?(?:{'|'.join(UNITS)}){_PER}*_*|.*{_PER}_*|per_s")
TWO_READINGS: Final = re.compile(r".*_(?:gb|gbps|flops|tflops|mb|kb|bps)_*")

EXEMPT: Final = {
    "audit.expression._LARGEST": "a number of any unit",
    "audit.amounts": "an amount has its dimension beside it",
    "audit.stated.Number": "the field `dimension` says it",
    "audit.stated._written": "works for every dimension",
    "audit.stated._rounded": "works for every dimension",
    "audit.naming.plain_number": "a number without a unit",
    "audit.functions.rules._claimed": "works for every dimension",
    "report.audit_texts.number_text(value)": "works for every dimension",
    "report.schema.auditing.RecomputedJson": "in the unit of the claim",
    "interval": "an interval has the unit of the name that holds it",
    "quantities.GB": "bytes in a gigabyte; the name is the unit",
    "quantities.parse": "works for every dimension",
    "quantities.check_positive": "works for every dimension",
    "quantities.show_number": "works for every dimension",
    "verbs.asking._optional": "works for every dimension",
    "verbs.asking.Bounds.headroom": "called as its option, --headroom",
    "verbs.plan.plan(spot_waste)": "called as its option, --spot-waste",
    "verbs.planning.Mode.spot_waste": "called as its option, --spot-waste",
    "planning.bounds": "cards, machines, dollars or watts, by the bound",
    "planning.ranking.Merits.rank_key": "dollars, seconds or watts, by what is asked",
    "planning.ranking.plan_rank_key": "dollars, seconds or watts, by what is asked",
    "planning.powering._recommended.worth": "dollars or joules a token, by what is known",
    "planning.speed_table.taken.at": "rows of any column",
    "watching.drift": "figures of any unit, ranks and scores; the series' name ends with its unit",
    "watching.drift_series.Point.value": "the series' name ends with its unit",
    "watching.checklist.evidence.Sample.value": "the field `name` ends with its unit",
    "watching.deriving._over": "works for every dimension",
    "watching.exporting.lines": "the name of the metric says the unit",
    "watching.exporting.plan._bounds(interval)": "the name of the metric says the unit",
    "watching.reading.amd_programs.scaled": "works for every dimension",
    "watching.reading.nvml_fast.scaled": "works for every dimension",
    "report.drift.value_text(value)": "the parameter `name` ends with its unit",
    "report.schema.drift": "in the unit that ends the figure's name",
    "report.watch_texts": "works for every dimension",
    "quantities.MILLION": "a power of ten",
    "quantities.GIGA": "a power of ten",
    "quantities.TERA": "a power of ten",
    "report.questions_hardware.optional_json": "works for every interval",
    "prediction.rechecks.Recheck": "the field `unit` says the unit",
    "report.charts_accuracy._Dot": "the field `unit` says the unit",
    "planning.builds._interval": "works for every dimension",
    "planning.builds_advice._exact": "works for every dimension",
    "web.pages.compare_rows._shown(value)": "its row says the unit",
    "web.pages.compare_rows._ends(value)": "its row says the unit",
    "web.pages.compare_rows._delta(value)": "its row says the unit",
    "web.pages.compare_rows._delta(first)": "its row says the unit",
    "web.pages.listing.number": "works for every dimension",
    "report.schema.ask_layout.ScalingJson.params": "called as its option, --params",
    "report.schema.calibration.MoveJson": "a parameter of any kind; the field `kind` says it",
    "report.schema.cost.CostCompareJson.order_changes_at": "requests a second, or a ratio of use",
    "report.schema.cost.OpenFigureJson.value": "the field `name` ends with its unit",
    "report.schema.cost.OpenIntervalJson": "an interval has the unit of the name that holds it",
    "report.schema.cost.SwingJson": "the field `unit` says it",
    "report.schema.comparing.ComparedJson.values": "the field `name` ends with their unit",
    "report.schema.fitting.CardFitJson.kv_bytes_per_sequence": "bytes a sequence",
    "report.schema.fitting.FitJson.kv_bytes_per_sequence": "bytes a sequence",
    "report.schema.fitting.FitJson.kv_bytes_per_sequence_ideal": "bytes a sequence",
    "report.schema.judging.JudgedValueJson": "in the unit of the measured row",
    "report.schema.judging.ScoreJson.interval_score": "Winkler's score, over the measured value",
    "report.schema.risk.SlaJson": "a promise is told by the day",
    "report.schema.runs.RunValueJson.value": "the field `name` ends with its unit",
    "report.runs_targets._estimated(value)": "works for every dimension",
    "report.runs_targets._measured(value)": "works for every dimension",
    "store.records.Value.value": "the field `name` ends with its unit",
    "store.tables._number_text(value)": "a number of any unit",
    "report.schema.shared.FigureJson.value": "the field `name` ends with its unit",
    "report.schema.shared.IntervalJson": "an interval has the unit of the name that holds it",
    "verbs.plan.plan(headroom)": "called as its option, --headroom",
    "demand.fleet.LimitsTable.headroom": "called as the option of a plan, --headroom",
    "verbs.cost_power.electrical(pf)": "called as its option, --pf",
    "verbs.cost_power.electrical(ups_minutes)": "called as its option, --ups-minutes",
    "verbs.cost_power.electrical(volts)": "called as its option, --volts",
    "verbs.cost_power.power(pue)": "called as its option, --pue",
    "verbs.costing.span": "works for every dimension",
    "costs.tornado.Swing.flip": "the field `given` says the unit",
    "costs.tornado.flip_of": "the parameter `given` says the unit",
    "costs.uncertain": "inputs of any unit, and standard deviations",
    "planning.costing.compare.Comparison.flip_demand": "the field `demand` says the unit",
    "demand.option_text.OptionText": "works for every dimension",
    "demand.trace_csv._Reader._converted": "seconds, or tokens",
    "demand.trace_json._number": "a number of any unit",
    "facts.explanation.Figure.value": "the field `name` ends with its unit",
    "facts.llm.Published.total_billion": "as makers print it, to be compared and nothing else",
    "facts.llm.Published.active_billion": "as makers print it, to be compared and nothing else",
    "facts.power.PowerFact.low": "the field `unit` says it",
    "facts.power.PowerFact.high": "the field `unit` says it",
    "facts.measurement.positive_number": "a measured value of any unit",
    "planning.fleets.explain.ceiling_text(used)": "the ceiling's `key` says the unit",
    "planning.fleets.model.Ceiling": "the field `key` says the unit",
    "planning.fleets.model.Problem.used": "the ceiling's `key` says the unit",
    "planning.questions.criteria.Option.values": "its criterion says the unit",
    "planning.questions.criteria.ranked(values)": "their criteria say the units",
    "planning.questions.criteria._normal_ratio(values)": "their criterion says the unit",
    "planning.pareto.pareto_front": "columns of any unit",
    "facts.gguf._Cursor.number": "a number of any unit",
    "facts.user_files._LARGEST": "a bound for every unit",
    "facts.user_files._SMALLEST": "a bound for every unit",
    "facts.user_files._is_plausible(value)": "a value of any unit",
    "prediction.accuracy_memory._part": "bytes, or the tokens that a log counts",
    "prediction.accuracy_score.Judged": "the field `unit` says it",
    "prediction.runs.InferenceRun.measured": "the field `metric` ends with its unit",
    "prediction.own_runs.OwnFigure.measured": "the field `metric` ends with its unit",
    "prediction.reading_runs._Load.measured": "the field `metric` ends with its unit",
    "prediction.least_time.best_of": "the parameter `metric` ends with its unit",
    "prediction.least_time.best_value": "the run's metric ends with its unit",
    "prediction.least_time.beyond_ratio(value)": "the parameter `metric` ends with its unit",
    "prediction.least_time.beyond_ratio(best)": "the parameter `metric` ends with its unit",
    "prediction.step_table._knots": "tokens, or sequences",
    "simulation.outcome.Quantity": "the name that holds it says the unit",
    "simulation.simulate._between": "the name that holds it says the unit",
    "prediction.plausibility.Claim.value": "the field `metric` ends with its unit",
    "prediction.plausibility.Claim.best": "the field `metric` ends with its unit",
    "prediction.plausibility.Claim.best_even": "the field `metric` ends with its unit",
    "prediction.plausibility._claim(value)": "the parameter `metric` ends with its unit",
    "prediction.evidence.around": "a middle of any unit",
    "prediction.parameters.Prior": "a parameter of any kind; `KINDS` end with their units",
    "prediction.parameters.value": "a parameter of any kind; `KINDS` end with their units",
    "prediction.accuracy_training": "the unit of the table's column",
    "prediction.efficiency.Keyed.value": "a parameter of any kind; `KINDS` end with their units",
    "prediction.machine_fit": "logarithms of ratios, and weights of runs, as in `run_fit`",
    "prediction.run_design.Design.at(values)": "parameters of any kind",
    "prediction.training.efficiency.parameter": "a parameter of any kind; `KINDS` say which",
    "prediction.training.fit._scale": "the run's metric ends with its unit",
    "prediction.training.reading.TrainingRun.measured": "the unit of its metric",
    "prediction.accuracy_inference": "each run's metric ends with its unit",
    "prediction.rates._share": "a ratio; others rely on the name",
    "prediction.timers._blend.mean": "the mean of any time",
    "prediction.rates.Sheet.head_is_packed": "0 or 1, an element a run",
    "prediction.run_design.Design.measured": "each run's metric ends with its unit",
    "prediction.run_design._count": "rows of a table of several units",
    "prediction.run_design.predicted_values": "each run's metric ends with its unit",
    "prediction.run_design._role_times_s.column": "a column of any unit",
    "prediction.run_design._sums": "sums of any unit",
    "prediction.run_evidence.HeldOut.log_errors": "logarithms of ratios",
    "prediction.run_evidence.hold_out": "weights, and parameters of several kinds",
    "prediction.run_evidence._ends(log_ratios)": "logarithms of ratios",
    "prediction.run_fit": "logarithms, weights and parameters of several kinds",
    "prediction.run_plan.requests_of": "requests",
    "prediction.run_values.run_values": "each run's metric ends with its unit",
    "prediction.calibration": "logarithms of ratios, and parameters of several kinds",
    "report.calibration._errors(log_errors)": "logarithms of ratios",
    "work.operators.Shard": "ranks and stages, a number or one an operating point",
    "work.operators.CORRELATION_EXPONENT": "an exponent",
    "work.adapter_step.adapter_operators(tp)": "ranks",
    "work.attention_step._projections(tp)": "ranks",
    "work.step._rows(tp)": "ranks",
    "work.step._head(tp)": "ranks",
    "prediction.accuracy_score.Score.interval_score": "a ratio; others rely on the name",
    "prediction.accuracy_score.winkler_ratio": "two values of one unit, any",
    "prediction.accuracy_score.quantile": "values of any unit",
    "prediction.engine_memory._ends(interval)": "an interval of any unit",
    "prediction.engine_memory._ends": "an interval of any unit",
    "prediction.timers._blend.harmonic": "the mean of any rate",
    "prediction.kernel_fit._OVERHEAD_LIMIT_US": "the solver's parameters are of one magnitude",
    "prediction.kernel_fit._MICROSECONDS": "a power of ten",
    "prediction.kernel_fit._positive": "a column of any unit",
    "prediction.kernel_fit._minimise": "the solver's parameters, of several units",
    "prediction.kernel_fit._fit_kernel.complete": "the solver's parameters, of several units",
    "prediction.kernel_fit._kernel_s(parameters)": "the solver's parameters, of several units",
    "prediction.kernel_fit.fit_all_reduce.predicted_s(logs)": "the solver's parameters",
    "report.gpu._tera": "a rate of any unit, shown in 10¹²",
    "report.accuracy._worst_cells": "the row says the unit",
    "report.compare.Line.values": "its label says the unit",
    "report.compare._line(values)": "its label says the unit",
    "report.factors._NOTICEABLE": "a share of one",
    "report.factors._factor(values)": "its label says the unit",
    "report.factors._factor(scale)": "a power of ten",
    "report.document.Bar": "its label says the unit",
    "report.speed_accuracy": "ratios, and powers of ten",
    "report.scatter": "places on a drawing, and axes of any unit",
    "prediction.speed_accuracy._P90": "a share of one",
    "prediction.speed_accuracy.Judgement": "logarithms of ratios, and ends of intervals as ratios",
    "report.predict._maybe_json(value)": "its key says the unit",
    "report.predict._row(value)": "its label says the unit",
    "prediction.kernels.tp_efficiency": "a ratio; others rely on the name",
    "report.kernels._between(value)": "an interval of any unit, shown in seconds",
    "report.predict_sweep._value": "the quantity that is swept, of any unit",
    "report.predict_sweep._interval": "any of the quantities of a prediction",
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
        "tokens_per_s_per_card",
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
