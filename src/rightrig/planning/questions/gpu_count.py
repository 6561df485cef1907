"""How many cards a model takes: cards × weight format, with the splits that hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import LAYERED
from rightrig.deployment.parallelism import splits_of, tp_reason
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.errors import InputError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.questions.market import weights_text
from rightrig.prediction.memory_fit import VERDICT_RANK, fit
from rightrig.quantities import show_gib

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.deployment.parallelism import Parallelism
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.prediction.memory_fit import Verdict

HELD: Final = ("fits", "tight")


@dataclass(frozen=True, slots=True)
class SplitFit:
    """One split of one engine over some cards.

    Attributes:
        headroom_ratio: Free share of the tightest card's budget; negative where it lacks.
        lacking_bytes: What the tightest card lacks; 0 where it fits.
    """

    split: Parallelism
    runtime: str
    verdict: Verdict
    headroom_ratio: float
    lacking_bytes: float


@dataclass(frozen=True, slots=True)
class CountFit:
    """A number of cards in one format.

    Attributes:
        splits: Every tp × pp that the model and the runtime allow, best first.
        reason: Why there is none.
    """

    cards_count: int
    splits: tuple[SplitFit, ...]
    reason: str = ""

    @property
    def verdict(self) -> Verdict:
        """The best split's verdict."""
        return self.splits[0].verdict if self.splits else "no"

    def is_held(self, *, tensor_only: bool = False) -> bool:
        """Whether some split holds the model; ``tensor_only`` leaves pipelines out."""
        return any(s.verdict in HELD and (s.split.pp == 1 or not tensor_only) for s in self.splits)


@dataclass(frozen=True, slots=True)
class CardCount:
    """One card in one weight format, over numbers of cards."""

    gpu: Gpu
    weights: str
    counts: tuple[CountFit, ...]

    @property
    def least_count(self) -> int | None:
        """Fewest cards on which some split holds the model."""
        return next((c.cards_count for c in self.counts if c.is_held()), None)

    @property
    def least_tensor_count(self) -> int | None:
        """Fewest cards on which tensor parallelism alone holds it."""
        return next((c.cards_count for c in self.counts if c.is_held(tensor_only=True)), None)

    @property
    def is_layered(self) -> bool:
        """Whether the runtime deals out whole layers and has no tensor parallelism."""
        return any(split.runtime in LAYERED for c in self.counts for split in c.splits)

    def at(self, cards_count: int) -> CountFit | None:
        """Return what a number of cards holds."""
        return next((c for c in self.counts if c.cards_count == cards_count), None)


@dataclass(frozen=True, slots=True)
class GpuCount:
    """The answer of ``ask gpu-count``: a row a card and format."""

    llm: Llm
    context_tokens: int
    concurrency: int
    rows: tuple[CardCount, ...]

    @property
    def forbidden(self) -> dict[int, str]:
        """Numbers of tensor-parallel ranks that the model forbids, with the reason."""
        most = max((row.counts[-1].cards_count for row in self.rows), default=1)
        reasons = ((ranks, tp_reason(self.llm, ranks)) for ranks in range(2, most + 1))
        return {ranks: reason for ranks, reason in reasons if reason is not None}

    @property
    def is_held(self) -> bool:
        """Whether some row has a number of cards that holds the model."""
        return any(row.least_count for row in self.rows)

    def explain(self) -> Explanation:
        """Return, row by row, the fewest cards and which numbers tensor ranks skip."""
        sentences = tuple(_sentence(row) for row in self.rows)
        if self.forbidden:
            ranks = ", ".join(str(count) for count in self.forbidden)
            first = next(iter(self.forbidden.values()))
            sentences += (f"Tensor parallelism is impossible on {ranks} cards: {first}.",)
        figures = tuple(
            Figure(
                f"{row.gpu.slug}_{row.weights}_cards_count",
                row.least_count,
                str(row.least_count),
                "prediction.memory_fit.fit",
            )
            for row in self.rows
            if row.least_count is not None
        )
        sources = tuple(s.reference for row in self.rows for s in row.gpu.sources)
        return Explanation(sentences, figures, tuple(dict.fromkeys(sources)))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a table is asked for.

    Attributes:
        most_cards: Largest number of cards of one engine.
        kv: KV format, or ``None`` for the runtime's usual one.
    """

    gpus: tuple[Gpu, ...]
    formats: tuple[str, ...]
    context_tokens: int
    concurrency: int
    most_cards: int
    kv: str | None = None


def gpu_count(catalog: Catalog, llm: Llm, asked: Asked) -> GpuCount:
    """Return how many cards of each kind hold a model in each format.

    Args:
        catalog: Where runtimes are looked up.
        llm: The model.
        asked: Cards, formats, context and concurrency.
    """
    rows = tuple(
        CardCount(gpu, name, tuple(_count_fits(catalog, llm, asked, gpu, name)))
        for gpu in asked.gpus
        for name in asked.formats
    )
    return GpuCount(llm, asked.context_tokens, asked.concurrency, rows)


def _count_fits(
    catalog: Catalog, llm: Llm, asked: Asked, gpu: Gpu, weights: str
) -> Iterator[CountFit]:
    """Yield every number of cards up to the largest."""
    most = 1 if gpu.memory_is_unified and gpu.fabric is None else asked.most_cards
    for cards in range(1, most + 1):
        rig = Rig((CardGroup(cards, gpu),))
        try:
            usual = propose(catalog, llm, rig, Choices(weights=weights, kv=asked.kv))
        except InputError as error:
            yield CountFit(cards, (), str(error))
            continue
        is_layered = "tensor" not in usual.runtime.splits
        splits = (usual.parallelism,) if is_layered else splits_of(llm, cards)
        found = [
            one
            for split in splits
            if (one := _split_fit(catalog, llm, rig, split, asked, weights)) is not None
        ]
        found.sort(key=lambda s: (VERDICT_RANK[s.verdict], s.split.pp))
        yield CountFit(cards, tuple(found))


def _split_fit(
    catalog: Catalog, llm: Llm, rig: Rig, split: Parallelism, asked: Asked, weights: str
) -> SplitFit | None:
    """Return the fit of one split, or ``None`` where a rule forbids it."""
    tensor = split.tp if split.tp > 1 else None
    choices = Choices(weights=weights, kv=asked.kv, tp=tensor, pp=split.pp)
    try:
        deployment = propose(catalog, llm, rig, choices)
    except InputError:
        return None
    found = fit(deployment, asked.context_tokens, asked.concurrency)
    card = found.binding
    return SplitFit(
        split=split,
        runtime=deployment.runtime.slug,
        verdict=found.verdict,
        headroom_ratio=card.headroom_ratio,
        lacking_bytes=max(0.0, -card.free_bytes),
    )


def _sentence(row: CardCount) -> str:
    """Return the fewest cards of a row, and how many tensor parallelism alone takes."""
    name = f"{row.gpu.slug}, {weights_text(row.weights)}"
    least, tensor = row.least_count, row.least_tensor_count
    if least is None:
        return f"{name}: {_why_not(row)}"
    found = row.at(least)
    how = "" if found is None else f" ({found.verdict}, {found.splits[0].split.text})"
    text = f"{name}: at least {least} card{'s' * (least > 1)}{how}"
    if tensor == least or row.is_layered:
        return f"{text}."
    if tensor is None:
        most = row.counts[-1].cards_count
        return f"{text}; no tensor-parallel split of up to {most} cards holds it."
    return f"{text}; tensor parallelism alone takes {tensor}."


def _why_not(row: CardCount) -> str:
    """Return why no number of cards holds the model."""
    last = row.counts[-1]
    if not last.splits:
        return f"{last.reason or 'no split of the model uses these cards'}."
    lacking = min(s.lacking_bytes for c in row.counts for s in c.splits)
    cards = last.cards_count
    return (
        f"does not fit {cards} card{'s' * (cards > 1)}; {show_gib(lacking)} are lacking on the "
        "tightest one, so use a smaller format, fewer tokens or a larger card."
    )
