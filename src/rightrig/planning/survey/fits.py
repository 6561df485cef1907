"""What fits, for all models on one rig at once: the answers of ``models_that_fit``, as arrays.

What does not depend on the size of the cards, the context or the users is worked out once for a
kind of rig by the functions of the scalar fit; here it is put together. Layers in host memory
are left to the scalar fit, model by model.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.deployment.limits import default_limits
from rightrig.deployment.propose import Choices, limits_with
from rightrig.planning.fits import models_that_fit
from rightrig.planning.survey.fits_held import VERDICTS, Held, put
from rightrig.planning.survey.fits_judge import Asked, Bench
from rightrig.planning.survey.fits_lines import Lines
from rightrig.planning.survey.fits_offers import (
    Proposals,
    names_split,
    rig_key,
    smallest_gpu,
)
from rightrig.planning.survey.fits_slate import Slate
from rightrig.prediction.memory_fit import HOST_RATIO, VERDICT_RANK, Fit, fit
from rightrig.work.llama_cpp_options import place
from rightrig.work.weights import total_params_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from rightrig.deployment.deployment import Deployment, EngineLimits
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.planning.survey.fits_offers import Key

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]
    Codes = NDArray[np.int64]

__all__ = ["VERDICTS", "Book", "Held", "survey_fits"]
_MOST_SLATES: Final = 160
_MOST_LINES: Final = 40_000
"""Engines that are kept, some 60 MB; beyond them all are worked out anew."""
_MOST_PLACINGS: Final = 4096
_MOST_OFFLOADED: Final = 8192
_WIDEST: Final = 64
"""Most cards over which layers are placed: no model has many more layers."""


class Book:
    """All that surveys of one catalogue have worked out, by kind of rig; for several threads.

    Attributes:
        catalog: Where runtimes are looked up.
        llms: The models.
        rank: Their places, the largest first.
        most_tokens: The longest context of each.
    """

    def __init__(self, catalog: Catalog, llms: Sequence[Llm] | None = None) -> None:
        """Start empty.

        Args:
            catalog: Where runtimes and, without ``llms``, models are looked up.
            llms: The models; ``None`` for all of the catalogue.
        """
        if llms is None:
            llms = [catalog.llm(slug) for slug in catalog.slugs("llms")]
        self.catalog, self.llms = catalog, tuple(llms)
        sizes = [(-total_params_count(llm), llm.name) for llm in self.llms]
        self.rank = np.array(sorted(range(len(sizes)), key=sizes.__getitem__), dtype=np.intp)
        self.most_tokens = np.array([float(llm.max_context_tokens) for llm in self.llms])
        self._layers = sorted({llm.layer_count for llm in self.llms})
        self._proposals, self._lines = Proposals(catalog, self.llms), Lines()
        self._slates: OrderedDict[Key, Slate] = OrderedDict()
        self._placings: dict[Key, Key] = {}
        self._offloaded: dict[Key, Fit] = {}
        self._lock, self._building = threading.Lock(), threading.Lock()

    def warm(self, rigs: Iterable[Rig], contexts_tokens: Iterable[int] = ()) -> None:
        """Work out what rigs of these kinds need, and llama.cpp's buffers at some contexts.

        Args:
            rigs: One rig of each kind: what is asked of others of it is then only put together.
            contexts_tokens: Contexts that will be asked for.
        """
        contexts = tuple(contexts_tokens)
        for rig in rigs:
            slate = self.slate(rig, Choices())
            for tokens in contexts:
                slate.buffers(np.minimum(self.most_tokens, tokens), tokens)

    def slate(self, rig: Rig, choices: Choices) -> Slate:
        """Return what is tried on rigs of one kind, worked out once."""
        key = (rig_key(self.catalog, rig, choices), choices, self._placing(rig, choices))
        found = self._known_slate(key)
        if found is not None:
            return found
        # Kinds that are known are answered while another is worked out.
        with self._building:
            found = self._known_slate(key)
            if found is not None:
                return found
            if self._lines.count > _MOST_LINES:
                self._proposals, self._lines = Proposals(self.catalog, self.llms), Lines()
            found = Slate(self._proposals.of(rig, choices), self._lines)
        with self._lock:
            self._slates[key] = found
            if len(self._slates) > _MOST_SLATES:
                self._slates.popitem(last=False)
        return found

    def _known_slate(self, key: Key) -> Slate | None:
        """Return a slate that has been worked out."""
        with self._lock:
            if key not in self._slates:
                return None
            self._slates.move_to_end(key)
            return self._slates[key]

    def _placing(self, rig: Rig, choices: Choices) -> Key:
        """Return how llama.cpp deals out layers over the cards, for every number of layers.

        It goes by shares of memory: equal cards of any size mostly share one answer, but for the
        last bit of a fraction.
        """
        sizes = tuple(
            group.gpu.memory_bytes.mid for group in rig.groups for _ in range(group.count)
        )
        if not rig.is_uniform or names_split(choices):
            return (sizes, rig.nodes_count)
        cards = sizes * rig.nodes_count
        if len(cards) == 1 or len(cards) > _WIDEST or any(group.mig for group in rig.groups):
            return ()
        if cards not in self._placings:
            if len(self._placings) >= _MOST_PLACINGS:
                self._placings.clear()
            self._placings[cards] = tuple(place(n, cards).devices for n in self._layers)
        return self._placings[cards]

    def offloaded(self, deployment: Deployment, tokens: int, users_count: int) -> Fit | None:
        """Return the scalar fit of a model with layers in host memory, where it is known."""
        return self._offloaded.get(_offload_key(deployment, tokens, users_count))

    def offload(self, deployment: Deployment, tokens: int, users_count: int) -> Fit:
        """Work out the scalar fit of a model whose layers may lie in host memory, and keep it."""
        found = fit(deployment, tokens, users_count)
        with self._lock:
            if len(self._offloaded) >= _MOST_OFFLOADED:
                self._offloaded.clear()
            self._offloaded[_offload_key(deployment, tokens, users_count)] = found
        return found


def _offload_key(deployment: Deployment, tokens: int, users_count: int) -> Key:
    """Return what decides a fit with layers in host memory."""
    rig = deployment.rig
    sizes = tuple(group.gpu.memory_bytes for group in rig.groups)
    return (
        deployment.llm, deployment.runtime.slug, deployment.version, deployment.precision,
        deployment.parallelism, deployment.limits, rig.text, sizes, rig.host_memory_bytes, tokens,
        users_count,
    )  # fmt: skip


def survey_fits(
    book: Book, rig: Rig, choices: Choices, context_tokens: int, concurrency: int
) -> Held:
    """Return which models fit a rig, each in the largest format that does.

    The same as ``models_that_fit`` with ``fit``, for all models of a book.

    Args:
        book: The models, and what is known of kinds of rigs.
        rig: The cards.
        choices: What the user fixed; a fixed weight format is the only one tried.
        context_tokens: Of one sequence; a model made for less is judged at its own limit.
        concurrency: Sequences at once.

    Raises:
        InputError: when a choice names what the catalogue does not know.
    """
    if choices.gpu_layers is not None or choices.cpu_moe is not None:
        return _by_scalars(book, rig, choices, context_tokens, concurrency)
    slate = book.slate(rig, choices)
    tokens = np.minimum(book.most_tokens, context_tokens)
    limits = _limits(slate, rig, choices)
    ratios = np.array([one.memory_ratio for one in limits])
    asked = Asked(
        slate=slate,
        totals_bytes=_totals_bytes(rig),
        memory_ratio=ratios[slate.limits_place] if len(ratios) else ratios,
        tokens=tokens,
        users_count=concurrency,
        buffers=slate.buffers(tokens, context_tokens),
    )
    found = _empty(book, rig, tokens, concurrency)
    if not len(slate.model):
        return replace(found, offers=slate.offers)
    rows = _put_chosen(asked, book.most_tokens, found)
    chosen = {
        int(slate.model[row]): (slate.deployments[row], limits[slate.limits_place[row]])
        for row in rows
    }
    found = replace(found, offers=slate.offers, rows=chosen)
    if rig.host_memory_bytes is not None:
        _put_offloaded(book, found, slate, rows)
    return found


def _empty(book: Book, rig: Rig, tokens: Floats, users_count: int) -> Held:
    """Return the answer as long as nothing could be tried."""
    count = len(book.llms)
    sizes = [np.full(count, np.nan) for _ in range(4)]
    most = [np.zeros(count, dtype=np.int64) for _ in range(2)]
    return Held(
        llms=book.llms,
        rig=rig,
        tokens=tokens.astype(np.int64),
        users_count=users_count,
        verdict=np.full(count, VERDICT_RANK["no"], dtype=np.int64),
        headroom_ratio=sizes[0],
        required_bytes=sizes[1],
        budget_bytes=sizes[2],
        max_context_tokens=most[0],
        max_concurrency=most[1],
        weights_bytes=sizes[3],
        rank=book.rank,
        fits={},
        reasons={},
    )


def _totals_bytes(rig: Rig) -> Floats:
    """Return the memory of every kind of card: low, middle and high."""
    kinds = {group.gpu.slug: group.gpu.memory_bytes for group in rig.groups}
    return np.array([(size.low, size.mid, size.high) for size in kinds.values()]).T


def _limits(slate: Slate, rig: Rig, choices: Choices) -> tuple[EngineLimits, ...]:
    """Return the limits of engines on a rig, for each kind of them (``propose``)."""
    gpu = smallest_gpu(rig)
    return tuple(
        limits_with(
            row.runtime, default_limits(row.runtime, gpu, row.parallelism, row.version), choices
        )
        for row in slate.limits_rows
    )


def _put_chosen(asked: Asked, most_tokens: Floats, found: Held) -> Places:
    """Choose a row a model, put its figures into the arrays, and return the rows."""
    slate = asked.slate
    every = Bench(asked)
    judged = every.judged()
    rows = _first_held(slate, np.maximum.reduceat(judged.ranks, slate.line_starts))
    lines = slate.lines_of(rows)
    bench, own = Bench(asked, lines), judged.some(lines)
    starts = np.cumsum(slate.line_counts[rows]) - slate.line_counts[rows]
    models = slate.model[rows]
    worst = np.maximum.reduceat(own.ranks, starts)
    binding = _binding(own.ranks, own.headroom_ratio, worst, starts)
    found.verdict[models] = worst
    found.headroom_ratio[models] = own.headroom_ratio[binding]
    found.required_bytes[models] = own.required_bytes[binding]
    found.budget_bytes[models] = own.budget_bytes[binding]
    found.weights_bytes[models] = slate.weights_bytes[rows]
    held = np.minimum.reduceat(bench.held_seqs(own), starts)
    found.max_concurrency[models] = held * slate.groups_count[rows]
    longest = bench.longest_tokens(most_tokens[bench.models])
    found.max_context_tokens[models] = np.minimum.reduceat(longest, starts)
    return rows


def _first_held(slate: Slate, worst: Codes) -> Places:
    """Return of every model the first row that fits, else its last one."""
    ends = np.append(slate.starts[1:], len(slate.model)) - 1
    numbers = np.where(worst <= VERDICT_RANK["tight"], np.arange(len(worst)), len(worst))
    return np.asarray(np.minimum(np.minimum.reduceat(numbers, slate.starts), ends))


def _binding(ranks: Codes, headroom_ratio: Floats, worst: Codes, starts: Places) -> Places:
    """Return of every row the line that decides: worst verdict, then least headroom."""
    counts = np.diff(starts, append=len(ranks))
    is_worst = ranks == np.repeat(worst, counts)
    ratio = np.where(is_worst, headroom_ratio, np.inf)
    is_least = ratio == np.repeat(np.minimum.reduceat(ratio, starts), counts)
    numbers = np.where(is_least, np.arange(len(ranks)), len(ranks) - 1)
    return np.asarray(np.minimum.reduceat(numbers, starts))


def _put_offloaded(book: Book, found: Held, slate: Slate, rows: Places) -> None:
    """Try layers in host memory where cards do not hold a model, some tenths of a second each."""
    for row in rows[slate.is_layered[rows]]:
        number = int(slate.model[row])
        deployment = found.deployment(number)
        if deployment is None or found.verdict[number] != VERDICT_RANK["no"]:
            continue
        if not _may_hold(deployment, found.weights_bytes[number]):
            continue
        key = (deployment, int(found.tokens[number]), found.users_count)
        put(found, number, book.offloaded(*key) or book.offload(*key))


def _may_hold(deployment: Deployment, weights_bytes: float) -> bool:
    """Whether the weights pass what the cards show by no more than the host may take."""
    rig, replicas = deployment.rig, deployment.parallelism.replicas
    shown = sum(group.count * group.gpu.memory_bytes.mid for group in rig.groups)
    beyond_bytes = replicas * weights_bytes - rig.nodes_count * shown
    return beyond_bytes <= HOST_RATIO * (rig.host_memory_bytes or 0.0)


def _by_scalars(
    book: Book, rig: Rig, choices: Choices, context_tokens: int, concurrency: int
) -> Held:
    """Return the answer model by model: where layers lie in host memory by the user's wish."""
    tokens = np.minimum(book.most_tokens, context_tokens)
    found = _empty(book, rig, tokens, concurrency)
    places = {llm.name: number for number, llm in enumerate(book.llms)}
    answers = models_that_fit(book.catalog, rig, context_tokens, concurrency, choices, book.llms)
    for answer in answers:
        if answer.fit is None:
            found.reasons[places[answer.llm.name]] = answer.reason
        else:
            put(found, places[answer.llm.name], answer.fit)
    return found
