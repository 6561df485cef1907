"""What the reports of ``risk`` are made of, with the files that were written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.facts.explanation import Explanation, Figure
from rightrig.reliability.rates import show_span
from rightrig.report.document import Document, Paragraph

if TYPE_CHECKING:
    from rightrig.facts.failure_rate import FailureRate
    from rightrig.interval import Interval
    from rightrig.reliability.checkpoint import Choice, Saving
    from rightrig.reliability.failures import Fleet
    from rightrig.reliability.run_risk import RunRisk
    from rightrig.reliability.serve_risk import ServeRisk
    from rightrig.report.schema.shared import (
        FilesJson,
    )


@dataclass(frozen=True, slots=True)
class Files:
    """Files that were written.

    Attributes:
        hints: What the user could do about them.
    """

    folder: str
    names: tuple[str, ...]
    hints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunFound:
    """A run, what its lost time costs, and the record of failures behind it."""

    risk: RunRisk
    lost_usd: Interval | None
    record: FailureRate | None
    files: Files | None

    @property
    def records(self) -> tuple[FailureRate, ...]:
        """The records that the answer rests on."""
        return () if self.record is None else (self.record,)


@dataclass(frozen=True, slots=True)
class Saves:
    """Saves that are kept.

    Attributes:
        least_count: So that one is older than a failure noticed late.
        storage_usd_per_month: What they cost; ``None`` where no price is stated.
    """

    least_count: int
    kept_count: int
    storage_usd_per_month: float | None


@dataclass(frozen=True, slots=True)
class CheckpointFound:
    """Intervals between saves, and what each wastes; the exact optimum comes first."""

    fleet: Fleet
    saving: Saving
    choices: tuple[Choice, ...]
    saves: Saves
    record: FailureRate | None
    files: Files | None

    @property
    def records(self) -> tuple[FailureRate, ...]:
        """The records that the answer rests on."""
        return () if self.record is None else (self.record,)

    def explain(self) -> Explanation:
        """Return the best interval and what it wastes, with formulas and sources."""
        best = self.choices[0]
        waste = 1.0 - best.useful_ratio
        sentence = (
            f"Saved after every {show_span(best.interval_s)} of work, {waste:.1%} of the time "
            "is lost."
        )
        figures = (
            Figure(
                "interval_s", best.interval_s, show_span(best.interval_s),
                "M·(1 + W₀(−e^(−1 − C/M))) (formula F11.2, exact)",
            ),
            Figure(
                "waste_ratio", waste, f"{waste:.1%}",
                "1 − τ / (M·e^((D+R+F)/M)·(e^((τ+C)/M) − 1)) (F11.3, Daly 2006)",
            ),
        )  # fmt: skip
        sources = (self.fleet.rate.source, *(one.source for one in self.choices))
        return Explanation((sentence,), figures, sources)


@dataclass(frozen=True, slots=True)
class ServeFound:
    """A service, the record of failures behind it, and the files that were written."""

    risk: ServeRisk
    record: FailureRate | None
    files: Files | None

    @property
    def records(self) -> tuple[FailureRate, ...]:
        """The records that the answer rests on."""
        return () if self.record is None else (self.record,)


def files_document(files: Files | None) -> Document:
    """Return which files were written."""
    if files is None:
        return ()
    named = Paragraph(f"Written to {files.folder}: {', '.join(files.names)}", "dim")
    return (named, *(Paragraph(hint, "dim") for hint in files.hints))


def files_json(files: Files | None) -> FilesJson | None:
    """Return which files were written, as JSON."""
    return None if files is None else {"folder": files.folder, "names": list(files.names)}
