"""How a rig serves a reference model: by split, by user, and by stream of a long context."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.deployment.limits import LAYERED
from rightrig.deployment.parallelism import Parallelism
from rightrig.deployment.propose import Choices, propose
from rightrig.errors import InputError
from rightrig.interval import Interval
from rightrig.prediction.evidence import around, end_ratios
from rightrig.prediction.memory_fit import fit
from rightrig.prediction.predict import predict
from rightrig.prediction.regimes import Lengths, decode_step
from rightrig.prediction.timers import timer_of
from rightrig.quantities import show_gib

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.compatibility_matrix import Support
    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.prediction.evidence import Evidence
    from rightrig.prediction.memory_fit import Fit

REFERENCES: Final = (
    "meta-llama/Llama-3.3-70B-Instruct", "Qwen/Qwen3-32B", "meta-llama/Llama-3.1-8B-Instruct",
)  # fmt: skip
"""Dense models in 8 bits by which rigs are compared: the first that a rig holds."""
SMALL_MODEL: Final = REFERENCES[-1]
LENGTHS: Final = Lengths(1000.0, 300.0)
"""Tokens of a prompt and of an answer by which rigs are compared."""
STREAM_CONTEXTS: Final = (8192, 16384)
STREAMS_COUNT: Final = 32
STREAM_TOKENS_PER_S: Final = 50.0
TRUTH_TOKENS: Final = 32_768
"""Context of the one sequence beside which a card's memory is shown."""
FLAGS: Final = {
    "vllm": ("--tensor-parallel-size {}", "--pipeline-parallel-size {}"),
    "sglang": ("--tp-size {}", "--pp-size {}"),
    "tensorrt-llm": ("--tp_size {}", "--pp_size {}"),
    "llama.cpp": ("", "--split-mode layer"),
}
"""Options for ranks and for stages: ``vllm serve``, ``sglang.launch_server``, ``trtllm-serve`` and
``llama-server``, by the documentation of each."""
_EIGHT_BITS: Final = (Choices(weights="fp8"), Choices(weights="q8_0", runtime="llama.cpp"))
_MOST_TP: Final = 8
_MOST_PP: Final = 8


@dataclass(frozen=True, slots=True)
class SplitSpeed:
    """A reference model on all cards of a rig, split in one way.

    Attributes:
        tpot_s: Of a user alone; ``None`` where the model does not fit or is not split so.
        tokens_per_s: Of as many users as memory and the engine's limit allow.
        users_count: How many those are.
        reason: Why there is no speed.
    """

    split: Parallelism
    runtime: str
    weights: str
    verdict: str
    tpot_s: Interval | None = None
    user_tokens_per_s: float = 0.0
    tokens_per_s: Interval | None = None
    users_count: int = 0
    evidence: Evidence | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Speeds:
    """A model in 8 bits on a rig, by split; those with a speed first, the quickest user first."""

    llm: Llm
    splits: tuple[SplitSpeed, ...]

    @property
    def running(self) -> tuple[SplitSpeed, ...]:
        """The splits that hold the model."""
        return tuple(one for one in self.splits if one.tpot_s is not None)

    @property
    def quickest(self) -> SplitSpeed | None:
        """The split with the least time per token for a user alone."""
        return self.running[0] if self.running else None

    @property
    def widest(self) -> SplitSpeed | None:
        """The split with the most tokens a second for as many users as fit."""
        return max(self.running, key=lambda one: _mid_tokens_per_s(one.tokens_per_s), default=None)

    @property
    def lone_use_ratio(self) -> float:
        """Share of the most tokens a second that one user alone takes."""
        if self.quickest is None or self.widest is None:
            return 0.0
        return self.quickest.user_tokens_per_s / _mid_tokens_per_s(self.widest.tokens_per_s)


@dataclass(frozen=True, slots=True)
class Streams:
    """Streams that decode at once at one context, while no prompt is read.

    Attributes:
        streams_count: ``STREAMS_COUNT``, or as many as memory holds where those are fewer.
        tokens_per_s: Of each of them.
        quick_count: Most streams that each get at least ``STREAM_TOKENS_PER_S``, by the middle.
        held_count: Streams that memory and the engine's limit allow.
    """

    context_tokens: int
    streams_count: int
    tokens_per_s: Interval
    quick_count: int
    held_count: int


def _mid_tokens_per_s(tokens_per_s: Interval | None) -> float:
    """Return a middle; 0 where there is none."""
    return tokens_per_s.mid if tokens_per_s else 0.0


def speeds_of(catalog: Catalog, rig: Rig, llm: Llm) -> Speeds:
    """Return a model in 8 bits on a rig, split in every usual way that uses all cards."""
    found = [_split_speed(catalog, rig, llm, split) for split in _splits(rig)]
    if any(one.runtime in LAYERED for one in found):
        by_layers = (s for s in found if s.runtime in LAYERED)
        found = list({(one.split.pp, one.split.replicas): one for one in by_layers}.values())
    found.sort(key=lambda one: one.tpot_s.mid if one.tpot_s else float("inf"))
    return Speeds(llm, tuple(found))


def reference_speeds(catalog: Catalog, rig: Rig) -> Speeds:
    """Return the first reference model that a rig holds; the last where it holds none."""
    for name in REFERENCES:
        found = speeds_of(catalog, rig, catalog.llm(name))
        if found.running:
            break
    return found


def _splits(rig: Rig) -> tuple[Parallelism, ...]:
    """Return tensor × pipeline × replicas that use all cards, most tensor-parallel first."""
    cards = rig.cards_count
    return tuple(
        Parallelism(tp, pp, cards // (tp * pp))
        for tp in (8, 4, 2, 1)
        for pp in range(1, _MOST_PP + 1)
        if tp <= min(_MOST_TP, rig.cards_per_node) and cards % (tp * pp) == 0
    ) or (Parallelism(1, 1, cards),)


def _deployed(catalog: Catalog, rig: Rig, llm: Llm, split: Parallelism) -> Deployment:
    """Return a model in 8 bits, by vLLM where it runs, else by llama.cpp.

    Raises:
        InputError: why neither runs it so.
    """
    first, second = _EIGHT_BITS
    try:
        return propose(catalog, llm, rig, _with_split(first, split.tp, split))
    except InputError as error:
        if rig.is_uniform and split.tp > 1:
            raise
        try:
            return propose(catalog, llm, rig, _with_split(second, None, split))
        except InputError:
            raise error from None


def _with_split(choices: Choices, tp: int | None, split: Parallelism) -> Choices:
    """Return choices with a split."""
    return replace(choices, tp=tp, pp=split.pp, replicas=split.replicas)


def _split_speed(catalog: Catalog, rig: Rig, llm: Llm, split: Parallelism) -> SplitSpeed:
    """Return the speed of one split, or why there is none."""
    try:
        deployment = _deployed(catalog, rig, llm, split)
        runtime, weights = deployment.runtime.slug, deployment.precision.weights
        room = fit(deployment, int(LENGTHS.input_tokens + LENGTHS.output_tokens), 1)
        if room.verdict not in {"fits", "tight"}:
            return SplitSpeed(
                deployment.parallelism,
                runtime,
                weights,
                room.verdict,
                reason=_lacking(room),
            )
        alone, many = predict(deployment, LENGTHS, 1), predict(deployment, LENGTHS, None)
    except InputError as error:
        return SplitSpeed(split, "", "", "no", reason=str(error).partition(";")[0])
    return SplitSpeed(
        split=deployment.parallelism,
        runtime=runtime,
        weights=weights,
        verdict=room.verdict,
        tpot_s=alone.tpot_s,
        user_tokens_per_s=alone.output_tokens_per_s.mid,
        tokens_per_s=many.output_tokens_per_s,
        users_count=many.concurrency,
        evidence=alone.evidence,
    )


def _lacking(room: Fit) -> str:
    """Return what the tightest card lacks."""
    card = room.binding
    required, budget = show_gib(card.required_bytes.mid), show_gib(card.budget_bytes.mid)
    return f"needs {required} of {budget} on {card.gpu}"


def card_truth(catalog: Catalog, rig: Rig, speeds: Speeds) -> Fit | None:
    """Return the memory of each card with the model and one long sequence; ``None`` without it."""
    if speeds.quickest is None:
        return None
    return fit(_deployed(catalog, rig, speeds.llm, speeds.quickest.split), TRUTH_TOKENS, 1)


def split_flags(rig: Rig, support: Sequence[Support], speeds: Speeds) -> tuple[str, ...]:
    """Return the options that split a model over the rig as its quickest split does."""
    best = speeds.quickest
    if best is None or rig.cards_count == 1:
        return ()
    running = {row.runtime.slug: row.runtime.name for row in support if row.verdict != "no"}
    found = []
    for slug, (option, further) in FLAGS.items():
        if slug not in running or (slug in LAYERED) != (best.runtime in LAYERED):
            continue
        words = [] if slug in LAYERED else [option.format(best.split.tp)]
        words += [further.format(best.split.pp)] if best.split.pp > 1 else []
        found.append(f"{running[slug]} {' '.join(words)}")
    return tuple(found)


def streams_of(catalog: Catalog, rig: Rig, speeds: Speeds) -> tuple[Streams, ...]:
    """Return how fast streams decode on the split that is quickest for a user alone.

    The time of a step that decodes for N sequences and reads no prompt, as in agents whose
    prompts a prefix cache holds; with prompts to read, tokens come slower (``rightrig predict``).
    """
    if speeds.quickest is None:
        return ()
    deployment = _deployed(catalog, rig, speeds.llm, speeds.quickest.split)
    found = (_streams(deployment, context) for context in STREAM_CONTEXTS)
    return tuple(one for one in found if one is not None)


def _streams(deployment: Deployment, context_tokens: int) -> Streams | None:
    """Return how fast streams of one context decode; ``None`` where memory holds none."""
    held = fit(deployment, context_tokens, 1).max_concurrency
    if held < 1:
        return None
    timer = timer_of(deployment)
    lengths = Lengths(float(context_tokens), 1.0)
    replicas = deployment.parallelism.replicas
    streams = min(STREAMS_COUNT, held)
    counts = np.arange(1.0, held // replicas + 1.0)
    times = np.broadcast_to(timer.step_s(decode_step(timer.pace, counts, lengths)), counts.shape)
    quick = np.flatnonzero(1.0 / times >= STREAM_TOKENS_PER_S)
    place = min(-(-streams // replicas), len(counts)) - 1
    ends = end_ratios("tpot", timer.speeds.measured, has_experts=deployment.llm.has_experts)
    each = around(float(times[place]), ends)
    bound_s = float(timer.bound_s(decode_step(timer.pace, counts[place], lengths)))
    least = min(max(each.low, bound_s), each.mid)
    return Streams(
        context_tokens,
        streams,
        Interval(least, each.mid, each.high).reciprocal(),
        int(quick[-1] + 1) * replicas if len(quick) else 0,
        held,
    )
