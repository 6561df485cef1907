"""The test of a plan before it is run: levels, where it should break, what counts as passed."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from rightrig.measuring.load.breaking import DEFINITION, ERROR_RATIO
from rightrig.measuring.load.commands import aiperf_command, load_text, vllm_command
from rightrig.quantities import show_number, show_seconds
from rightrig.report.document import Grid, Paragraph
from rightrig.report.simulated import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.demand.objective import Slo
    from rightrig.interval import Interval
    from rightrig.report.document import Block, Document
    from rightrig.report.loaded import Loaded, LoadPlan

_WIDTH: Final = 92
_BLANK: Final = Paragraph("")
_EXPECTED: Final = {"holds": "holds", "breaks": "breaks", "either": "may break"}


def plan_document(seen: Loaded) -> Document:
    """Return the test of a plan that nobody ran yet, with the commands that run it."""
    if seen.plan is None:
        return ()
    return (
        Paragraph(seen.traffic, "title"),
        *plan_blocks(seen, seen.plan),
        _BLANK,
        Paragraph("Passed when", "title"),
        *(Paragraph(f"- {one}") for one in criteria(seen)),
        _BLANK,
        *_commands(seen, seen.plan),
        *(Paragraph(note, "dim") for note in seen.notes),
    )


def plan_blocks(seen: Loaded, plan: LoadPlan) -> Document:
    """Return the planned peak, the levels and where the server should break."""
    planned = plan.planned
    rows = tuple(
        (
            f"{one.peak_ratio:g}×",
            show_number(one.load.rate_requests_per_s or 0.0),
            f"{one.load.requests_count:,}",
            _EXPECTED[one.expected],
        )
        for one in plan.levels
    )
    peak = show_number(planned.peak_requests_per_s)
    return (
        Paragraph(f"Planned peak: {peak} requests/s ({planned.words})."),
        Paragraph(breaking_text(plan)),
        *slo_blocks(seen.slo, is_usual=seen.is_usual_slo),
        Grid(("of the peak", "requests/s", "requests", "expected"), rows, (0, 1, 2)),
    )


def breaking_text(plan: LoadPlan) -> str:
    """Return where a server should break, and by which figure."""
    predicted, planned = plan.breaking_requests_per_s, plan.planned
    own = ""
    if planned.capacity_requests_per_s is not None and plan.is_simulated:
        own = (
            f" The file says that {show_number(planned.capacity_requests_per_s.mid)} keep every "
            "objective at its percentile."
        )
    if predicted is None:
        return f"No breaking point is predicted: the limits are missed at any rate.{own}"
    if not plan.is_simulated:
        return (
            f"Predicted breaking point: {show_number(predicted.mid)} requests/s, the file's own "
            "figure: the highest rate that keeps every objective."
        )
    return f"Predicted breaking point: {rate_text(predicted)}: the {DEFINITION}.{own}"


def rate_text(rate_requests_per_s: Interval) -> str:
    """Return a rate with its ends."""
    one = rate_requests_per_s
    ends = f"{show_number(one.low)} … {show_number(one.high)}"
    return f"{show_number(one.mid)} requests/s (80 %: {ends})"


def slo_blocks(slo: Slo, *, is_usual: bool) -> tuple[Block, ...]:
    """Return the limits; say when nobody asked for them."""
    if not slo.objectives():
        return ()
    shown = ", ".join(
        f"{NAMES[o.metric]} p{o.percentile} ≤ {show_seconds(o.limit_s)}" for o in slo.objectives()
    )
    if is_usual:
        text = f"Limits: {shown}, the usual ones: none was given (--ttft-p99 2s … says others)."
        return (Paragraph(text, "warn"),)
    return (Paragraph(f"Limits: {shown}."),)


def criteria(seen: Loaded) -> tuple[str, ...]:
    """Return what must hold for a server to pass."""
    if seen.plan is None:
        return ()
    planned, predicted = seen.plan.planned, seen.plan.breaking_requests_per_s
    peak = show_number(planned.peak_requests_per_s)
    found = [
        (
            f"at 0.5× and 1× every limit is kept at its percentile, and at most {ERROR_RATIO:.0%} "
            "of the requests fail"
        ),
        f"the breaking point found is at least the planned peak of {peak} requests/s",
        (
            "above its breaking point the server answers late or refuses (429, 503); it neither "
            "crashes nor hangs, and holds 1× again afterwards"
        ),
        "the client is VALID at every level that counts",
    ]
    if predicted is not None and seen.plan.is_simulated:
        ends = f"{show_number(predicted.low)} … {show_number(predicted.high)}"
        found.append(f"the breaking point found meets the prediction of {ends} requests/s")
    return tuple(found)


def _commands(seen: Loaded, plan: LoadPlan) -> Iterator[Block]:
    """Yield the same levels as commands of other tools."""
    tools = (("vllm bench serve", vllm_command), ("aiperf profile", aiperf_command))
    for tool, command_of in tools:
        yield Paragraph(f"The same with {tool}", "title")
        for one in plan.levels:
            yield Paragraph(f"# {one.peak_ratio:g}×: {load_text(one.load)}", "dim")
            yield from (Paragraph(line) for line in folded(command_of(seen.test, one.load)))
        yield _BLANK


def folded(command: str) -> tuple[str, ...]:
    r"""Return a command as lines that a shell joins.

    >>> folded("vllm bench serve --seed 1")
    ('vllm bench serve --seed 1',)
    """
    lines, line = [], ""
    for words in _options(command):
        if line and len(line) + len(words) + 3 > _WIDTH:
            lines.append(f"{line} \\")
            line = f"  {words}"
        else:
            line = f"{line} {words}" if line else words
    return (*lines, line)


def _options(command: str) -> Iterator[str]:
    """Yield a command's options, each with its values."""
    part: list[str] = []
    for word in shlex.split(command):
        if word.startswith("--") and part:
            yield shlex.join(part)
            part = []
        part.append(word)
    yield shlex.join(part)
