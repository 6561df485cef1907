"""Every formula keeps the dimensions that its name and its parameters' names promise.

A formula is a public function of the modules below whose parameters and result all end with a
unit. It is called with a quantity for each parameter, of the unit that ends the parameter's name:
bytes that are added to seconds fail, and so does a result of another unit than its name says.
"""

from __future__ import annotations

import importlib
import inspect
import re
from typing import TYPE_CHECKING, Any, Final

import pint
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

MODULES: Final = (
    "work.operators",
    "work.activations",
    "prediction.roofline",
    "prediction.network",
    "prediction.electrical",
    "prediction.power",
    "prediction.power_cap",
    "costs.money",
    "costs.energy",
    "costs.bandwidth_loss",
    "costs.spot",
)

REGISTRY: Final[pint.UnitRegistry[float]] = pint.UnitRegistry(None)
for definition in (
    "s = [time]", "hour = 3600 * s", "month = 730 * hour", "year = 8760 * hour", "years = year",
    "byte = [information]", "bytes = byte", "bits = byte / 8", "mib = 2**20 * byte",
    "gib = 2**30 * byte", "flop = [computing]", "hz = 1 / s",
    "w = [power]", "j = w * s",
    "a = [current]", "v = w / a", "va = w", "btu = 1055 * j", "celsius = [warmth]",
    "cfm = [airflow]", "kwh = 3.6e6 * j", "usd = [currency]",
    "count = []", "ratio = []", "tokens = []", "token = []", "requests = []",
):  # fmt: skip
    REGISTRY.define(definition)

CONSTANTS: Final = {
    # Two flop are a multiplication and an addition.
    "attention_flop": {"dims_count": "flop"},
    "gemm_flop": {"params_count": "flop"},
    "tensor_peak_flop_per_s": {"fma_per_clock_count": "flop"},
    "ridge_tokens_count": {"bytes_per_weight_count": "byte / flop"},
    # Two bytes are an activation, four bytes are an attention score.
    "gemm_bytes": {"outputs_count": "byte"},
    "all_reduce_message_bytes": {"hidden_count": "byte"},
    # Watts are joules a second; air carries some of them a degree and a cubic foot a minute.
    "air_cfm": {"power_w": "cfm * celsius"},
    "heat_btu_per_hour": {"power_w": "btu / hour"},
    "cooling_tons_count": {"power_w": ""},
}
"""Formulas with a constant that has a unit: the parameter which it multiplies carries that unit."""

UNITS: Final = (
    "bytes", "bits", "flop", "s", "hz", "w", "j", "usd", "tokens", "requests", "count", "ratio",
    "years", "kwh", "mib", "gib", "v", "a", "va", "btu", "celsius", "cfm",
)  # fmt: skip
DENOMINATORS: Final = ("s", "j", "hour", "month", "year", "kwh", "byte", "token")
# The longest end of a name that is a unit: of `peak_flop_per_s`, `flop_per_s` and not `s`.
_UNIT_AT_END: Final = re.compile(
    rf"(?:.*?_)??((?:{'|'.join(UNITS)})(?:_per_(?:{'|'.join(DENOMINATORS)}))*)"
)


def unit_of(name: str) -> str | None:
    """Return the unit that a name ends with, as the registry reads it."""
    match = _UNIT_AT_END.fullmatch(name)
    return match[1].replace("_per_", " / ") if match else None


def units_of_parameters(formula: Callable[..., Any]) -> dict[str, str | None]:
    """Return the unit of every parameter; whole numbers without one are counts."""
    return {
        name: unit_of(name) or ("count" if parameter.annotation == "int" else None)
        for name, parameter in inspect.signature(formula).parameters.items()
    }


def check_dimensions(formula: Callable[..., Any]) -> None:
    """Fail unless the formula makes the unit of its name from the units of its parameters."""
    name = formula.__name__
    carried = CONSTANTS.get(name, {})
    arguments = {
        parameter: quantity(carried.get(parameter, unit or ""))
        for parameter, unit in units_of_parameters(formula).items()
    }
    promised = REGISTRY.Unit(unit_of(name) or "")
    result = REGISTRY.Quantity(formula(**arguments))
    assert result.dimensionality == promised.dimensionality, (
        f"{name} makes {result.units:~}, not {promised:~}"
    )


def quantity(unit: str) -> Any:
    """Return a half of a unit; what has no dimension stays a plain number."""
    half = REGISTRY.Quantity(0.5, unit)
    return 0.5 if half.dimensionless else half


def is_formula(function: Callable[..., Any]) -> bool:
    """Whether a function's result and every parameter have a unit."""
    named = not function.__name__.startswith("_") and unit_of(function.__name__) is not None
    return named and None not in units_of_parameters(function).values()


def formulas_of(name: str) -> list[Callable[..., Any]]:
    module = importlib.import_module(f"rightrig.{name}")
    functions = [found for _, found in inspect.getmembers(module, inspect.isfunction)]
    return [f for f in functions if f.__module__ == module.__name__ and is_formula(f)]


FORMULAS: Final = [formula for name in MODULES for formula in formulas_of(name)]


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.__name__)
def test_a_formula_makes_the_unit_of_its_name(formula: Callable[..., Any]) -> None:
    check_dimensions(formula)


def test_the_formulas_are_found() -> None:
    names = {formula.__name__ for formula in FORMULAS}
    assert len(names) >= 25
    assert CONSTANTS.keys() <= names
    assert {"kernel_s", "all_reduce_s", "card_power_w", "owned_cost_usd_per_token"} <= names


def load_s(moved_bytes: float, wait_s: float) -> float:
    return moved_bytes + wait_s


def rate_bytes_per_s(moved_bytes: float, wait_s: float) -> float:
    return moved_bytes * wait_s


def total_bytes(context_tokens: float, layers_count: float) -> float:
    return 2.0 * context_tokens * layers_count


def test_bytes_are_not_added_to_seconds() -> None:
    with pytest.raises(pint.DimensionalityError):
        check_dimensions(load_s)


@pytest.mark.parametrize("formula", [rate_bytes_per_s, total_bytes])
def test_another_unit_than_promised_is_found(formula: Callable[..., Any]) -> None:
    with pytest.raises(AssertionError, match=r"makes .*, not .*byte"):
        check_dimensions(formula)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("moved_bytes", "bytes"),
        ("peak_flop_per_s", "flop / s"),
        ("tariff_usd_per_kwh", "usd / kwh"),
        ("cost_usd_per_token", "usd / token"),
        ("energy_per_token_j", "j"),
        ("experts_per_token_count", "count"),
        ("flop", "flop"),
        ("llm", None),
        ("gigaflop", None),
    ],
)
def test_the_unit_of_a_name_is_the_longest_at_its_end(name: str, unit: str | None) -> None:
    assert unit_of(name) == unit
