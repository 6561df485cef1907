"""Criteria: options × criteria × weights, ranked, and which weight would change the winner."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, FiniteFloat, PositiveInt

from rightrig.errors import InputError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.facts.reading import plain
from rightrig.facts.source import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

Computed = Literal["output_tokens_per_s", "tpot_s", "rent_usd_per_month", "scaling_ratio"]
_Name = Annotated[str, Field(min_length=1, max_length=60)]
_SLACK_RATIO: Final = 1e-6
_MOST: Final = 50
NORMALISATION: Final = (
    "Each value becomes (value - worst) / (best - worst) of its criterion, from 0 for the worst "
    "option to 1 for the best; where all are equal, 1. A score is the weighted sum."
)


class CriterionLine(Record):
    """One criterion of a file.

    Attributes:
        weight_ratio: Its weight; all sum to 1.
        better: Whether more or less of it is better.
        computed: The figure of an option's rig that it is; without one, options state a value.
    """

    name: _Name
    weight_ratio: Annotated[float, Field(ge=0.0, le=1.0)]
    better: Literal["more", "less"] = "more"
    computed: Computed | None = None


class OptionLine(Record):
    """One option of a file.

    Attributes:
        rig: The cards by which computed criteria are filled.
        values: Criterion → value, for the criteria that are not computed.
    """

    name: _Name
    rig: str | None = None
    values: Mapping[str, FiniteFloat] = Field(default_factory=dict)


class TrafficLine(Record):
    """The model and the traffic for computed criteria; a rate as in ``2/s``."""

    model: str
    rate: str = "1/s"
    input_tokens: PositiveInt = 1000
    output_tokens: PositiveInt = 300
    weights: str | None = None


class CriteriaFile(Record):
    """What a file says: criteria, options, and the traffic where anything is computed."""

    criteria: Annotated[tuple[CriterionLine, ...], Field(min_length=1, max_length=_MOST)]
    options: Annotated[tuple[OptionLine, ...], Field(min_length=2, max_length=_MOST)]
    traffic: TrafficLine | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """One option with its values, its normalised values and its score, best of all 1."""

    name: str
    values: tuple[float, ...]
    normal_ratio: tuple[float, ...]
    score_ratio: float


@dataclass(frozen=True, slots=True)
class Swing:
    """The smallest change of one weight that makes another option win.

    Attributes:
        weight_ratio: The weight at which both are equal; ``None`` where none between 0 and 1 does.
        winner: Who wins beyond it; empty where nobody does.
    """

    criterion: str
    now_ratio: float
    weight_ratio: float | None
    winner: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """The answer.

    Attributes:
        options: Best first.
        swings: One a criterion.
        dominated: (option, a better one) for every option that another beats or equals in all.
        notes: How computed values came about.
    """

    criteria: tuple[CriterionLine, ...]
    options: tuple[Option, ...]
    swings: tuple[Swing, ...]
    dominated: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()

    def explain(self) -> Explanation:
        """Return who wins, by how much, and what would change it."""
        best, second = self.options[:2]
        lead = best.score_ratio - second.score_ratio
        sentences = [
            f"{best.name} wins with {best.score_ratio:.3f} before {second.name} with "
            f"{second.score_ratio:.3f}."
            if lead > _SLACK_RATIO
            else f"{best.name} and {second.name} are level at {best.score_ratio:.3f}.",
            NORMALISATION,
            *(_swing_text(swing) for swing in self.swings),
            *(f"{worse} is dominated by {better}." for worse, better in self.dominated),
        ]
        figures = tuple(
            Figure("score_ratio", one.score_ratio, f"{one.name} {one.score_ratio:.3f}", "the file")
            for one in self.options
        )
        return Explanation(
            tuple(sentences), figures, ("the file's weights and values", *self.notes)
        )


def _swing_text(swing: Swing) -> str:
    """Return what a weight would have to become."""
    if swing.weight_ratio is None:
        return f"No weight of {swing.criterion} changes the winner."
    change = swing.weight_ratio - swing.now_ratio
    return (
        f"{swing.winner} wins when the weight of {swing.criterion} goes from "
        f"{swing.now_ratio:.3g} beyond {swing.weight_ratio:.3g} ({change:+.3g}), the others in "
        "proportion."
    )


def check_file(file: CriteriaFile) -> None:
    """Refuse what cannot be ranked.

    Raises:
        InputError: for weights that do not sum to 1, names that occur twice, values of criteria
            that do not exist, and options that lack one.
    """
    total = math.fsum(one.weight_ratio for one in file.criteria)
    if abs(total - 1.0) > _SLACK_RATIO:
        raise InputError(
            f"the weights sum to {total:.6g}: they must sum to 1; divide each by {total:.6g}"
            if total
            else "the weights sum to 0: they must sum to 1"
        )
    _refuse_twice([one.name for one in file.criteria], "criterion")
    _refuse_twice([one.name for one in file.options], "option")
    stated = {one.name for one in file.criteria if one.computed is None}
    for option in file.options:
        strange = next((name for name in option.values if name not in stated), None)
        if strange is not None:
            raise InputError(
                f"option {option.name!r} states {plain(strange, 60)!r}, which is no criterion "
                "whose value is stated"
            )
        missing = next((name for name in sorted(stated) if name not in option.values), None)
        if missing is not None:
            raise InputError(
                f"option {option.name!r} has no value of {missing!r}: add it to its values"
            )
        if option.rig is None and len(stated) < len(file.criteria):
            raise InputError(f"option {option.name!r} has no rig to compute figures from: add one")
    if file.traffic is None and len(stated) < len(file.criteria):
        raise InputError("a criterion is computed and no model is named: add [traffic] with model")


def _refuse_twice(names: Sequence[str], kind: str) -> None:
    """Refuse a name that occurs twice."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{kind} {twice!r} occurs twice: name each once")


def ranked(
    criteria: Sequence[CriterionLine],
    names: Sequence[str],
    values: Sequence[Sequence[float]],
    notes: Sequence[str] = (),
) -> Ranking:
    """Return the ranking of options by weighted, normalised values.

    Args:
        criteria: Their weights sum to 1.
        names: Of the options, at least two.
        values: A row an option, a column a criterion.
        notes: How computed values came about.
    """
    columns = [
        _normal_ratio([row[place] for row in values], one.better)
        for place, one in enumerate(criteria)
    ]
    options = [
        Option(
            name,
            tuple(values[row]),
            tuple(column[row] for column in columns),
            math.fsum(
                one.weight_ratio * column[row]
                for one, column in zip(criteria, columns, strict=True)
            ),
        )
        for row, name in enumerate(names)
    ]
    options.sort(key=lambda option: -option.score_ratio)
    swings = tuple(_swing(one, place, options) for place, one in enumerate(criteria))
    return Ranking(tuple(criteria), tuple(options), swings, _dominated(options), tuple(notes))


def _normal_ratio(values: Sequence[float], better: str) -> list[float]:
    """Return values from 0, the worst, to 1, the best."""
    low, high = min(values), max(values)
    if high == low:
        return [1.0] * len(values)
    shares = [(value - low) / (high - low) for value in values]
    return shares if better == "more" else [1.0 - share for share in shares]


def _swing(criterion: CriterionLine, place: int, options: Sequence[Option]) -> Swing:
    """Return the nearest weight at which another option draws level.

    With the other weights scaled to keep the sum, the lead over a rival is linear in the weight
    ``w``: ``w·d + (1 − w)·r`` with ``d`` the lead in this criterion and ``r`` the weighted mean
    lead in the others; it is zero at ``w = r / (r − d)``.
    """
    now = criterion.weight_ratio
    best, found = options[0], []
    if now < 1.0:
        for rival in options[1:]:
            lead = best.normal_ratio[place] - rival.normal_ratio[place]
            total = best.score_ratio - rival.score_ratio
            rest = (total - now * lead) / (1.0 - now)
            level = rest / (rest - lead) if rest != lead else math.inf
            # A rival that is level at an end and nowhere behind it never wins.
            if 0.0 <= level <= 1.0 and (lead < 0.0 or rest < 0.0):
                found.append((abs(level - now), level, rival.name))
    if not found:
        return Swing(criterion.name, now, None, "")
    _, level, name = min(found)
    return Swing(criterion.name, now, level, name)


def _dominated(options: Sequence[Option]) -> tuple[tuple[str, str], ...]:
    """Return the options that another one beats in something and equals in the rest."""
    found = []
    for worse in options:
        for better in options:
            pairs = list(zip(better.normal_ratio, worse.normal_ratio, strict=True))
            if all(b >= w for b, w in pairs) and any(b > w for b, w in pairs):
                found.append((worse.name, better.name))
                break
    return tuple(found)
