"""Healthy or degraded: gates on shares of the datasheet, and on this machine's own earlier runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rightrig.measuring.bench.causes import likely_causes
from rightrig.measuring.bench.expectation import Expected, Subject, expected
from rightrig.measuring.bench.sustained import drop_ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rightrig.measuring.bench.causes import Kind
    from rightrig.measuring.bench.values import Figure, Measured

Word = Literal["healthy", "degraded", "not judged"]
TOLERATED_CHANGE_RATIO: Final = 0.05
"""±5 % of a machine's own earlier runs, beyond the spread; what fleets are diagnosed with."""
_ABOVE_RATIO: Final = 1.02
"""Beyond this share of the datasheet a figure is not believed as it stands."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A share of the datasheet that the best figure of a kind should reach.

    Attributes:
        id: A stable name.
        about: What is compared, in words.
        least_ratio: The share.
        kind: Which causes may explain less.
        takes: Whether a figure is of this kind.
    """

    id: str
    about: str
    least_ratio: float
    kind: Kind
    takes: Callable[[Figure], bool]


def _is_product(dtype: str) -> Callable[[Figure], bool]:
    """Return whether a figure is a product of a type."""
    return lambda figure: figure.block == "gemm" and figure.labels["type"] == dtype


GATES: Final = (
    Gate("BENCH-COPY", "copy within memory", 0.85, "memory", lambda f: f.block == "copy"),
    Gate("BENCH-GEMM-BF16", "products in BF16", 0.70, "compute", _is_product("bfloat16")),
    Gate("BENCH-GEMM-FP16", "products in FP16", 0.70, "compute", _is_product("float16")),
    Gate("BENCH-GEMM-FP8", "products in FP8", 0.65, "compute", _is_product("float8_e4m3fn")),
    # Protocol overhead leaves 76 to 83 % of PCIe's rated speed on sound machines.
    Gate("BENCH-H2D", "host to card", 0.75, "link", lambda f: f.name == "h2d"),
    Gate("BENCH-D2H", "card to host", 0.75, "link", lambda f: f.name == "d2h"),
    Gate("BENCH-LINK", "all-reduce", 0.80, "link",
         lambda f: f.name == "all_reduce" and f.labels.get("backend") == "nccl"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judged:
    """A figure beside what it should be.

    Attributes:
        earlier_s: The median of this machine's own earlier runs.
        notes: What a reader has to know of it.
    """

    figure: Figure
    expected: Expected
    earlier_s: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def datasheet_ratio(self) -> float | None:
        """Share of the datasheet's rate."""
        least_s = self.expected.least_s
        return None if least_s is None else least_s / self.figure.timing.median_s

    @property
    def change_ratio(self) -> float | None:
        """How much quicker than earlier runs: −0.1 is ten percent slower."""
        if self.earlier_s is None:
            return None
        return self.earlier_s / self.figure.timing.median_s - 1.0

    @property
    def has_slowed(self) -> bool:
        """Whether it is slower than earlier by more than five percent and than its own spread."""
        if self.earlier_s is None:
            return False
        return self.figure.timing.quickest_s > self.earlier_s * (1.0 + TOLERATED_CHANGE_RATIO)


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule applied: whether it holds, the numbers, and what may be behind it.

    Attributes:
        found_ratio: Share that was found.
        least_ratio: Share that it should be at least.
        sentence: The same in words.
    """

    id: str
    word: Word
    found_ratio: float
    least_ratio: float
    sentence: str
    causes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all findings come to.

    Attributes:
        why: In one sentence.
    """

    word: Word
    why: str
    findings: tuple[Finding, ...]
    figures: tuple[Judged, ...]


def judged(measured: Measured, subject: Subject, earlier: Mapping[str, float]) -> Verdict:
    """Return a run's figures beside what they should be, and the verdict.

    Args:
        measured: The run.
        subject: What is known of the device.
        earlier: Key of a figure → its median in earlier runs, in bytes/s, flop/s or seconds.
    """
    figures = tuple(_judged(figure, subject, earlier) for figure in measured.figures)
    findings = tuple(_findings(figures, measured))
    return Verdict(*_word(findings, subject, earlier), findings, figures)


def _judged(figure: Figure, subject: Subject, earlier: Mapping[str, float]) -> Judged:
    """Return one figure beside what it should be."""
    known = expected(figure, subject)
    before = earlier.get(figure.key)
    before_s = None
    if before is not None and before > 0.0:
        before_s = before if figure.unit == "s" else figure.amount_count / before
    plain = Judged(figure, known, before_s)
    return Judged(figure, known, before_s, tuple(_notes(plain)))


def _notes(one: Judged) -> Iterator[str]:
    """Yield what a reader has to know of a figure."""
    figure, share = one.figure, one.datasheet_ratio
    if figure.is_wrong:
        yield (
            f"WRONG RESULT: off by {figure.error_ratio:.2g}, and its type explains "
            f"{figure.tolerated_ratio:.2g}"
        )
    if share is not None and share > _ABOVE_RATIO:
        why = "inputs stayed in a cache, or the record says too little"
        if figure.in_cache:
            why = "its inputs lay in the cache"
        yield f"above the datasheet ({share:.0%}), so not believed as it stands: {why}"
    elif figure.in_cache:
        yield "its inputs fit the last-level cache"
    if one.has_slowed:
        yield f"slower than earlier runs here ({one.change_ratio:+.0%})"


def _findings(figures: Sequence[Judged], measured: Measured) -> Iterator[Finding]:
    """Yield every rule that applies."""
    wrong = [one.figure for one in figures if one.figure.is_wrong]
    if wrong:
        names = ", ".join(dict.fromkeys(figure.name for figure in wrong))
        yield Finding(
            "BENCH-CORRECT", "degraded", 0.0, 1.0,
            f"{len(wrong)} results are wrong ({names}): take this device out of service",
            likely_causes(measured, "result"),
        )  # fmt: skip
    if measured.device != "cpu":
        for gate in GATES:
            yield from _gated(gate, figures, measured)
    if measured.condition.uncorrected_count:
        yield Finding(
            "BENCH-ECC", "degraded", 0.0, 1.0,
            f"{measured.condition.uncorrected_count} uncorrected errors of memory since the start",
            ("memory of the card",),
        )  # fmt: skip
    yield from _held(figures, measured)
    yield from _slowed(figures, measured)


def _gated(gate: Gate, figures: Sequence[Judged], measured: Measured) -> Iterator[Finding]:
    """Yield whether the best figure of a kind reaches its share; those of a cache do not count."""
    shares = [
        one.datasheet_ratio
        for one in figures
        if gate.takes(one.figure)
        and one.datasheet_ratio is not None
        and not one.figure.is_wrong
        and not one.figure.in_cache
    ]
    if not shares:
        return
    best = max(shares)
    holds = best >= gate.least_ratio
    yield Finding(
        gate.id, "healthy" if holds else "degraded", best, gate.least_ratio,
        f"{gate.about}: {best:.0%} of the datasheet, at least {gate.least_ratio:.0%} is usual",
        () if holds else likely_causes(measured, gate.kind),
    )  # fmt: skip


def _held(figures: Sequence[Judged], measured: Measured) -> Iterator[Finding]:
    """Yield whether a sustained load kept its rate."""
    for one in figures:
        if one.figure.block == "clocks":
            drop = drop_ratio(one.figure.timing)
            holds = drop <= TOLERATED_CHANGE_RATIO
            yield Finding(
                "BENCH-SUSTAINED", "healthy" if holds else "degraded", 1.0 / (1.0 + drop),
                1.0 / (1.0 + TOLERATED_CHANGE_RATIO),
                f"sustained load: its end took {drop:+.0%} against its start",
                () if holds else likely_causes(measured, "compute"),
            )  # fmt: skip


def _slowed(figures: Sequence[Judged], measured: Measured) -> Iterator[Finding]:
    """Yield whether figures are as in this machine's earlier runs."""
    compared = [one for one in figures if one.change_ratio is not None]
    if not compared:
        return
    slowed = sorted(
        (one for one in compared if one.has_slowed), key=lambda one: one.change_ratio or 0.0
    )
    share = 1.0 - len(slowed) / len(compared)
    if not slowed:
        yield Finding(
            "BENCH-EARLIER", "healthy", share, 1.0,
            f"all {len(compared)} figures are within 5 % or their spread of earlier runs here",
        )  # fmt: skip
        return
    worst = slowed[0]
    yield Finding(
        "BENCH-EARLIER", "degraded", share, 1.0,
        f"{len(slowed)} of {len(compared)} figures are slower than in earlier runs here, the most "
        f"{worst.figure.key} ({worst.change_ratio or 0.0:+.0%})",
        likely_causes(measured, "memory"),
    )  # fmt: skip


def _word(
    findings: Sequence[Finding], subject: Subject, earlier: Mapping[str, float]
) -> tuple[Word, str]:
    """Return the verdict and its sentence."""
    bad = [finding for finding in findings if finding.word == "degraded"]
    if bad:
        causes = tuple(dict.fromkeys(cause for finding in bad for cause in finding.causes))
        likely = f"; likely: {'; '.join(causes)}" if causes else "; no cause is visible from here"
        return "degraded", f"{'; '.join(finding.sentence for finding in bad)}{likely}"
    if any(f.id != "BENCH-SUSTAINED" for f in findings):
        return "healthy", "; ".join(finding.sentence for finding in findings)
    reasons = [] if subject.gpu is not None else [subject.why_unknown or "no datasheet is known"]
    if not earlier:
        reasons.append("there are no earlier runs of this machine to compare with")
    return "not judged", " and ".join(reasons) or "no figure that a gate is about was measured"
