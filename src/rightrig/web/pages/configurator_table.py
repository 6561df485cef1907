"""The table of models on a rig: which rows are shown, in which order, with which words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility_formats import stored_format
from rightrig.planning.survey.speeds import HIGH, LOW, MID
from rightrig.prediction.memory_fit import VERDICT_RANK
from rightrig.quantities import GIB, GIGA, MILLION
from rightrig.report.views import SIGNS
from rightrig.web.pages.configurator_rows import refused_html, rows_html
from rightrig.web.state import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from markupsafe import Markup
    from numpy.typing import NDArray

    from rightrig.planning.survey.survey import Survey
    from rightrig.web.pages.configurator_shelf import Shelf
    from rightrig.web.state import State

    Ends = tuple[list[float], list[float], list[float]]

_NO: Final = VERDICT_RANK["no"]
_MOST_PARAMS_COUNT: Final = 1e18
COLUMNS: Final = (
    ("verdict", "Status", False), ("model", "Model", False), ("size", "Size", True),
    ("", "Format, engine", False), ("context", "Most context", True),
    ("users", "Most users", True), ("user-speed", "Tokens/s a user", True),
    ("speed", "Tokens/s in all", True), ("ttft", "First token", True),
    ("price", "$/M out", True), ("", "Memory", False),
)  # fmt: skip
"""Word of the sort, head, whether numbers stand in it; without a word it is not sorted by."""
_FALLS: Final = frozenset({"size", "context", "users", "user-speed", "speed"})
"""Columns whose first sort is from the largest down."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A predicted number with the ends of its interval; empty texts where nothing is known."""

    mid: str = ""
    ends: str = ""


_NOTHING: Final = Cell()


@dataclass(frozen=True, slots=True)
class Row:
    """One model that the rig holds.

    Attributes:
        place: In the book.
        weights, engine: The format of the weights; the engine and how it is split.
        cells: Tokens/s of a user and of all, the first token, dollars.
        slo: ``surely``, ``likely`` or ``not`` met; empty without objectives.
    """

    place: int
    slug: str
    name: str
    owner: str
    verdict: str
    sign: str
    size: str
    weights: str
    engine: str
    context: str
    users: str
    cells: tuple[Cell, ...]
    slo: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """One model that does not fit, and why."""

    slug: str
    name: str
    owner: str
    size: str
    weights: str
    engine: str
    why: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Head:
    """One head of the table, with the state in which it is sorted by."""

    text: str
    is_number: bool
    query: str = ""
    sorted: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """What the table shows.

    Attributes:
        asks: The query of a row without its model.
        kept_count: Models that meet the objectives, surely or likely; ``None`` without any.
        others_count: Fine-tunes and copies that are left out.
    """

    heads: tuple[Head, ...]
    rows: tuple[Row, ...]
    refused: tuple[Refused, ...]
    asks: str
    kept_count: int | None
    others_count: int

    @property
    def rows_html(self) -> Markup:
        """The rows, drawn."""
        return rows_html(self.rows, self.asks)

    @property
    def refused_html(self) -> Markup:
        """The rows of the models that do not fit, drawn."""
        return refused_html(self.refused, self.asks)


def shown_places(survey: Survey, shelf: Shelf, state: State) -> list[int]:
    """Return the models that the filters leave, the best and largest first."""
    order: list[int] = survey.held.order().tolist()
    tests = tuple(_tests(survey, shelf, state))
    return [place for place in order if all(test(place) for test in tests)]


def _tests(survey: Survey, shelf: Shelf, state: State) -> Iterator[Callable[[int], bool]]:
    """Yield what each shown model must be."""
    if not state.every:
        yield shelf.curated.__contains__
    if state.status:
        codes, wanted = survey.held.verdict, VERDICT_RANK[state.status]  # type: ignore[index] # one of the statuses
        yield lambda place: bool(codes[place] == wanted)
    if state.family:
        family, llms = state.family, shelf.llms
        yield lambda place: llms[place].family == family
    if state.size:
        low, _, high = state.size.partition("-")
        least = GIGA * float(low)
        most = GIGA * float(high) if high else _MOST_PARAMS_COUNT
        yield lambda place: least <= shelf.params_count[place] < most
    if state.licence:
        yield shelf.is_open.__getitem__


def table_of(survey: Survey, shelf: Shelf, state: State, chosen: int | None) -> Table:
    """Return the rows of a state."""
    places = shown_places(survey, shelf, state)
    codes = survey.held.verdict.tolist()
    held = _sorted([p for p in places if codes[p] != _NO], survey, shelf, state)
    rows = tuple(_Rows(survey, shelf, state, chosen).of(held))
    kept = sum(row.slo in {"surely", "likely"} for row in rows)
    return Table(
        _heads(state),
        rows,
        tuple(_refused(survey, shelf, place, chosen) for place in places if codes[place] == _NO),
        f"{canonical(state, model='')}&model=",
        kept if state.ttft_s or state.tpot_s else None,
        0 if state.every else len(shelf.llms) - len(shelf.curated),
    )


def _sorted(places: list[int], survey: Survey, shelf: Shelf, state: State) -> list[int]:
    """Return models in the order that is asked for; equals, and those unknown, stay in order."""
    if state.sort == "verdict":
        return places[::-1] if state.descends else places
    if state.sort == "model":
        return sorted(places, key=lambda p: shelf.llms[p].name.lower(), reverse=state.descends)
    values = _keys_count(survey, shelf, state.sort)
    known = [place for place in places if math.isfinite(values[place])]
    known.sort(key=values.__getitem__, reverse=state.descends)
    return known + [place for place in places if not math.isfinite(values[place])]


def _keys_count(survey: Survey, shelf: Shelf, sort: str) -> Sequence[float]:
    """Return what a column is sorted by, of every model."""
    held = survey.held
    if sort == "size":
        return shelf.params_count
    columns: dict[str, NDArray[np.float64]] = {
        "context": held.max_context_tokens.astype(float),
        "users": held.max_concurrency.astype(float),
        "user-speed": 1.0 / survey.tpot_s[MID],
        "speed": survey.output_tokens_per_s[MID],
        "ttft": survey.ttft_s[MID],
        "price": survey.output_usd_per_token[MID],
    }
    found: list[float] = columns[sort].tolist()
    return found


def _heads(state: State) -> tuple[Head, ...]:
    """Return the heads; the one sorted by turns its order."""
    found = []
    for word, text, is_number in COLUMNS:
        if not word:
            found.append(Head(text, is_number))
            continue
        is_own = state.sort == word
        falls = not state.descends if is_own else word in _FALLS
        query = canonical(state, sort=word, descends=falls)
        sorted_by = ("descending" if state.descends else "ascending") if is_own else ""
        found.append(Head(_headed(word, text, state), is_number, query, sorted_by))
    return tuple(found)


def _headed(word: str, text: str, state: State) -> str:
    """Return a head; of a rate the first token's is a percentile."""
    return f"{text}, p99" if word == "ttft" and state.rate_requests_per_s else text


def lists_of(ends_count: NDArray[np.float64]) -> Ends:
    """Return the ends and the middle of many intervals as lists, which are quicker to read."""
    low, mid, high = ends_count.tolist()
    return low, mid, high


class _Rows:
    """The words of the rows, made from lists."""

    def __init__(self, survey: Survey, shelf: Shelf, state: State, chosen: int | None) -> None:
        """Turn the arrays into lists once."""
        self._survey, self._shelf, self._state, self._chosen = survey, shelf, state, chosen
        self._user = lists_of(1.0 / survey.tpot_s[::-1])
        self._speed = lists_of(survey.output_tokens_per_s)
        self._ttft, self._tpot = lists_of(survey.ttft_s), lists_of(survey.tpot_s)
        self._usd = lists_of(survey.output_usd_per_token * MILLION)

    def of(self, places: Sequence[int]) -> Iterator[Row]:
        """Yield the rows of some models."""
        held, shelf = self._survey.held, self._shelf
        codes, contexts = held.verdict.tolist(), held.max_context_tokens.tolist()
        users, words = held.max_concurrency.tolist(), tuple(VERDICT_RANK)
        for place in places:
            verdict = words[codes[place]]
            yield Row(
                place, *shelf.names[place], verdict, SIGNS[verdict],
                shelf.sizes[place], *how_texts(self._survey, place), short_count(contexts[place]),
                f"{users[place]:,}", self._cells(place), self._slo(place),
                place == self._chosen,
            )  # fmt: skip

    def _cells(self, place: int) -> tuple[Cell, ...]:
        """Return the predicted numbers of a model."""
        return (
            number_cell(self._user, place), number_cell(self._speed, place),
            time_cell(self._ttft, place), usd_cell(self._usd, place),
        )  # fmt: skip

    def _slo(self, place: int) -> str:
        """Return whether a model meets the objectives surely, likely or not."""
        state = self._state
        asked = [
            (ends, limit_s)
            for ends, limit_s in ((self._ttft, state.ttft_s), (self._tpot, state.tpot_s))
            if limit_s
        ]
        if not asked or math.isnan(self._tpot[MID][place]):
            return ""
        if all(ends[HIGH][place] <= limit_s for ends, limit_s in asked):
            return "surely"
        is_likely = all(ends[MID][place] <= limit_s for ends, limit_s in asked)
        return "likely" if is_likely else "not"


def how_texts(survey: Survey, place: int) -> tuple[str, str]:
    """Return the format, and the engine with its split; empty where nothing could be tried."""
    deployment = survey.deployments[place]
    if deployment is None:
        return "", ""
    split = deployment.parallelism
    divided = "" if split.cards == 1 else f" · {split.text}"
    return stored_format(deployment), f"{deployment.runtime.slug}{divided}"


def _refused(survey: Survey, shelf: Shelf, place: int, chosen: int | None) -> Refused:
    """Return a model that does not fit."""
    held = survey.held
    why = held.reason(place)
    if not why and survey.deployments[place] is not None:
        need, budget = held.required_bytes[place] / GIB, held.budget_bytes[place] / GIB
        why = f"needs {need:,.1f} of {budget:,.1f} GiB on its tightest card"
    how = how_texts(survey, place)
    return Refused(*shelf.names[place], shelf.sizes[place], *how, why, place == chosen)


def short_count(tokens_count: int) -> str:
    """Return a number of tokens in thousands of 1,024, where it is whole ones.

    >>> short_count(131072), short_count(40960), short_count(5000), short_count(1048576)
    ('128k', '40k', '5,000', '1,024k')
    """
    whole, rest = divmod(tokens_count, 1024)
    return f"{whole:,}k" if whole and not rest else f"{tokens_count:,}"


def _figure(value_count: float) -> str:
    """Return a number with two or three figures, for a narrow column."""
    if value_count >= 100:  # noqa: PLR2004 - three figures
        return f"{value_count:,.0f}"
    return f"{value_count:.0f}" if value_count >= 10 else f"{value_count:.2g}"  # noqa: PLR2004 - two figures


def number_cell(ends: Ends, place: int) -> Cell:
    """Return a predicted number."""
    if math.isnan(ends[MID][place]):
        return _NOTHING
    low, mid, high = ends[LOW][place], ends[MID][place], ends[HIGH][place]
    return Cell(_figure(mid), f"{_figure(low)}–{_figure(high)}")


def time_cell(ends: Ends, place: int) -> Cell:
    """Return a predicted time, all of it in the unit of its middle."""
    mid = ends[MID][place]
    if math.isnan(mid):
        return _NOTHING
    if math.isinf(mid):
        return Cell("∞", "more arrives than is served")
    unit, scale = ("s", 1.0) if mid >= 1.0 else ("ms", 1e3)
    low, high = ends[LOW][place] * scale, ends[HIGH][place] * scale
    return Cell(f"{_figure(mid * scale)} {unit}", f"{_figure(low)}–{_figure(high)}")


def usd_cell(ends: Ends, place: int) -> Cell:
    """Return a price; of what is saturated it is that of what is served."""
    mid = ends[MID][place]
    if not math.isfinite(mid):
        return _NOTHING
    low, high = ends[LOW][place], ends[HIGH][place]
    return Cell(f"${_cents(mid)}", f"{_cents(low)}–{_cents(high)}")


def _cents(amount_usd: float) -> str:
    """Return dollars with as many figures as matter in a table."""
    return f"{amount_usd:,.0f}" if amount_usd >= 100 else f"{amount_usd:.3g}"  # noqa: PLR2004
