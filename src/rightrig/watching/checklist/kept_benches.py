"""Kept benches of a machine, judged again by the gates of ``rightrig bench``.

What a run keeps are rates and their spread. Whether clocks sank under sustained load, and what the
driver said meanwhile, was judged when it ran and is not kept.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final, get_args

from rightrig.measuring.bench.expectation import Subject, expected
from rightrig.measuring.bench.judging import judged
from rightrig.measuring.bench.keeping import earlier_medians
from rightrig.measuring.bench.values import Block, Condition, Figure, Measured, Timing, key_of
from rightrig.watching.checklist.evidence import BenchSeen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.deployment.rig import Rig
    from rightrig.measuring.bench.values import Label, Unit
    from rightrig.store.records import Run

_ENDED: Final = frozenset({"finished", "interrupted"})
_UNITS: Final[tuple[tuple[str, Unit], ...]] = (
    ("_bytes_per_s", "bytes"), ("_flop_per_s", "flop"), ("_s", "s"),
)  # fmt: skip
_BLOCKS: Final = frozenset({"copy", "read", "gemm", "transfer", "peers", "collectives", "launch"})
"""Blocks whose work follows from what is kept."""
_CORE: Final = frozenset({"copy", "read", "gemm"})
_PAIRS: Final = frozenset({"peers", "collectives"})
_LINKS: Final = _PAIRS | {"transfer"}
_OWN_LABELS: Final = frozenset({"statistic", "device", "block"})
_STATISTICS: Final = ("p10", "p50", "p90")


def benches_of(runs: Sequence[Run], rig: Rig) -> tuple[BenchSeen | None, BenchSeen | None]:
    """Return the newest bench of memory or products, and the newest of links.

    Args:
        runs: Of kind ``bench`` on one machine, newest first.
        rig: As planned: its card's datasheet is what figures are held against.
    """
    ended = [run for run in runs if run.status in _ENDED and not _is_of_processor(run)]
    seen = (
        next(
            (_seen(run, ended[i + 1 :], rig) for i, run in enumerate(ended) if _has(run, of)), None
        )
        for of in (_CORE, _LINKS)
    )
    bench, links = seen
    return bench, links


def _is_of_processor(run: Run) -> bool:
    """Whether a bench was of the processor: it says nothing of the planned cards."""
    return bool(run.values) and str(run.values[0].labels.get("device", "")).startswith("cpu")


def _has(run: Run, blocks: frozenset[str]) -> bool:
    """Whether a run measured one of some blocks."""
    return any(value.labels.get("block") in blocks for value in run.values)


def _seen(run: Run, earlier: Sequence[Run], rig: Rig) -> BenchSeen:
    """Return a bench, judged by its datasheet and by earlier ones."""
    label = str(run.values[0].labels.get("device", ""))
    figures = tuple(_figures(run))
    measured = Measured(
        device=str(run.new.settings.get("device", label)),
        title=str(run.new.settings.get("title", label)),
        versions=run.new.versions,
        condition=Condition(),
        figures=figures,
        gaps=(),
    )
    subject = Subject(rig.gpu, rig)
    return BenchSeen(
        run.id,
        datetime.date.fromisoformat(run.started[:10]),
        judged(measured, subject, earlier_medians(earlier, label)),
        links_count=sum(figure.block in _LINKS for figure in figures),
        pairs_count=sum(figure.block in _PAIRS for figure in figures),
        peers_ratio=_peers_ratio(figures, subject),
    )


def _peers_ratio(figures: Sequence[Figure], subject: Subject) -> float | None:
    """Return the worst pair's share of its link; of pairs that go through the host, ``None``."""
    if subject.rig is None or subject.rig.link(2).kind == "pcie-host":
        return None
    shares = [
        least_s / figure.timing.median_s
        for figure in figures
        if figure.block == "peers" and (least_s := expected(figure, subject).least_s) is not None
    ]
    return min(shares, default=None)


def _figures(run: Run) -> Iterator[Figure]:
    """Yield the figures of a run, as far as they were kept."""
    rates: dict[str, dict[str, float]] = {}
    firsts: dict[str, tuple[str, Block, dict[str, Label]]] = {}
    for value in run.values:
        block = value.labels.get("block")
        if block in _BLOCKS and block in get_args(Block):
            labels = {k: v for k, v in value.labels.items() if k not in _OWN_LABELS}
            key = key_of(value.name, labels)
            rates.setdefault(key, {})[str(value.labels.get("statistic"))] = value.value
            firsts[key] = (value.name, block, labels)  # type: ignore[assignment] # one of the blocks
    for key, of in rates.items():
        if all(of.get(name, 0.0) > 0.0 for name in _STATISTICS):
            yield _figure(*firsts[key], tuple(of[name] for name in _STATISTICS))


def _figure(
    full: str, block: Block, labels: dict[str, Label], ends_count: tuple[float, ...]
) -> Figure:
    """Return a figure from its rates, or its times; one call does one unit of work."""
    ending, unit = next((e, u) for e, u in _UNITS if full.endswith(e))
    flop, moved = 0.0, 1.0
    if unit == "flop":
        sides = [float(labels.get(side, 0.0)) for side in ("m", "n", "k")]
        flop, moved = 2.0 * sides[0] * sides[1] * sides[2] or 1.0, 0.0
    amount = {"bytes": moved, "flop": flop, "s": 1.0}[unit]
    times_s = ends_count if unit == "s" else tuple(amount / rate for rate in ends_count)
    timing = Timing(tuple(sorted(times_s)))
    return Figure(
        block, full.removesuffix(ending), labels, unit, timing, flop=flop, moved_bytes=moved
    )
