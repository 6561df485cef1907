"""The matrix of what fits: models × cards × formats, each cell a verdict and a concurrency.

Everything that does not depend on the card's size is computed once for a model, a format and a
class of engine limits; cards are then compared with it as arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.deployment.compatibility import FormatRule, broken, format_reason
from rightrig.deployment.compatibility_cache import usual_kv
from rightrig.deployment.deployment import Deployment, Precision
from rightrig.deployment.limits import LAYERED, default_limits, memory_class
from rightrig.deployment.parallelism import Parallelism, tp_reason
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.facts.quantization import SIXTEEN_BIT, is_gguf_mix, weight_format
from rightrig.prediction.engine_memory import CardShare, Engine
from rightrig.prediction.layered_engines import layered_shares, placement_of
from rightrig.prediction.memory_fit import COMFORT_RATIO
from rightrig.prediction.paged_engines import paged_shares
from rightrig.work.weights import total_params_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rightrig.deployment.deployment import EngineLimits
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Attention, Llm
    from rightrig.facts.runtime import Runtime
    from rightrig.prediction.memory_fit import Verdict

MATRIX_FORMATS: Final = ("checkpoint", "bf16", "fp8", "nvfp4", "awq", "q4_k_m")
"""Formats that the matrix shows when none are named."""
VERDICTS: Final[tuple[Verdict, ...]] = ("fits", "tight", "no")
NOT_LOADED: Final = 3
"""Code of a cell that cannot be: no runtime loads the format on the card, or the model is
published in another quantised one."""
_Kind = tuple[str, str, "str | None"]
"""Vendor, architecture, compute capability: what rules look at."""
_Served = tuple[tuple[str, ...], ...]
_ALIKE: Final = {"fp8-block": "fp8", "nf4-single": "nf4"}


@dataclass(frozen=True, slots=True)
class Matrix:
    """Verdicts and concurrencies of models × cards × formats.

    Attributes:
        llms: First axis.
        gpus: Second axis.
        formats: Third axis.
        cards_count: Cards of one engine.
        context_tokens: Tokens of one sequence; a model made for less is judged at its own most.
        codes: Index into ``VERDICTS``, or ``NOT_LOADED``; shape (models, cards, formats).
        least_seqs, most_seqs: Concurrency at the pessimistic and the optimistic end.
    """

    llms: tuple[Llm, ...]
    gpus: tuple[Gpu, ...]
    formats: tuple[str, ...]
    cards_count: int
    context_tokens: int
    codes: NDArray[np.int8]
    least_seqs: NDArray[np.int64]
    most_seqs: NDArray[np.int64]

    @property
    def is_held(self) -> NDArray[np.bool_]:
        """Whether a cell fits, surely or likely; of the shape of ``codes``."""
        return self.codes <= VERDICTS.index("tight")

    def verdict(self, model: int, gpu: int, form: int) -> str:
        """Return the word of one cell: a verdict, or ``–`` where nothing loads the format."""
        code = int(self.codes[model, gpu, form])
        return "–" if code == NOT_LOADED else VERDICTS[code]


@dataclass(frozen=True, slots=True)
class _Cards:
    """Cards that one runtime serves in one format with the same limits.

    Attributes:
        places: Their places on the second axis, an array.
        total_bytes: Low, middle and high of their memory; shape (3, cards).
        has_switch: Whether a switch joins the cards of an engine.
    """

    places: NDArray[np.int64]
    runtime: Runtime
    limits: EngineLimits
    total_bytes: NDArray[np.float64]
    has_switch: bool


def fit_matrix(
    catalog: Catalog,
    llms: Sequence[Llm],
    gpus: Sequence[Gpu],
    formats: Sequence[str],
    context_tokens: int,
    cards_count: int = 1,
) -> Matrix:
    """Return which models fit which cards in which formats, for one sequence.

    Each cell takes vLLM where it loads the format on the card, else llama.cpp where it does;
    several cards are split by tensors as far as the heads divide.

    Args:
        catalog: Where runtimes are looked up.
        llms: First axis.
        gpus: Second axis.
        formats: Weight formats, third axis.
        context_tokens: Tokens of one sequence.
        cards_count: Cards of one engine.

    Raises:
        UnknownNameError: for a format that does not exist.
    """
    for name in formats:
        if name != "checkpoint" and not is_gguf_mix(name):
            weight_format(name)
    shape = (len(llms), len(gpus), len(formats))
    codes = np.full(shape, NOT_LOADED, dtype=np.int8)
    least, most = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    hall = _Hall((catalog.runtime("vllm"), catalog.runtime("llama.cpp")), gpus, cards_count)
    for row, llm in enumerate(llms):
        served = hall.served(llm)
        for number, name in enumerate(formats):
            if not is_offered(llm, name):
                continue
            stored = llm.format_of(name)
            for cards in hall.groups(stored, served):
                place = (row, cards.places, number)
                codes[place], least[place], most[place] = _cells(
                    llm, name, cards, context_tokens, cards_count
                )
    return Matrix(
        tuple(llms), tuple(gpus), tuple(formats), cards_count, context_tokens, codes, least, most
    )


def is_offered(llm: Llm, format_name: str) -> bool:
    """Whether a model exists in a format: a quantised checkpoint keeps its own, or goes to GGUF.

    A 16-bit checkpoint can be converted to any.
    """
    own = llm.checkpoint.format
    if format_name == "checkpoint" or own in SIXTEEN_BIT or is_gguf_mix(format_name):
        return True
    return format_name == own or format_name == _ALIKE.get(own)


class _Hall:
    """All cards, by what rules and limits tell apart; remembers which runtime loads what."""

    def __init__(self, runtimes: Sequence[Runtime], gpus: Sequence[Gpu], cards_count: int) -> None:
        """Sort the cards into kinds that no rule tells apart."""
        self._runtimes, self._gpus, self._cards_count = runtimes, gpus, cards_count
        self._switches = [Rig((CardGroup(cards_count, g),)).has_switch(cards_count) for g in gpus]
        self._kinds: dict[_Kind, list[int]] = {}
        for place, gpu in enumerate(gpus):
            kind = (gpu.vendor, gpu.architecture, gpu.compute_capability)
            self._kinds.setdefault(kind, []).append(place)
        self._known: dict[tuple[str, _Served], list[_Cards]] = {}
        self._answers: dict[tuple[str, tuple[Attention, ...] | str], _Served] = {}

    def served(self, llm: Llm) -> _Served:
        """Return, kind by kind, the runtimes that serve a model there in some format.

        On one card rules look at a model's family and attention alone, so that models that
        share them share the answer.
        """
        key = (llm.family, llm.attentions if self._cards_count == 1 else llm.slug)
        if key not in self._answers:
            self._answers[key] = self._asked(llm)
        return self._answers[key]

    def _asked(self, llm: Llm) -> _Served:
        """Ask the rules of every runtime for every kind of card."""
        splits = [(r, _split(llm, r, self._cards_count)) for r in self._runtimes]
        return tuple(
            tuple(
                runtime.slug
                for runtime, split in splits
                if _serves(llm, runtime, self._gpus[places[0]], split)
            )
            for places in self._kinds.values()
        )

    def groups(self, name: str, served: _Served) -> list[_Cards]:
        """Return the cards on which a format is loaded, by runtime and class of limits."""
        if (name, served) not in self._known:
            self._known[name, served] = self._grouped(name, served)
        return self._known[name, served]

    def _grouped(self, name: str, served: _Served) -> list[_Cards]:
        """Return the cards whose first serving runtime loads a format there."""
        found: dict[tuple[str, int, bool], list[int]] = {}
        by_slug = {runtime.slug: runtime for runtime in self._runtimes}
        for places, slugs in zip(self._kinds.values(), served, strict=True):
            gpu = self._gpus[places[0]]
            slug = next((s for s in slugs if format_reason(by_slug[s], gpu, name) is None), None)
            if slug is None:
                continue
            for place in places:
                # llama.cpp's limits are the same for every card.
                size = 0 if slug in LAYERED else memory_class(self._gpus[place])
                switch = self._switches[place]
                found.setdefault((slug, size, switch), []).append(place)
        groups = []
        for (slug, _, switch), places in found.items():
            memories = [self._gpus[place].memory_bytes for place in places]
            totals = np.array([[m.low, m.mid, m.high] for m in memories]).T
            limits = default_limits(by_slug[slug], self._gpus[places[0]])
            groups.append(_Cards(np.array(places), by_slug[slug], limits, totals, switch))
        return groups


def _serves(llm: Llm, runtime: Runtime, gpu: Gpu, split: Parallelism) -> bool:
    """Whether every rule but that of weight formats lets a runtime serve a model on such cards."""
    rig = Rig((CardGroup(split.cards, gpu),))
    precision = Precision(kv=usual_kv(runtime, llm))
    limits = default_limits(runtime, gpu)
    asked = Deployment(llm, rig, split, precision, runtime, limits)
    return all(violation.rule_id == FormatRule.id for violation in broken(asked))


def _cells(
    llm: Llm, name: str, cards: _Cards, context_tokens: int, cards_count: int
) -> tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.int64]]:
    """Return verdicts and concurrencies of one model in one format on equal-limit cards."""
    engine = _engine(llm, name, cards, cards_count)
    tokens = min(context_tokens, llm.max_context_tokens)
    if engine.runtime in LAYERED:
        placement = placement_of(engine, (1.0,) * cards_count)
        shares = layered_shares(engine, tokens, placement)
    else:
        shares = paged_shares(engine)
    worst = np.zeros(len(cards.places), dtype=np.int8)
    least = np.full(len(cards.places), np.iinfo(np.int64).max)
    most = least.copy()
    for share in shares:
        code, low, high = _share_cells(share, cards, tokens)
        worst = np.maximum(worst, code)
        least, most = np.minimum(least, low), np.minimum(most, high)
    if engine.runtime not in LAYERED:
        least = np.minimum(least, cards.limits.max_seqs)
        most = np.minimum(most, cards.limits.max_seqs)
    return worst, least, most


def _engine(llm: Llm, name: str, cards: _Cards, cards_count: int) -> Engine:
    """Return the engine of some cards."""
    runtime = cards.runtime
    precision = Precision(name, usual_kv(runtime, llm))
    split = _split(llm, runtime, cards_count)
    return Engine(
        llm, precision, split, cards.limits, runtime.slug, runtime.version,
        has_switch=cards.has_switch,
    )  # fmt: skip


def _split(llm: Llm, runtime: Runtime, cards_count: int) -> Parallelism:
    """Return how a runtime spreads a model: by layers, else by tensors as far as heads divide."""
    if runtime.slug in LAYERED:
        return Parallelism(1, cards_count)
    tp = next(n for n in range(cards_count, 0, -1) if _divides(llm, n, cards_count))
    return Parallelism(tp, cards_count // tp)


def _divides(llm: Llm, ranks: int, cards_count: int) -> bool:
    """Whether a number of ranks divides the cards and the model."""
    return cards_count % ranks == 0 and tp_reason(llm, ranks) is None


def _share_cells(
    share: CardShare, cards: _Cards, tokens: int
) -> tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.int64]]:
    """Return verdict codes and concurrencies of one share on each card.

    The same rules as ``memory_fit.card_verdict``: ``fits`` with 8 % to spare at the pessimistic
    end, ``tight`` by the middle, else ``no``.
    """
    fixed, outside = share.fixed_bytes, share.outside_bytes
    low, mid, high = cards.total_bytes
    ratio = cards.limits.memory_ratio
    budget_low = np.minimum(low * ratio, low - outside.high)
    budget_mid = np.minimum(mid * ratio, mid - outside.mid)
    budget_high = np.minimum(high * ratio, high - outside.low)
    sequences = share.sequences_bytes(tokens)
    first, further, shared = sequences
    one = min(first, further + shared)
    spare = budget_mid - fixed.mid - one
    doubt = np.hypot(budget_mid - budget_low, fixed.high - fixed.mid)
    comfortable = (spare - doubt >= 0.0) & (spare >= COMFORT_RATIO * budget_mid)
    codes = np.where(comfortable, 0, np.where(spare >= 0.0, 1, 2)).astype(np.int8)
    least = _counts(sequences, budget_low - fixed.high)
    most = _counts(sequences, budget_high - fixed.low)
    return codes, least, most


def _counts(
    sequences_bytes: tuple[float, float, float], room_bytes: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return how many sequences rooms take, as ``CardShare.held_count``, within 64 bits."""
    first, further, shared = sequences_bytes
    one, more = max(first, 1.0), max(further, 1.0)
    held = np.maximum(room_bytes // one, (room_bytes - shared) // more)
    return np.maximum(held, 0.0).astype(np.int64)


def fitting_counts(matrix: Matrix) -> NDArray[np.int64]:
    """Return how many models fit (surely or likely) a card in a format; shape (cards, formats)."""
    return np.asarray(matrix.is_held.sum(axis=0), dtype=np.int64)


def largest_fitting(matrix: Matrix, gpu: int, form: int) -> Llm | None:
    """Return the model with most parameters that fits a card in a format."""
    column = matrix.is_held[:, gpu, form]
    held = [llm for llm, is_held in zip(matrix.llms, column, strict=True) if is_held]
    return max(held, key=total_params_count, default=None)
