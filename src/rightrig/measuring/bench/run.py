"""One run: block after block, every figure kept as soon as it exists, ended well by Ctrl-C."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from rightrig.measuring.bench import host
from rightrig.measuring.bench.attention import decodes, prefills
from rightrig.measuring.bench.bench import Bench
from rightrig.measuring.bench.collectives import collectives
from rightrig.measuring.bench.device import versions_of
from rightrig.measuring.bench.keeping import samples_of, sights_of, values_of
from rightrig.measuring.bench.launches import launches
from rightrig.measuring.bench.memory import copies, peers, reads, transfers
from rightrig.measuring.bench.products import products
from rightrig.measuring.bench.stack import stacks
from rightrig.measuring.bench.sustained import sustained
from rightrig.measuring.bench.timing import now_s
from rightrig.measuring.bench.values import Condition, Figure, Gap, Measured, Sight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rightrig.facts.llm import Llm
    from rightrig.measuring.bench.device import Device
    from rightrig.measuring.bench.keeping import Writer
    from rightrig.measuring.bench.plan import Plan
    from rightrig.measuring.bench.values import Block

_WAYS: Final[dict[Block, Callable[[Bench], Iterator[Figure | Gap | Sight]]]] = {
    "copy": copies, "read": reads, "gemm": products, "launch": launches,
    "decode-attention": decodes, "prefill-attention": prefills, "transfer": transfers,
    "peers": peers, "collectives": collectives, "stack": stacks, "clocks": sustained,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setup:
    """What is measured.

    Attributes:
        llms: Models whose shapes and layers are taken, by the names they were given.
        seed: Of the order of cases.
    """

    device: Device
    plan: Plan
    llms: Mapping[str, Llm]
    seed: int = 0


@dataclass(slots=True)
class _Found:
    """What was found until now."""

    figures: list[Figure] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    sights: list[Sight] = field(default_factory=list)
    condition: Condition = field(default_factory=Condition)
    interrupted: bool = False


def run(setup: Setup, writer: Writer | None, tell: Callable[[float], None]) -> Measured:
    """Return all figures of a plan; of an interrupted run, those until then.

    Args:
        setup: Device, plan and models.
        writer: Takes each figure as soon as it exists, and the samples of each block.
        tell: Hears the share of the work that is done.
    """
    found, begun_s = _Found(), now_s()
    busy = host.busy_now(begun_s)
    try:
        _run_blocks(setup, writer, tell, found)
    except KeyboardInterrupt:
        found.interrupted = True
    others = host.others_ratio(busy, host.busy_now(now_s()))
    return Measured(
        device=setup.device.name,
        title=setup.device.title,
        versions=versions_of(setup.device),
        condition=replace(found.condition, others_ratio=others),
        figures=tuple(found.figures),
        gaps=tuple(found.gaps),
        sights=tuple(found.sights),
        interrupted=found.interrupted,
        taken_s=now_s() - begun_s,
    )


def _run_blocks(
    setup: Setup, writer: Writer | None, tell: Callable[[float], None], found: _Found
) -> None:
    """Run every block of a plan; what one leaves of its time goes to those after it."""
    plan = setup.plan
    bench = Bench(setup.device, plan, setup.llms, random.Random(setup.seed))  # noqa: S311 - an order
    whole_s = plan.total_s or 1.0
    done_s, owed_s = 0.0, 0.0
    for block, own_s in plan.blocks_s.items():
        begun_s, before = now_s(), len(found.figures)
        one = replace(bench, block=block, until_s=begun_s + own_s + owed_s)
        try:
            for event in _WAYS[block](one):
                _take(event, found, writer, setup.device.label)
                tell((done_s + min(now_s() - begun_s, own_s)) / whole_s)
        finally:  # of a block that somebody interrupts, too
            _keep_samples(block, found, before, writer)
        if setup.device.is_card:  # while its links and clocks are awake
            found.condition = merged(found.condition, setup.device.driver.condition())
        done_s += own_s
        owed_s = max(owed_s + own_s - (now_s() - begun_s), 0.0)
        tell(done_s / whole_s)
    tell(1.0)


def _take(event: Figure | Gap | Sight, found: _Found, writer: Writer | None, device: str) -> None:
    """Put one event where it belongs; a figure is committed at once."""
    if isinstance(event, Sight):
        found.sights.append(event)
    elif isinstance(event, Gap):
        found.gaps.append(event)
    else:
        found.figures.append(event)
        if writer is not None:
            writer.add(values_of(event, device))


def _keep_samples(block: Block, found: _Found, before: int, writer: Writer | None) -> None:
    """Keep the samples of a block that has just ended."""
    if writer is None:
        return
    if len(found.figures) > before:
        writer.keep_samples(block, samples_of(found.figures[before:]))
    if block == "clocks" and found.sights:
        writer.keep_samples("clocks-driver", sights_of(found.sights))


def merged(first: Condition, second: Condition) -> Condition:
    """Return two conditions as one: links at their best, limits at their lowest, all reasons.

    A link sleeps when nothing crosses it, so that its best moment is what it can do.
    """

    def best(name: str) -> int | None:
        values = [v for v in (getattr(first, name), getattr(second, name)) if v is not None]
        return max(values, default=None)

    limits = [c.limit_w for c in (first, second) if c.limit_w is not None]
    return replace(
        second,
        limit_w=min(limits, default=None),
        lanes_count=best("lanes_count"),
        link_generation_count=best("link_generation_count"),
        processes_count=best("processes_count"),
        uncorrected_count=best("uncorrected_count"),
        reasons=tuple(dict.fromkeys((*first.reasons, *second.reasons))),
    )
