"""The report of ``finetune MODEL --on RIG``: memory, verdict, speed, hours, dollars, energy."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from rightrig.quantities import GB, GIB, MILLION, show_gib, show_number, show_seconds, show_usd
from rightrig.reliability.rates import show_span
from rightrig.report.document import Chart, Document, Grid, Length, Paragraph
from rightrig.report.finetune_money import money_document
from rightrig.report.risk_values import files_document
from rightrig.report.values import between_text

if TYPE_CHECKING:
    from rightrig.deployment.training import TrainingJob
    from rightrig.planning.finetuning.methods import Methods, Run, ScaledRun
    from rightrig.prediction.training.time import TrainingTime
    from rightrig.report.risk_values import Files

VERDICT_STYLES = {"fits": "good", "tight": "warn", "no": "bad"}
_VERDICT_WORDS = {"fits": "fits", "tight": "fits, but tight", "no": "does not fit"}


def job_text(job: TrainingJob) -> str:
    """Return how a model is trained, with what was chosen, in one sentence."""
    split, batch, states = job.split, job.batch, job.states
    ranks, count = job.data_ranks, batch.accumulation_count
    step = (
        f"{batch.micro_seqs} × {batch.seq_tokens:,} tokens at once, {_times(count, 'time')} on "
        f"{_times(ranks, 'rank')} = {job.step_tokens:,} a step"
    )
    parts = [
        step,
        f"states {'on every card' if split.sharing == 'none' else split.sharing}",
        f"checkpointing {job.checkpointing}",
        states.optimizer + ("" if states.has_master_weights else " without 32-bit weights"),
        f"weights in {states.base if job.method != 'full' else states.compute}",
    ]
    if job.method != "full":
        parts.append(f"rank {job.adapter.rank} on {job.adapter.targets}")
    for name, value in (("tp", split.tp), ("pp", split.pp), ("cp", split.context_parallel)):
        if value > 1:
            parts.append(f"{name} {value}")
    if states.offload != "none":
        parts.append(f"{states.offload} in host memory")
    return f"{'; '.join(parts)}; run as {job.framework}."


def _times(count: int, noun: str) -> str:
    """Return a number of things."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def run_document(run: Run, scaled: ScaledRun | None, files: Files | None) -> Document:
    """Return one job on one rig: memory first, and a time only where it fits."""
    job, memory = run.found.job, run.found.memory
    title = (
        f"{job.llm.name}, {job.method}, on {job.rig.text}: {_VERDICT_WORDS[memory.verdict]}: "
        f"{show_gib(memory.required_bytes.mid)} of {show_gib(memory.budget_bytes.mid)} a card"
    )
    return (
        Paragraph(title, VERDICT_STYLES[memory.verdict]),  # type: ignore[arg-type]
        Paragraph(job_text(job)),
        _memory_grid(run),
        *_host_document(run),
        *(_refusal(run) if run.found.time is None else ()),
        *(_speed(run.found.time) if run.found.time is not None else ()),
        *_scaling(scaled),
        *(money_document(run.spent) if run.spent is not None else ()),
        *files_document(files),
    )


def _memory_grid(run: Run) -> Grid:
    """Return the parts of the fullest card."""
    memory = run.found.memory
    rows = [
        (part.name.replace("_", " "), f"{part.size_bytes.mid / GIB:,.2f}", part.basis)
        for part in memory.parts
    ]
    needed = memory.required_bytes
    ends = f"{needed.low / GIB:,.2f} to {needed.high / GIB:,.2f}"
    rows.append(("needed", f"{needed.mid / GIB:,.2f}", f"{ends}: the central 80 %"))
    rows.append(("the card has", f"{memory.budget_bytes.mid / GIB:,.2f}", "as its driver shows it"))
    return Grid(("memory of a card", "GiB", "of what"), tuple(rows), (1,))


def _host_document(run: Run) -> Document:
    """Return what offload keeps in host memory."""
    memory = run.found.memory
    if not memory.host_bytes:
        return ()
    rig = run.found.job.rig
    words = f"Host memory: {show_gib(memory.host_bytes)} for what is offloaded"
    if rig.host_memory_bytes is None:
        words += "; the rig does not say what it has (@ram=512GiB)"
    return (Paragraph(f"{words}."),)


def _refusal(run: Run) -> Document:
    """Return what is needed, and the changes that were tried."""
    memory = run.found.memory
    whole = memory.whole_state_bytes
    needs = "needed: weights" if whole > memory.rig_bytes else "of weights"
    told = (
        f"{whole / GB:,.0f} GB {needs}, gradients and optimizer before any activation; "
        f"{run.found.job.rig.text} has {memory.rig_bytes / GB:,.0f} GB."
    )
    remedy = run.nearest
    way_out = (
        "No change that was tried makes it fit."
        if remedy is None
        else f"Nearest that fits: {remedy.name}."
    )
    rows = tuple(
        (
            one.name,
            f"{one.found.memory.required_bytes.mid / GIB:,.1f}",
            _VERDICT_WORDS[one.found.verdict],
        )
        for one in run.remedies
    )
    grid = Grid(("change", "GiB a card", "verdict"), rows, (1,))
    return (Paragraph(told), Paragraph(way_out), *((grid,) if rows else ()))


def _speed(time: TrainingTime) -> Document:
    """Return tokens a second, MFU, and what a step is spent on."""
    mfu, speed = time.mfu_ratio, time.tokens_per_s
    said = (
        f"{show_number(speed.mid)} tokens/s ({between_text(speed)}), "
        f"{show_number(time.tokens_per_s_per_card.mid)} a card; "
        f"MFU {mfu.mid:.0%} ({mfu.low:.0%} to {mfu.high:.0%})"
    )
    if time.job.batch.useful_ratio < 1.0:
        useful = time.useful_tokens_per_s.mid
        said += f"; without padding {show_number(useful)} tokens/s"
    step_s = time.step_s.mid
    parts = [
        (part.name.removesuffix("_s").replace("_", " "), float(getattr(time.parts, part.name)))
        for part in fields(time.parts)
    ]
    rows = tuple(
        Length(name, seconds / step_s, f"{seconds / step_s:.1%}  {show_seconds(seconds)}")
        for name, seconds in sorted(parts, key=lambda one: -one[1])
        if seconds >= _SHOWN_RATIO * step_s
    )
    return (
        Paragraph(f"{said}.", "title"),
        Chart(rows, f"one step, {show_seconds(step_s)} ({time.job.step_tokens:,} tokens)"),
        Paragraph(f"Published runs behind the speed: of {time.closeness}.", "dim"),
    )


def _scaling(found: ScaledRun | None) -> Document:
    """Return the run on other numbers of cards, and on other links."""
    if found is None:
        return ()
    rows = tuple(
        (
            f"{point.cards_count}",
            show_number(point.time.tokens_per_s.mid),
            f"{point.efficiency_ratio:.0%}",
            f"{point.communication_ratio:.1%}",
            "" if point.cards_count in found.holding else "does not fit",
        )
        for point in found.curve.points
    )
    grid = Grid(
        ("cards", "tokens/s", "of linear", "waits for messages", "memory"), rows, (0, 1, 2, 3)
    )
    if len(found.links) < 2:  # noqa: PLR2004 - as it is, and one other
        return (grid,)
    over = tuple(
        (
            point.name,
            f"{point.bytes_per_s / GB:,.1f}",
            show_number(point.time.tokens_per_s.mid),
            f"{point.time.communication_ratio:.1%}",
        )
        for point in found.links
    )
    headers = ("links between the cards", "GB/s in a ring", "tokens/s", "waits for messages")
    return (grid, Grid(headers, over, (1, 2, 3)))


def methods_document(found: Methods, files: Files | None) -> Document:
    """Return every method on one rig as a table."""
    first = found.runs[0].found.job
    rows = tuple(_method_row(run) for run in found.runs)
    headers = ("method", "GiB a card", "verdict", "tokens/s", "MFU", *_money_headers(found), "how")
    numeric = tuple(range(1, len(headers) - 1))
    refused = [run for run in found.runs if run.nearest is not None]
    return (
        Paragraph(
            f"{first.llm.name} on {first.rig.text}, sequences of {first.batch.seq_tokens:,} tokens",
            "title",
        ),
        Grid(headers, rows, tuple(n for n in numeric if n != _VERDICT_COLUMN)),
        *(Paragraph(f"{run.found.job.method}: {run.explain().sentences[-1]}") for run in refused),
        Paragraph("--method full, lora or qlora shows one of them in full.", "dim"),
        *files_document(files),
    )


def _money_headers(found: Methods) -> tuple[str, ...]:
    """Return the headers of time and money, with a job or without."""
    has_job = any(run.spent is not None and run.spent.job_tokens is not None for run in found.runs)
    return ("time", "rent") if has_job else ("rent of 1M tokens", "rent an hour")


def _method_row(run: Run) -> tuple[str, ...]:
    """Return one method."""
    memory, time, job = run.found.memory, run.found.time, run.found.job
    head = (job.method, f"{memory.required_bytes.mid / GIB:,.1f}", _VERDICT_WORDS[memory.verdict])
    if time is None or run.spent is None:
        return (*head, "", "", "", "", "")
    rent, elapsed = run.spent.rent, run.spent.elapsed_s
    if elapsed is not None:
        money = (show_span(elapsed.mid), "" if rent is None else _usd(rent.total_usd))
    elif rent is not None:
        money = (show_usd(rent.usd_per_token.mid * MILLION), show_usd(rent.usd_per_hour))
    else:
        money = ("nobody rents it", "")
    batch = job.batch
    how = (
        f"{job.split.sharing}, {job.checkpointing}, {batch.micro_seqs} × {batch.accumulation_count}"
    )
    speed = (show_number(time.tokens_per_s.mid), f"{time.mfu_ratio.mid:.0%}")
    return (*head, *speed, *money, how)


def _usd(total_usd: object) -> str:
    """Return an amount that may be unknown."""
    mid = getattr(total_usd, "mid", None)
    return "" if mid is None else show_usd(mid)


_VERDICT_COLUMN = 2
_SHOWN_RATIO = 0.001
