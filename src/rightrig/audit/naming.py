"""What an expression may name: functions with the units of what they take and return, and units.

A function is a public function of the library, or one of ``audit/functions`` that looks records up
first. Its parameters and its result say their unit at the end of their name, so that a caller who
writes ``5 * GB`` and a function that takes ``message_bytes`` agree, and anything else is refused.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from rightrig.audit.amounts import Amount, Found, amount_of
from rightrig.audit.units import NONE, Unit, show_dimension, unit_of_name
from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.interval import Interval

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Mapping

    from rightrig.audit.stated import Stated
    from rightrig.deployment.rule import Violation
    from rightrig.facts.catalog import Catalog

Kind = Literal["fact", "formula", "rule", "claim"]
_MOST_COUNT: Final = 1e15
_LONGEST_TEXT: Final = 120


@dataclass(frozen=True, slots=True)
class Setting:
    """What expressions are computed with.

    Attributes:
        catalog: Whose records count.
        today: The day that ages are counted from.
        stated: What each claim of the table states, by its id: ``said`` reads it.
        claimed: What the claim that is judged states; rules read it.
    """

    catalog: Catalog
    today: datetime.date
    stated: Mapping[str, tuple[Stated, ...]]
    claimed: Amount | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a function: its name, its type, its unit and whether it may be left out."""

    name: str
    type: str
    unit: Unit
    is_optional: bool


@dataclass(frozen=True, slots=True)
class Named:
    """A function that expressions may call.

    Attributes:
        kind: ``fact`` reads a record; ``formula`` computes; ``rule`` judges and stands in the
            column ``lint`` alone; ``claim`` reads what a claim states, and so is arithmetic of
            the text that is judged.
        takes_setting: Whether it is given the catalogue first.
    """

    name: str
    kind: Kind
    function: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    takes_setting: bool

    @property
    def sentence(self) -> str:
        """The first sentence of its documentation, as a list of functions wants it."""
        first = (inspect.getdoc(self.function) or "").split("\n\n")[0].replace("``", "")
        text = " ".join(first.split()).removeprefix("Return ").removeprefix("Judge ")
        return f"{text[:1].upper()}{text[1:]}"

    @property
    def usage(self) -> str:
        """How it is called."""
        shown = (f"{p.name}{'=…' if p.is_optional else ''}" for p in self.parameters)
        return f"{self.name}({', '.join(shown)})"


def named(function: Callable[..., Any], kind: Kind) -> Named:
    """Return a function as expressions may call it."""
    signature = inspect.signature(function)
    every = list(signature.parameters.values())
    takes_setting = bool(every) and every[0].name == "setting"
    parameters = tuple(
        Parameter(
            p.name,
            str(p.annotation).removesuffix(" | None"),
            unit_of_name(p.name),
            p.default is not p.empty,
        )
        for p in every[int(takes_setting) :]
    )
    return Named(function.__name__, kind, function, parameters, takes_setting)


def table_of(groups: Iterable[tuple[Kind, Iterable[Callable[..., Any]]]]) -> dict[str, Named]:
    """Return functions by their names."""
    return {f.__name__: named(f, kind) for kind, functions in groups for f in functions}


@functools.cache
def functions() -> Mapping[str, Named]:
    """Return every function that expressions may call, by its name."""
    from rightrig.audit.functions.every import GROUPS  # noqa: PLC0415 - loaded when first asked

    return table_of(GROUPS)


def called(
    function: Named, setting: Setting, values: list[Found], by_name: Mapping[str, Found]
) -> Found | tuple[Violation, ...]:
    """Return what a function makes of some values.

    Raises:
        InputError: for wrong arguments, and for what the function refuses.
    """
    given = _bound(function, values, by_name)
    arguments = {p.name: _taken(function.name, p, given[p.name]) for p in function.parameters
                 if p.name in given}  # fmt: skip
    before = (setting,) if function.takes_setting else ()
    try:
        result = function.function(*before, **arguments)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise InputError(f"{function.name} cannot compute that: {plain(error, 120)}") from error
    return _returned(function, result)


def _bound(function: Named, values: list[Found], by_name: Mapping[str, Found]) -> dict[str, Found]:
    """Return the arguments by the names of the parameters."""
    names = [p.name for p in function.parameters]
    wrong = sorted(set(by_name) - set(names[len(values) :]))
    missing = [
        p.name
        for p in function.parameters[len(values) :]
        if not p.is_optional and p.name not in by_name
    ]
    if len(values) > len(names) or wrong or missing:
        raise InputError(f"{function.name} is called as {function.usage}")
    return {**dict(zip(names, values, strict=False)), **by_name}


def _taken(name: str, parameter: Parameter, value: Found) -> object:
    """Return a value as a parameter takes it."""
    if parameter.type == "str" and isinstance(value, str):
        if len(value) <= _LONGEST_TEXT:
            return value
        raise InputError(f"{name} takes no {parameter.name} of {len(value):,} characters")
    if parameter.type == "bool" and isinstance(value, bool):
        return value
    if parameter.type in {"Amount", "Found"} and isinstance(value, Amount):
        return value
    if parameter.type in {"float", "int", "Interval"} and isinstance(value, Amount):
        return _number(name, parameter, value)
    wanted = {"str": "words in quotes", "bool": "True or False"}.get(parameter.type, "a number")
    raise InputError(f"{name} takes {wanted} as {parameter.name}")


def _number(name: str, parameter: Parameter, value: Amount) -> object:
    """Return an amount in the unit of a parameter."""
    if value.dimension != parameter.unit.dimension:
        raise InputError(
            f"{name} takes {parameter.name} in {show_dimension(parameter.unit.dimension)} and was "
            f"given {show_dimension(value.dimension)}"
        )
    interval = value.interval.map(lambda end: end / parameter.unit.scale_ratio)
    if parameter.type == "Interval":
        return interval
    if parameter.type == "float":
        return interval.mid
    if abs(interval.mid) > _MOST_COUNT or interval.mid != round(interval.mid):
        raise InputError(f"{name} takes a whole number as {parameter.name}, got {interval.mid:g}")
    return round(interval.mid)


def _returned(function: Named, result: object) -> Found | tuple[Violation, ...]:
    """Return a result with its unit."""
    if isinstance(result, bool | str | Amount | tuple):
        return result
    if isinstance(result, int | float | Interval):
        return amount_of(result, unit_of_name(function.name))
    raise InputError(f"{function.name} has no answer for that")


def plain_number(value: float) -> Amount:
    """Return a number without a unit."""
    return Amount(Interval.exact(value), NONE)
