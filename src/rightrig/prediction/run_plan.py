"""From a published run to the steps that make its value."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import default_limits
from rightrig.facts.quantization import KV_BITS
from rightrig.prediction.engine_memory import Engine as EngineMemory
from rightrig.prediction.paged_engines import PAGED, paged_shares
from rightrig.prediction.parameters import engine_for, tables
from rightrig.prediction.regimes import (
    Lengths,
    Moment,
    burst_moments,
    decode_step,
    next_moments,
    own_moments,
    prompt_bound_seqs,
)
from rightrig.prediction.timers import pace_of, shard_of
from rightrig.work.stored import Stored
from rightrig.work.weights import class_bits

if TYPE_CHECKING:
    from rightrig.deployment.deployment import EngineLimits
    from rightrig.facts.llm import Llm
    from rightrig.prediction.engine_memory import CardShare
    from rightrig.prediction.parameters import Engine
    from rightrig.prediction.regimes import Pace
    from rightrig.prediction.runs import InferenceRun
    from rightrig.work.operators import Shard

_USUAL_VLLM: Final = "0.6.0"
"""Whose memory stands for engines that have no model of their own."""
_WHOLE_STEP_TOKENS: Final = 1e9
"""Engines of static batches read all prompts in one step."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """The steps behind a run's value.

    Attributes:
        users_seqs: Users or batch of one engine.
        running_seqs: Those that run at once.
        own: The steps that read one prompt; burst: those of all users; next: from one token of
            a sequence to its next.
    """

    run: InferenceRun
    engine: Engine
    stored: Stored
    shard: Shard
    lengths: Lengths
    users_seqs: float
    running_seqs: float
    own: tuple[Moment, ...]
    burst: tuple[Moment, ...]
    next: tuple[Moment, ...]


def plan_run(run: InferenceRun) -> RunPlan:
    """Return the steps behind a run's value, for the split that it names."""
    engine = engine_for(run.runtime, run.version, run.kind)
    if engine.splits_rows:
        split = replace(run.split, tp=run.split.tp * run.split.pp, pp=1)
        run = replace(run, split=split)
    if engine.ignores_windows:
        run = replace(run, llm=_without_windows(run.llm))
    split = run.split
    limits = _limits(run)
    lengths = _lengths(run)
    shard = replace(shard_of(split), expert_parallel=float(max(run.expert_parallel, 1)))
    tokens = _step_tokens(run, engine, limits)
    pace = pace_of(engine, float(split.pp), float(split.attention_dp), tokens)
    users, running = _sequences(run, limits, pace, lengths, engine)
    weights = run.llm.format_of(run.precision.weights)
    others = running if run.regime == "offline" else max(running - 1.0, 0.0)
    following = next_moments(pace, running, others, lengths)
    if run.regime == "offline":
        following = _offline_moments(run, pace, running, lengths)
    if run.regime in {"static_batch", "decode"}:
        following = (Moment(1.0, decode_step(pace, running, lengths)),)
    return RunPlan(
        run=replace(run, precision=replace(run.precision, weights=weights)),
        engine=engine,
        stored=Stored(class_bits(run.llm, run.precision.weights), KV_BITS[run.precision.kv]),
        shard=shard,
        lengths=lengths,
        users_seqs=users,
        running_seqs=running,
        own=own_moments(pace, max(running - 1.0, 0.0), lengths),
        burst=burst_moments(pace, running, lengths),
        next=following,
    )


def _offline_moments(
    run: InferenceRun, pace: Pace, running_seqs: float, lengths: Lengths
) -> tuple[Moment, ...]:
    """Return the steps from token to token of a run with a known number of requests.

    Full waves, and a last one that leaves places empty; a weight counts both by the tokens that
    full steps would make.
    """
    requests = (requests_of(run) or math.inf) / run.split.replicas
    full = next_moments(pace, running_seqs, running_seqs, lengths)
    if math.isinf(requests):
        return full
    waves = math.floor(requests / running_seqs + 1e-9)
    rest = requests - waves * running_seqs
    found = [Moment(m.weight_ratio * waves * running_seqs / requests, m.step) for m in full]
    if rest >= 1.0:
        last = next_moments(pace, rest, rest, lengths)
        found += [Moment(m.weight_ratio * running_seqs / requests, m.step) for m in last]
    return tuple(found)


def requests_of(run: InferenceRun) -> float | None:
    """Return the requests of an offline run, where the recipe of its source states them."""
    known = tables("run_words")["requests"]
    if run.kind != known["kind"]:
        return None
    found: float | None = known.get(f"{run.input_tokens:.0f}/{run.output_tokens:.0f}")
    return found


@functools.lru_cache(maxsize=256)
def _without_windows(llm: Llm) -> Llm:
    """Return a model whose layers keep and read every token."""
    blocks = []
    for block in llm.blocks:
        attention = block.attention
        if attention is not None and attention.kind in {"sliding", "chunked"}:
            whole = attention.model_copy(update={"kind": "full", "window_tokens": None})
            blocks.append(block.model_copy(update={"attention": whole}))
        else:
            blocks.append(block)
    return llm.model_copy(update={"blocks": tuple(blocks), "slug": f"{llm.slug} (no windows)"})


def _lengths(run: InferenceRun) -> Lengths:
    """Return the lengths; a run of decoding alone states a context instead of a prompt."""
    output = max(run.output_tokens, 1.0)
    if run.regime == "decode":
        return Lengths(max(run.context_tokens - output / 2.0, 0.0), output)
    return Lengths(max(run.input_tokens, 1.0), output)


def _limits(run: InferenceRun) -> EngineLimits:
    """Return the engine's limits: as stated, else its own."""
    limits = default_limits(run.runtime, run.rig.gpu, run.split, run.version)
    return replace(
        limits,
        max_seqs=run.max_seqs or limits.max_seqs,
        max_batched_tokens=run.max_batched_tokens or limits.max_batched_tokens,
        memory_ratio=run.memory_ratio or limits.memory_ratio,
    )


def _step_tokens(run: InferenceRun, engine: Engine, limits: EngineLimits) -> float:
    """Return the most tokens of a step."""
    if engine.reads == "chunks":
        return float(limits.max_batched_tokens)
    if engine.reads == "prompts":
        return max(float(limits.max_batched_tokens), run.input_tokens)
    return _WHOLE_STEP_TOKENS


def _sequences(
    run: InferenceRun, limits: EngineLimits, pace: Pace, lengths: Lengths, engine: Engine
) -> tuple[float, float]:
    """Return the users of one engine, and how many of them run at once."""
    groups = float(run.split.attention_dp)
    held = groups * min(capacity_seqs(run, limits, engine.reserve_bytes), limits.max_seqs)
    if run.runtime.slug == "sglang" and run.llm.has_recurrent:
        held = max(held, (run.seqs or 0.0) / run.split.replicas)  # its pool is set by the user
    if run.regime == "offline":
        most = (requests_of(run) or math.inf) / run.split.replicas
        bound = max(min(held, float(prompt_bound_seqs(pace, lengths)), most), 1.0)
        return bound, bound
    users = max((run.seqs or 1.0) / run.split.replicas, 1.0)
    if run.regime in {"prompt", "decode"} or run.runtime.slug not in PAGED:
        return users, users
    return users, min(users, max(held, 1.0))


def capacity_seqs(run: InferenceRun, limits: EngineLimits, reserve_bytes: float = 0.0) -> float:
    """Return the sequences of a run's length that one group of ranks holds.

    Engines that reserve a whole answer hold fewer than those that page as it grows.
    """
    slug = run.runtime.slug if run.runtime.slug in PAGED else "vllm"
    known = slug == run.runtime.slug
    version = (run.version if slug == "vllm" and known else "") or (
        run.runtime.version if known else _USUAL_VLLM
    )
    engine = EngineMemory(
        run.llm, run.precision, replace(run.split, replicas=1), limits, slug, version,
        has_switch=run.rig.has_switch(run.split.expert_ranks),
    )  # fmt: skip
    shares = _shares(engine)
    total = run.rig.gpu.memory_bytes
    grows = slug in {"vllm", "sglang"}
    tokens = run.input_tokens + run.output_tokens * (0.5 if grows else 1.0)
    held = [
        share.held_count(
            max(1, int(tokens)), share.budget_bytes(total, limits.memory_ratio).mid
            - share.fixed_bytes.mid - reserve_bytes,
        )
        for share in shares
    ]  # fmt: skip
    return max(float(min(held)), 1.0)


@functools.lru_cache(maxsize=4096)
def _shares(engine: EngineMemory) -> tuple[CardShare, ...]:
    """Return what the cards of an engine hold, once for equal engines."""
    return paged_shares(engine)
