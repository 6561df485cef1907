"""The software around a card, counted from records: runtimes, formats, families, offers, runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.costs.soft import Labour, debugging_usd
from rightrig.deployment.compatibility_formats import is_between
from rightrig.deployment.compatibility_matrix import PLAIN_FORMATS, Asked, matrix
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.facts.explanation import Explanation, Figure
from rightrig.prediction.parameters import family_of, tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.compatibility_matrix import Support
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu

SCORE_RULE: Final = (
    "The score is the mean of the components, each the card's count over the largest count "
    "possible in the catalogue; no component weighs more than another."
)
SOFT_RULE: Final = (
    "Soft cost: what the score lacks of 1, times the hours and the wage as given; 'cost own RIG "
    "--with debugging=AMOUNT' adds it to a bill."
)
_SOURCE: Final = "the catalogue's records of runtimes and prices, and the runs fitted on"


@dataclass(frozen=True, slots=True)
class Component:
    """One count behind a score.

    Attributes:
        names: What was counted.
        most_count: The largest count possible.
    """

    name: str
    names: tuple[str, ...]
    most_count: int

    @property
    def ratio(self) -> float:
        """The count over the largest possible."""
        return len(self.names) / self.most_count if self.most_count else 0.0


@dataclass(frozen=True, slots=True)
class Ecosystem:
    """What runs on one card, and who knows it.

    Attributes:
        families_count: Runtime → families of models that it serves, where a list was read.
        systems_count: Operating system → runtimes that run on the card under it; not scored, as it
            is the machine's and not the card's.
        below_floor: Runtimes whose floor of compute capability the card is below.
        evidence: How close measured runs are: the card itself, its architecture, or none.
    """

    gpu: Gpu
    components: tuple[Component, ...]
    families_count: dict[str, int]
    systems_count: dict[str, int]
    below_floor: tuple[str, ...]
    evidence: str

    @property
    def score_ratio(self) -> float:
        """Mean of the components."""
        return sum(one.ratio for one in self.components) / len(self.components)


@dataclass(frozen=True, slots=True)
class Ecosystems:
    """Cards side by side, the highest score first.

    Attributes:
        labour: What missing software costs to replace, if the user said so.
    """

    cards: tuple[Ecosystem, ...]
    labour: Labour | None = None

    def soft_usd(self, card: Ecosystem) -> float | None:
        """Return what the missing software of a card costs: ``(1 − score) · hours · wage``."""
        if self.labour is None:
            return None
        return (1.0 - card.score_ratio) * debugging_usd(self.labour)

    def explain(self) -> Explanation:
        """Return what is counted for each card."""
        sentences = [SCORE_RULE]
        for card in self.cards:
            counts = ", ".join(
                f"{len(one.names)} of {one.most_count} {one.name}" for one in card.components
            )
            sentences.append(
                f"{card.gpu.slug} {card.score_ratio:.2f}: {counts}; measured: {card.evidence}."
            )
        if self.labour is not None:
            sentences.append(SOFT_RULE)
        figures = tuple(
            Figure("score_ratio", c.score_ratio, f"{c.gpu.slug} {c.score_ratio:.2f}", _SOURCE)
            for c in self.cards
        )
        return Explanation(tuple(sentences), figures, (_SOURCE,))


def ecosystems(catalog: Catalog, gpus: Sequence[Gpu], labour: Labour | None = None) -> Ecosystems:
    """Return what the records say of the software around some cards.

    Args:
        catalog: Runtimes and prices.
        gpus: The cards.
        labour: What building it oneself would take; ``None`` for counts alone.
    """
    found = [_ecosystem(catalog, gpu) for gpu in gpus]
    found.sort(key=lambda one: (-one.score_ratio, one.gpu.slug))
    return Ecosystems(tuple(found), labour)


def _ecosystem(catalog: Catalog, gpu: Gpu) -> Ecosystem:
    """Return what the records say of one card."""
    rows = matrix(catalog, Asked(Rig((CardGroup(1, gpu),))))
    running = [row for row in rows if row.verdict != "no"]
    return Ecosystem(
        gpu=gpu,
        components=_components(catalog, gpu, rows, running),
        families_count={
            row.runtime.slug: len(row.runtime.families.served)
            for row in running
            if row.runtime.families
        },
        systems_count=_systems(gpu, running),
        below_floor=tuple(
            f"{row.runtime.slug} needs {row.runtime.min_compute_capability}"
            for row in rows
            if not is_between(gpu.compute_capability, row.runtime.min_compute_capability, None)
        ),
        evidence=_evidence(gpu),
    )


def _components(
    catalog: Catalog, gpu: Gpu, rows: Sequence[Support], running: Sequence[Support]
) -> tuple[Component, ...]:
    """Return the counts behind the score."""
    runtimes = [row.runtime for row in rows]
    native = {name for row in running for name in row.native_formats}
    all_native = {name for runtime in runtimes for name in runtime.native_formats}
    families = {f for row in running if row.runtime.families for f in row.runtime.families.served}
    all_families = {f for r in runtimes if r.families for f in r.families.served}
    offers = [p for p in catalog.prices() if p.on_demand_usd_per_hour is not None]
    runs = tables("evidence")["runs"]

    def of_kind(kind: str) -> Component:
        names = sorted(row.runtime.slug for row in running if row.runtime.kind == kind)
        return Component(f"{kind}s", tuple(names), sum(r.kind == kind for r in runtimes))

    return (
        of_kind("engine"),
        of_kind("orchestrator"),
        Component("native formats", tuple(sorted(native - PLAIN_FORMATS)), len(all_native)),
        Component("families of models", tuple(sorted(families)), len(all_families)),
        Component(
            "eras of engines measured on it",
            tuple(sorted(era for era, cards in runs.items() if gpu.slug in cards)),
            len(runs),
        ),
        Component(
            "providers with a price",
            tuple(sorted({p.provider for p in offers if p.gpu == gpu.slug})),
            len({p.provider for p in offers}),
        ),
    )


def _systems(gpu: Gpu, running: Sequence[Support]) -> dict[str, int]:
    """Return how many runtimes run on a card under each system; macOS is Apple's alone."""
    found: dict[str, int] = {}
    for row in running:
        for name in row.runtime.operating_systems:
            if (name == "macos") == (gpu.vendor == "Apple"):
                found[name] = found.get(name, 0) + 1
    return found


def _evidence(gpu: Gpu) -> str:
    """Return how close the runs are on which speeds were fitted."""
    known = tables("evidence")
    if gpu.slug in known["cards"]:
        return "this card"
    return "its architecture" if family_of(gpu)["name"] in known["families"] else "nothing near it"
