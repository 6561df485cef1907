"""The report of a profile: where a step's time goes, beside the model's, and what to change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.reading import plain
from rightrig.measuring.profile.account import short_name
from rightrig.measuring.profile.roles import UNASSIGNED
from rightrig.measuring.profile.verdict import resource_of_counters
from rightrig.quantities import show_number, show_seconds
from rightrig.report.document import Chart, Document, Grid, Length, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.measuring.profile.account import Account, Timeline
    from rightrig.measuring.profile.comparing import Compared, Line
    from rightrig.measuring.profile.profile import Profile
    from rightrig.measuring.profile.recording import Recording
    from rightrig.measuring.profile.verdict import BoundBy, Verdict
    from rightrig.report.document import Block

_HOW: Final = {
    "annotations": "by the engine's annotations",
    "graphs": "by replays of a captured graph",
    "repetition": "by kernels that repeat",
    "counts": "by counts",
}
_NOTABLE_RATIO: Final = 1.25
"""A line this much above its expectation is marked."""
_KINDS_SHOWN: Final = 4


def profile_document(found: Profile) -> Document:
    """Return a profile as a document."""
    blocks: list[Block] = [Paragraph(f"Profile of {plain(found.path)}", "title")]
    blocks += [Paragraph(text) for text in found.verdict.sentences]
    if found.account is not None:
        blocks.append(Paragraph(_bound_text(found.verdict)))
        blocks += _account_blocks(found.account, found.beside)
    if found.counters is not None:
        blocks.append(_counters_grid(found))
    if found.verdict.changes:
        blocks.append(Paragraph("What to change, the likeliest first:", "title"))
        blocks += [Paragraph(f"  {change}") for change in found.verdict.changes]
    blocks += [Paragraph(text, "dim") for text in _notes(found)]
    return tuple(blocks)


def _bound_text(verdict: Verdict) -> str:
    """Return what the step waits for, in shares."""
    shares = sorted(verdict.shares_ratio.items(), key=lambda item: -item[1])
    told = ", ".join(f"{name} {share:.0%}" for name, share in shares if share >= 0.005)  # noqa: PLR2004 - shown as 0 %
    return f"The step waits for: {told}."


def _account_blocks(account: Account, beside: Compared | None) -> list[Block]:
    """Return the steps, their operators and the gaps."""
    blocks: list[Block] = [Paragraph(_steps_text(account))]
    if beside is None:
        blocks.append(_operators_chart(account))
    else:
        blocks.append(_lines_grid(account, beside))
    if account.timeline is not None:
        blocks.append(Paragraph(_clock_text(account.timeline)))
        if account.timeline.gaps:
            blocks.append(_gaps_grid(account.timeline))
    return blocks


def _steps_text(account: Account) -> str:
    """Say which steps are averaged, and which others there are."""
    if account.how == "none":
        return f"No step was found: all {account.kernels_count:,} kernels are told as one."
    count = "1 step" if account.steps_count == 1 else f"{account.steps_count:,} steps"
    text = f"Mean of {count}, found {_HOW[account.how]}"
    line = account.timeline
    if line is not None and account.steps_count > 1:
        text += f" ({show_seconds(line.shortest_s)} to {show_seconds(line.longest_s)})"
    if account.batch is not None:
        text += f", each with {account.batch.text}"
    others = [kind for kind in account.kinds[1:] if kind.batch is not None][:_KINDS_SHOWN]
    if others:
        told = "; ".join(
            f"{kind.count:,} with {kind.batch.text if kind.batch else ''}, "
            f"{show_seconds(kind.mean_s)}"
            for kind in others
        )
        text += f". Others: {told}"
    return f"{text}."


def _operators_chart(account: Account) -> Chart:
    """Return the operators as bars of the step."""
    whole_s = account.step_s
    rows = [
        Length(
            spent.name,
            min(spent.time_s / whole_s, 1.0),
            f"{spent.time_s / whole_s:.1%}, {show_seconds(spent.time_s)}, "
            f"{_calls(spent.calls_count)}",
        )
        for spent in account.spent
    ]
    if account.timeline is not None:
        idle_s = account.timeline.idle_s
        rows.append(
            Length("idle", idle_s / whole_s, f"{idle_s / whole_s:.1%}, {show_seconds(idle_s)}")
        )
    return Chart(tuple(rows), f"share of a step of {show_seconds(whole_s)}")


def _calls(count: float) -> str:
    """Return how many kernels, in words."""
    return f"{show_number(count)} kernel{'' if count == 1.0 else 's'}"


def _lines_grid(account: Account, beside: Compared) -> Grid:
    """Return the operators beside the model's."""
    rows = tuple(
        (
            f"{line.name} !" if _is_notable(line) else line.name,
            show_seconds(line.measured_s),
            f"{line.measured_s / account.step_s:.0%}",
            _maybe(line.expected_s),
            "–" if line.ratio is None else f"{line.ratio:.2f}",
            _maybe(line.bound_s),
            line.waits_for or "–",
        )
        for line in beside.lines
    )
    total = (
        "the step", show_seconds(account.step_s), "", show_seconds(beside.expected_s),
        f"{account.step_s / beside.expected_s:.2f}", show_seconds(beside.bound_s), "",
    )  # fmt: skip
    headers = (
        "operator", "measured", "share", "expected", "ratio", "least (η = 1)", "should wait for",
    )  # fmt: skip
    return Grid(headers, (*rows, total), (1, 2, 3, 4, 5), spare=(6, 2))


def _is_notable(line: Line) -> bool:
    """Whether an operator takes much longer than expected."""
    return line.ratio is not None and line.ratio >= _NOTABLE_RATIO


def _maybe(time_s: float | None) -> str:
    """Return a time, or that there is none."""
    return "–" if time_s is None else show_seconds(time_s)


def _clock_text(line: Timeline) -> str:
    """Say how the device spent the step."""
    text = (
        f"Of {show_seconds(line.step_s)} the device works {show_seconds(line.busy_s)} "
        f"({line.busy_s / line.step_s:.0%}) and is idle {show_seconds(line.idle_s)}"
    )
    if line.communication_s > 0.0:
        hidden_s = line.communication_s - line.exposed_s
        text += (
            f"; messages take {show_seconds(line.communication_s)}, of which "
            f"{show_seconds(line.exposed_s)} are exposed and {show_seconds(hidden_s)} run beside "
            "other kernels"
        )
    if line.together_s > 0.005 * line.step_s:
        text += f"; kernels run beside each other for {show_seconds(line.together_s)}"
    return f"{text}."


def _gaps_grid(line: Timeline) -> Grid:
    """Return the largest gaps."""
    rows = tuple(
        (
            show_seconds(gap.idle_s), show_number(gap.count), plain(gap.before, 60),
            plain(gap.after, 60),
        )
        for gap in line.gaps
    )  # fmt: skip
    headers = ("idle a step", "times", "after", "before")
    return Grid(headers, rows, (0, 1), title="Largest gaps between kernels:")


def _counters_grid(found: Profile) -> Grid:
    """Return kernels with their counters, longest first."""
    rows = tuple(
        (plain(name, 60), show_seconds(time_s), f"{memory:.0%}", f"{compute:.0%}", bound)
        for name, time_s, _, memory, compute, bound in counted(found)
    )
    headers = ("kernel", "time", "memory", "compute", "waits for")
    return Grid(headers, rows[:20], (1, 2, 3), title="Shares of the card's peaks:")


def counted(found: Profile) -> list[tuple[str, float, int, float, float, BoundBy]]:
    """Return each kernel's name, time, calls, shares and resource, longest first."""
    counters = found.counters
    if counters is None:
        return []
    totals = counters.totals
    rows = [
        (short_name(name), time_s, calls, memory, compute, resource_of_counters(memory, compute))
        for name, time_s, calls, memory, compute in zip(
            totals.names, totals.times_s, totals.calls, counters.memory_ratio,
            counters.compute_ratio, strict=True,
        )
    ]  # fmt: skip
    return sorted(rows, key=lambda row: -row[1])


def _notes(found: Profile) -> list[str]:
    """Return what to know before trusting the figures."""
    notes = list(found.assumed)
    account = found.account
    if account is None:
        return notes
    notes += _unassigned_notes(account)
    if account.device == "processor":
        notes.append(
            "The file has no kernel of a card: operators of the processor stand for them, of the "
            "thread that worked longest."
        )
    if account.devices_count > 1 and account.device == "card":
        notes.append(
            f"The file has {account.devices_count} devices; this is the one that worked longest."
        )
    if account.waited_count:
        notes.append(f"After {account.waited_count} steps the engine waited for requests.")
    if account.left_out_count:
        notes.append(f"{account.left_out_count:,} events could not be read and are left out.")
    if found.beside is not None:
        notes.append(
            "Expected is the calibrated model's step of that batch; the least is what the "
            "datasheet allows. A profiler itself slows the host down."
        )
    return notes


def _unassigned_notes(account: Account) -> list[str]:
    """Return the names that no rule knows."""
    share = unassigned_ratio(account)
    if not share:
        return []
    names: Sequence[str] = [plain(name, 60) for name in account.unassigned]
    return [f"No rule knows {share:.1%} of the kernels' time: {', '.join(names)}."]


def unassigned_ratio(account: Account) -> float:
    """Return the share of the kernels' time that no rule knows."""
    return account.time_s(UNASSIGNED) / account.kernels_s if account.kernels_s else 0.0


def recording_document(found: Recording) -> Document:
    """Return how an engine is recorded."""
    lines = recording_text(found).splitlines()
    return tuple(
        Paragraph(line.removeprefix("# "), "title" if line.startswith("# ") else "plain")
        for line in lines
        if line
    )


def recording_text(found: Recording) -> str:
    """Return the same as lines for a shell, none of them wrapped."""
    lines = [
        f"# To record a step of {found.engine}: warm it up, then record a second under load.", "",
    ]  # fmt: skip
    for way in found.ways:
        lines += [f"# {way.tool}: {way.use}", *way.commands, f"rightrig profile {way.reading}", ""]
    return "\n".join([*lines, *(f"# Look for {text}." for text in found.look_for), ""])
