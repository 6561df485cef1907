"""Split: one wide engine, several narrow ones, or pipeline stages, on the same cards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.deployment.parallelism import Parallelism, splits_of
from rightrig.deployment.propose import propose
from rightrig.errors import InputError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.flips import flips, rate_grid_requests_per_s
from rightrig.planning.pareto import pareto_front
from rightrig.prediction.drafting import timer_for
from rightrig.prediction.memory_fit import fit
from rightrig.prediction.predict import predict, refuse_unmodelled
from rightrig.prediction.serving import Goal, largest_load, open_loop
from rightrig.quantities import show_number, show_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rightrig.demand.objective import Slo
    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.propose import Choices
    from rightrig.deployment.rig import Link, Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.interval import Interval
    from rightrig.planning.flips import Flip
    from rightrig.prediction.memory_fit import Fit
    from rightrig.prediction.regimes import Lengths

_CURVE_POINTS: Final = 160
_LEAST_SEQS: Final = 0.01
_GRID_STEPS: Final = 60
_LEAST_SHARE_RATIO: Final = 0.01
"""Rates below this share of the most that any split carries are one user's."""
_ENDED_RATIO: Final = 1.001
_HELD: Final = ("fits", "tight")


@dataclass(frozen=True, slots=True)
class Curve:
    """Latency of all engines over the rate that they carry; shape (points,), rates rising."""

    rate_requests_per_s: NDArray[np.float64]
    answer_s: NDArray[np.float64]

    def at_s(self, rate_requests_per_s: float) -> float:
        """Return the mean time of a whole answer at a rate; at most the last point's."""
        return float(np.interp(rate_requests_per_s, self.rate_requests_per_s, self.answer_s))


@dataclass(frozen=True, slots=True)
class Layout:
    """One split of the cards that holds the model.

    Attributes:
        ttft_s, tpot_s: Of one user alone.
        capacity_seqs: Sequences of the asked length in all engines.
        capacity_tokens: Tokens of KV cache in all engines.
        goodput_requests_per_s: Most that all engines carry within the objectives; 0 where one
            nearly idle engine already misses one.
        curve: Mean time of a whole answer over the rate.
        sources: What the speeds were fitted on.
        on_front: Whether no other split is better in both latencies and goodput.
    """

    deployment: Deployment
    fit: Fit
    ttft_s: Interval
    tpot_s: Interval
    capacity_seqs: float
    capacity_tokens: float
    goodput_requests_per_s: float
    output_tokens_per_s: float
    curve: Curve
    sources: tuple[str, ...]
    on_front: bool = False

    @property
    def split(self) -> Parallelism:
        """Ranks, stages and engines."""
        return self.deployment.parallelism

    @property
    def text(self) -> str:
        """As people write it."""
        return self.split.text


@dataclass(frozen=True, slots=True)
class Refused:
    """A split that a rule forbids or that does not hold the model, and why."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class SplitChoice:
    """The splits of one rig's cards for one model and traffic.

    Attributes:
        link: Among the cards of one machine.
        layouts: Those that hold the model, quickest for one user first.
        flips: Rates at which another split begins to answer quickest.
        rate_requests_per_s: The rate that was asked for.
    """

    rig: Rig
    llm: Llm
    link: Link
    lengths: Lengths
    slo: Slo
    layouts: tuple[Layout, ...]
    refused: tuple[Refused, ...]
    flips: tuple[Flip[str], ...]
    rate_requests_per_s: float | None

    @property
    def quickest(self) -> Layout | None:
        """The split with the least TPOT for one user within the objectives."""
        return next((one for one in self.layouts if one.goodput_requests_per_s > 0.0), None)

    @property
    def busiest(self) -> Layout | None:
        """The split that carries most within the objectives."""
        able = [one for one in self.layouts if one.goodput_requests_per_s > 0.0]
        return max(able, key=lambda one: one.goodput_requests_per_s, default=None)

    @property
    def recommended(self) -> Layout | None:
        """The split that answers quickest at the asked rate, else for one user."""
        rate = self.rate_requests_per_s
        return self.quickest if rate is None else quickest_at(self.layouts, rate)

    def explain(self) -> Explanation:
        """Return which split for which rate, by what, and where that changes."""
        return _explain(self)


def split_choice(
    catalog: Catalog,
    llm: Llm,
    rig: Rig,
    choices: Choices,
    traffic: tuple[Lengths, float | None],
    slo: Slo,
) -> SplitChoice:
    """Return every split of a rig's cards, its latency and goodput, and where the best changes.

    Args:
        catalog: For the runtime.
        llm: The model.
        rig: The cards; all of them work.
        choices: Runtime and formats; splits are what is looked for.
        traffic: Lengths, and the mean rate in requests/s where one is asked for.
        slo: Latency objectives, by their analytic bounds.

    Raises:
        InputError: where no split is possible at all.
    """
    lengths, rate = traffic
    found, refused = _layouts(catalog, llm, rig, choices, lengths, slo)
    ordered = tuple(sorted(_with_front(found), key=lambda one: (one.tpot_s.mid, one.ttft_s.mid)))
    return SplitChoice(
        rig=rig,
        llm=llm,
        link=rig.link(min(rig.cards_count, rig.cards_per_node)),
        lengths=lengths,
        slo=slo,
        layouts=ordered,
        refused=tuple(refused),
        flips=_flips(ordered),
        rate_requests_per_s=rate,
    )


def _layouts(
    catalog: Catalog, llm: Llm, rig: Rig, choices: Choices, lengths: Lengths, slo: Slo
) -> tuple[list[Layout], list[Refused]]:
    """Return the splits that hold the model, and those that do not."""
    found: list[Layout] = []
    refused: list[Refused] = []
    unfit = False
    for split in layouts_of(llm, rig):
        wanted = replace(
            choices, tp=split.tp, pp=split.pp, replicas=split.replicas,
            attention_dp=split.attention_dp if split.attention_dp > 1 else None,
        )  # fmt: skip
        try:
            deployment = propose(catalog, llm, rig, wanted)
            refuse_unmodelled(deployment)
        except InputError as error:
            refused.append(Refused(split.text, str(error)))
            continue
        tokens = int(lengths.input_tokens + lengths.output_tokens)
        room = fit(deployment, tokens, deployment.parallelism.replicas)
        if room.verdict in _HELD:
            found.append(_layout(deployment, room, lengths, slo))
        else:
            unfit = True
            refused.append(Refused(split.text, room.explain().sentences[0]))
    if not found and not unfit:
        # The last split is one card an engine: what stands against it, stands against all.
        raise InputError(f"no split of {llm.name} on {rig.text}: {refused[-1].reason}")
    return found, refused


def layouts_of(llm: Llm, rig: Rig) -> Iterator[Parallelism]:
    """Yield every split that uses all cards: engines of equal size, ranks and stages in each.

    For a mixture of experts also attention on every card apart, with the experts over all of
    them (attention-DP).
    """
    cards = rig.cards_count
    for engines in (n for n in range(1, cards + 1) if cards % n == 0):
        each = cards // engines
        yield from (replace(split, replicas=engines) for split in splits_of(llm, each))
        if llm.has_experts and each > 1:
            yield Parallelism(1, 1, engines, attention_dp=each)


def _layout(deployment: Deployment, room: Fit, lengths: Lengths, slo: Slo) -> Layout:
    """Return one split with its latencies, capacity and goodput."""
    alone = predict(deployment, lengths, 1)
    timer = timer_for(deployment, lengths)
    engines = deployment.parallelism.replicas
    capacity = max(room.max_concurrency, 1) / engines
    goals = [Goal(*objective) for objective in slo.objectives()]
    load = largest_load(timer, lengths, capacity, goals)
    keeps = all(float(load.tail_s(g.metric, g.percentile)) <= g.limit_s for g in goals)
    goodput = float(load.rate_requests_per_s) * engines if keeps else 0.0
    seqs = np.geomspace(_LEAST_SEQS, max(float(load.running_seqs), 2 * _LEAST_SEQS), _CURVE_POINTS)
    points = open_loop(timer, seqs, lengths)
    rates = np.maximum.accumulate(np.asarray(points.rate_requests_per_s)) * engines
    answer = np.asarray(points.ttft_mean_s + (lengths.output_tokens - 1.0) * points.tpot_mean_s)
    return Layout(
        deployment=deployment,
        fit=room,
        ttft_s=alone.ttft_s,
        tpot_s=alone.tpot_s,
        capacity_seqs=float(room.max_concurrency),
        capacity_tokens=room.max_concurrency * (lengths.input_tokens + lengths.output_tokens),
        goodput_requests_per_s=goodput,
        output_tokens_per_s=goodput * lengths.output_tokens,
        curve=Curve(rates, answer),
        sources=alone.sources,
    )


def _with_front(layouts: list[Layout]) -> list[Layout]:
    """Return the splits with those of the Pareto front marked."""
    if not layouts:
        return layouts
    values = np.array([
        [one.tpot_s.mid, one.ttft_s.mid, -one.goodput_requests_per_s] for one in layouts
    ])  # fmt: skip
    kept = pareto_front(values)
    return [replace(one, on_front=bool(k)) for one, k in zip(layouts, kept, strict=True)]


def quickest_at(layouts: tuple[Layout, ...], rate_requests_per_s: float) -> Layout | None:
    """Return the split whose answers are complete soonest at a rate, among those that carry it."""
    able = [one for one in layouts if one.goodput_requests_per_s >= rate_requests_per_s]
    return min(able, key=lambda one: one.curve.at_s(rate_requests_per_s), default=None)


def _flips(layouts: tuple[Layout, ...]) -> tuple[Flip[str], ...]:
    """Return the rates at which another split begins to answer quickest."""
    most = max((one.goodput_requests_per_s for one in layouts), default=0.0)
    if not most:
        return ()

    def answer_at(rate_requests_per_s: float) -> str:
        best = quickest_at(layouts, rate_requests_per_s)
        return best.text if best else ""

    grid = rate_grid_requests_per_s(_LEAST_SHARE_RATIO * most, most * (1.0 - 1e-9), _GRID_STEPS)
    return tuple(flips(answer_at, grid))


def _explain(found: SplitChoice) -> Explanation:
    """Return the sentences of a choice of split."""
    quickest, busiest = found.quickest, found.busiest
    if quickest is None or busiest is None:
        return Explanation((_none_sentence(found),))
    sentences = [_latency_sentence(found, quickest), _throughput_sentence(busiest, quickest)]
    sentences += [_flip_sentence(found.layouts, flip) for flip in found.flips]
    if not found.flips:
        sentences.append(f"{quickest.text} answers soonest at every rate that it carries.")
    if found.rate_requests_per_s is not None:
        sentences.append(_rate_sentence(found, found.rate_requests_per_s))
    figures = (
        Figure("tpot_s", quickest.tpot_s.mid, show_seconds(quickest.tpot_s.mid), "prediction"),
        Figure(
            "goodput_requests_per_s", busiest.goodput_requests_per_s,
            show_number(busiest.goodput_requests_per_s), "prediction",
        ),
    )  # fmt: skip
    return Explanation(tuple(sentences), figures, quickest.sources)


def _none_sentence(found: SplitChoice) -> str:
    """Say why no split will do."""
    if not found.layouts:
        return f"No split of {found.rig.text} holds {found.llm.name}: {found.refused[0].reason}"
    least = found.layouts[0]
    return (
        f"No split keeps the objectives even when nearly idle; the quickest, {least.text}, has "
        f"{show_seconds(least.ttft_s.mid)} TTFT and {show_seconds(least.tpot_s.mid)} TPOT for one "
        "user."
    )


_LINKS: Final = {
    "none": "one card", "nvlink-switch": "NVLink through a switch", "nvlink-bridge": "NVLink",
    "mesh": "direct links", "pcie": "PCIe", "pcie-host": "PCIe through host memory",
    "network": "the network",
}  # fmt: skip


def link_text(link: Link) -> str:
    """Return what joins the cards, in words: ``PCIe through host memory, 31.5 GB/s``."""
    name = _LINKS[link.kind]
    return name if link.kind == "none" else f"{name}, {link.bytes_per_s / 1e9:.3g} GB/s"


def _latency_sentence(found: SplitChoice, quickest: Layout) -> str:
    """Say which split is quickest for one user, and over which others."""
    others = ", ".join(
        f"{one.text} {show_seconds(one.tpot_s.mid)}" for one in found.layouts if one is not quickest
    )
    ranks = max(quickest.split.expert_ranks, min(quickest.split.engine_cards, 2))
    link = found.rig.link(ranks)
    return (
        f"For one user {quickest.text} is quickest over {link_text(link)}: "
        f"{show_seconds(quickest.tpot_s.mid)} a token{f' ({others})' if others else ''}."
    )


def _throughput_sentence(busiest: Layout, quickest: Layout) -> str:
    """Say which split carries most, and how much more than the quickest."""
    carries = (
        f"{busiest.text} carries most within the objectives: "
        f"{show_number(busiest.goodput_requests_per_s)} requests/s"
    )
    if busiest is quickest:
        return f"{carries}, so that no other split is needed."
    more = busiest.goodput_requests_per_s / quickest.goodput_requests_per_s
    return f"{carries}, {more:.2f} times {quickest.text}."


def _flip_sentence(layouts: tuple[Layout, ...], flip: Flip[str]) -> str:
    """Say where another split begins to be the better one, and why."""
    before = next(one for one in layouts if one.text == flip.before)
    ended = before.goodput_requests_per_s <= flip.at_requests_per_s * _ENDED_RATIO
    why = f"{flip.before} carries no more" if ended else f"it answers sooner than {flip.before}"
    return f"Above {show_number(flip.at_requests_per_s)} requests/s take {flip.after}: {why}."


def _rate_sentence(found: SplitChoice, rate_requests_per_s: float) -> str:
    """Say which split to take for the asked rate."""
    best = found.recommended
    rate = show_number(rate_requests_per_s)
    if best is None:
        return f"No split of these cards carries {rate} requests/s within the objectives."
    seconds = show_seconds(best.curve.at_s(rate_requests_per_s))
    return f"At {rate} requests/s take {best.text}: a whole answer takes {seconds} on average."
