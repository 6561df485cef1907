"""Words for what an audit finds: figures in the claim's unit, and why a verdict is what it is."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.audit.amounts import Amount, Readings
from rightrig.audit.judging import BEYOND, judged
from rightrig.audit.stated import Number
from rightrig.audit.units import parse_unit
from rightrig.facts.reading import plain

if TYPE_CHECKING:
    from rightrig.audit.amounts import Value
    from rightrig.audit.auditing import Audited
    from rightrig.audit.figure import Figure
    from rightrig.audit.judging import Judgement
    from rightrig.audit.stated import Stated

_DIGITS: Final = 3
_MOST_DIGITS: Final = 7
_LARGEST_POWER: Final = 15
_SMALLEST_POWER: Final = -9
_TWICE_RATIO: Final = 1.9
_LONGEST: Final = 1000
_RIGHT: Final = "As computed."
NOTHING: Final = "–"


def safe(text: str, most: int = _LONGEST) -> str:
    """Return words of a table on one line, without what a terminal would act on."""
    return plain(" ".join(text.split()), most)


def unit_of(figure: Figure) -> str:
    """Return the unit of a figure as it is written; what is counted has none."""
    unit = figure.unit or ("%" if "%" in figure.claimed else "")
    return "" if unit == "count" else unit


def with_unit(text: str, unit: str) -> str:
    """Return a number with its unit."""
    if not unit or unit in text or (unit == "USD" and "$" in text):
        return text
    return f"{text}{unit}" if unit == "x" else f"{text} {unit}"


def claimed_text(figure: Figure) -> str:
    """Return what a figure states, with its unit."""
    has_number = any(isinstance(one, Number) for one in figure.stated)
    return with_unit(safe(figure.claimed), safe(unit_of(figure)) if has_number else "")


def number_text(value: float, digits: int = _DIGITS) -> str:
    """Return a number with so many figures, or all before the point.

    >>> number_text(1234567.0), number_text(3.14159), number_text(0.0003456, 2)
    ('1,234,567', '3.14', '0.00035')
    """
    if value == 0.0:
        return "0"
    power = math.floor(math.log10(abs(value)))
    if not _SMALLEST_POWER <= power <= _LARGEST_POWER:
        return f"{value:.{digits}g}"
    text = f"{value:,.{max(0, digits - 1 - power)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def value_text(value: Value, figure: Figure, unit: str = "") -> str:
    """Return one value in the unit of a figure; with its 80 % where unsure.

    Args:
        value: In base units.
        figure: Whose unit and digits count.
        unit: As it is to be shown; none where empty.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return safe(value)
    low, mid, high = in_unit(value, figure)
    digits = _digits(figure)
    if value.varies or (value.limit == "" and mid == 0.0 and low != high):
        ends = dict.fromkeys((number_text(low, digits), number_text(high, digits)))
        return with_unit(" to ".join(ends), unit)
    text = {"most": "at most ", "least": "at least "}.get(value.limit, "") + number_text(
        mid, digits
    )
    text = with_unit(text, unit)
    if value.is_exact:
        return text
    return f"{text} ({number_text(low)} to {number_text(high)})"


def in_unit(value: Amount, figure: Figure) -> tuple[float, float, float]:
    """Return the low end, the middle and the high end in the unit of a figure."""
    scale_ratio = parse_unit(unit_of(figure)).scale_ratio
    ends = value.interval
    return ends.low / scale_ratio, ends.mid / scale_ratio, ends.high / scale_ratio


def _digits(figure: Figure) -> int:
    """Return how many figures tell a computed value from the stated one."""
    known = [one.digits_count for one in figure.stated if isinstance(one, Number)]
    return min(max(_DIGITS, *(count + 1 for count in known), _DIGITS), _MOST_DIGITS)


def recomputed_text(audited: Audited) -> str:
    """Return what a claim comes to, short: readings by their values alone."""
    figure, found = audited.figure, audited.found
    unit = safe(unit_of(figure))
    if found is None:
        return NOTHING
    if isinstance(found, Readings):
        each = list(dict.fromkeys(value_text(v, figure) for v in found.by_name.values()))
        if all(text[-1:].isdigit() for text in each):
            return with_unit(" or ".join(each), unit)
        return " or ".join(value_text(v, figure, unit) for v in found.by_name.values())
    if isinstance(found, tuple):
        return " / ".join(value_text(value, figure, unit) for value in found)
    return value_text(found, figure, unit)


def factor_text(audited: Audited) -> str:
    """Return what was computed over what was stated, where that is off."""
    factor_ratio = audited.judgement.factor_ratio
    if audited.verdict not in {"wrong", "impossible"} or not factor_ratio or factor_ratio < 0.0:
        return NOTHING
    text = number_text(factor_ratio)
    return NOTHING if text == "1" else f"×{text}"


def reason_of(audited: Audited) -> str:
    """Return why a verdict is what it is: the broken rules, else the numbers; then the note."""
    rules = [f"{v.reason.rstrip('.')} [{v.rule_id}]." for v in audited.broken]
    numbers = _numbers(audited)
    note = safe(audited.figure.note)
    # That a figure is right needs no words beside a note. Beside a rule that makes it wrong, the
    # bound that makes it impossible is told too.
    is_told = not rules or _is_beyond_bound(audited)
    parts = [numbers] if numbers and is_told and not (note and numbers == _RIGHT) else []
    parts += rules
    if note:
        parts.append(note if note.endswith((".", "!", "?")) else f"{note}.")
    return " ".join(f"{part[:1].upper()}{part[1:]}" for part in parts)


def _is_beyond_bound(audited: Audited) -> bool:
    """Return whether a figure lies beyond its bound, and no rule says so."""
    found = audited.found
    if found is None or any(violation.rule_id in BEYOND for violation in audited.broken):
        return False
    return judged(audited.figure.stated, found).verdict == "impossible"


def _numbers(audited: Audited) -> str:
    """Return what the numbers say."""
    figure, found = audited.figure, audited.found
    if found is None:
        if figure.lint is not None:
            return "It keeps the rules that were checked; nothing computes it."
        return "" if figure.note else "Nothing public computes it."
    if isinstance(found, Readings):
        return _of_readings(figure, found)
    values = found if isinstance(found, tuple) else (found,)
    pairs = list(zip(figure.stated, values, strict=True))
    if len(pairs) == 1:
        return _of_one(figure, *pairs[0], judged(figure.stated, found))
    told = [_of_one(figure, one, value, judged((one,), value)) for one, value in pairs]
    if set(told) == {_RIGHT}:
        return _RIGHT
    names = [one.text if isinstance(one, Number) else str(one) for one, _ in pairs]
    return " ".join(f"{safe(name)}: {text}" for name, text in zip(names, told, strict=True))


def _of_readings(figure: Figure, found: Readings) -> str:
    """Return which readings make a claim right or near, and what the others come to."""
    told: dict[str, list[str]] = {"Right": [], "Near": [], "Not right": []}
    words = {"correct": "Right", "approximate": "Near"}
    for name, value in found.by_name.items():
        verdict = judged(figure.stated, value).verdict
        text = f"{safe(name)} = {value_text(value, figure)}"
        told[words.get(verdict, "Not right")].append(text)
    if not told["Right"] and not told["Near"]:
        return f"By each reading: {'; '.join(told['Not right'])}."
    return " ".join(f"{what}: {'; '.join(each)}." for what, each in told.items() if each)


def _of_one(figure: Figure, stated: Stated, value: Value, judgement: Judgement) -> str:
    """Return what one value says of one stated figure."""
    if isinstance(stated, Number) and isinstance(value, Amount):
        if value.limit:
            return _of_bound(figure, value, judgement)
        if value.varies:
            return _of_varying(figure, value, judgement)
        return _of_number(figure, stated, value, judgement)
    if judgement.verdict == "correct":
        return _RIGHT
    return f"Computed: {value_text(value, figure)}."


def _of_bound(figure: Figure, value: Amount, judgement: Judgement) -> str:
    """Return where a figure lies beside a bound."""
    limit = value_text(replace(value, limit=""), figure, safe(unit_of(figure)))
    bound = f"{'more' if value.limit == 'most' else 'less'} than {limit} is not possible"
    if judgement.verdict != "impossible":
        return f"{bound}; the figure keeps to that, which alone does not make it right."
    factor_ratio = judgement.factor_ratio
    if not factor_ratio or factor_ratio < 0.0:
        return f"{bound}."
    if value.limit == "most":
        return f"{bound}; the figure is {number_text(1.0 / factor_ratio)} times that."
    return f"{bound}; that is {number_text(factor_ratio)} times the figure."


def _of_varying(figure: Figure, value: Amount, judgement: Judgement) -> str:
    """Return that a figure needs more said, or lies outside whatever that is."""
    between = value_text(value, figure)
    if judgement.verdict == "depends":
        return f"It depends on {safe(value.varies)}: {between}."
    return f"Outside {between}, which spans {safe(value.varies)}."


def _of_number(figure: Figure, stated: Number, value: Amount, judgement: Judgement) -> str:
    """Return how far a figure is from what was computed."""
    off = _off(judgement.factor_ratio)
    if judgement.verdict == "correct":
        return _RIGHT
    if judgement.verdict == "approximate":
        low, _, high = in_unit(value, figure)
        between = f"{number_text(low)} to {number_text(high)}"
        is_within = not value.is_exact and (
            stated.low <= value.interval.high and stated.high >= value.interval.low
        )
        return f"{off}, inside the computed range of {between}." if is_within else f"{off}."
    if not off:
        return f"Computed: {value_text(value, figure)}."
    return f"{off}."


def _off(factor_ratio: float | None) -> str:
    """Return how far a stated figure is off, from what was computed over it."""
    if factor_ratio is None or factor_ratio <= 0.0:
        return ""
    if factor_ratio >= _TWICE_RATIO:
        return f"right is {number_text(factor_ratio)} times as much"
    if factor_ratio <= 1.0 / _TWICE_RATIO:
        return f"it is {number_text(1.0 / factor_ratio)} times what is right"
    share = number_text(100.0 * abs(1.0 / factor_ratio - 1.0), 2)
    return f"{share} % too {'high' if factor_ratio < 1.0 else 'low'}"
