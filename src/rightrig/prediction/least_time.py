"""The least that a load can take by the datasheet: what no engine on these cards can beat (η = 1).

Every card computes at its dense peak and reads at its rated bandwidth, both at once and all the
time; messages, activations and hosts cost nothing; the work divides over the cards without a rest
(formulas F5.3, Williams et al. 2009, doi:10.1145/1498765.1498785). What must be done is counted
low on purpose:

- Weights are read once a step for all sequences in it; of routed experts those that one token
  visits, for tokens may choose alike. ``even`` asks for those that tokens visit which choose by
  chance (F6.1): what no run is known to beat, though it is no law.
- Keys and values are read once a token; a cache between steps (L2) is left aside.
- As many sequences run at once as the memory holds beside the weights.
- Steps of decoding and the reading of prompts overlap as well as sums allow.

It is a bound for runs that do the work they state: a prefix cache that no row tells of, or answers
that end early, pass it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.deployment.compatibility import is_native
from rightrig.facts.quantization import is_gguf_mix, weight_format
from rightrig.quantities import GIB
from rightrig.work.kv_cache import sequence_kv_bytes
from rightrig.work.operators import Step, distinct_experts_count
from rightrig.work.step import step_operators
from rightrig.work.weights import (
    expert_params,
    looked_up_params,
    params_by_class,
    vocabulary_params,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rightrig.deployment.parallelism import Parallelism
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm, TensorClass
    from rightrig.facts.runtime import Runtime
    from rightrig.prediction.regimes import Lengths
    from rightrig.prediction.run_plan import RunPlan
    from rightrig.prediction.runs import Metric, Regime
    from rightrig.work.operators import Operator
    from rightrig.work.stored import Stored

_PLAIN_GGUF: Final = frozenset({"f16", "f32"})
_ENDLESS_SEQS: Final = 1e6
_POINTS: Final = 4
_TIMES: Final = frozenset({"ttft_s", "tpot_s"})


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards of one engine, by their datasheet.

    Attributes:
        peak_flop_per_s, peak_bytes_per_s, memory_bytes: Of one card.
        together_count: Cards that work on one layer.
        stages_count: Groups of them that layers pass through in turn.
    """

    peak_flop_per_s: float
    peak_bytes_per_s: float
    memory_bytes: float
    together_count: float
    stages_count: float

    @property
    def stage_flop_per_s(self) -> float:
        """Arithmetic of the cards of a stage."""
        return self.together_count * self.peak_flop_per_s

    @property
    def stage_bytes_per_s(self) -> float:
        """Bandwidth of the cards of a stage."""
        return self.together_count * self.peak_bytes_per_s

    @property
    def engine_memory_bytes(self) -> float:
        """Memory of all cards of the engine."""
        return self.together_count * self.stages_count * self.memory_bytes


@dataclass(frozen=True, slots=True)
class Need:
    """What a model must do, counted low.

    Attributes:
        weight_bytes: Read in every step: what one token passes through.
        idle_expert_bytes: Of the routed experts that one token leaves out.
        expert_count, experts_per_token_count: Of the layers with experts; 0 for none.
        cache_bytes: Read for one token of one sequence.
        step_flop: Of one sequence in a step that decodes.
        prompt_flop: Of one prompt.
        held_bytes: What one sequence keeps in memory, in the mean.
        stored_bytes: All weights.
    """

    weight_bytes: float
    idle_expert_bytes: float
    expert_count: int
    experts_per_token_count: int
    cache_bytes: float
    step_flop: float
    prompt_flop: float
    held_bytes: float
    stored_bytes: float

    def read_bytes(self, tokens_count: float, *, even: bool) -> float:
        """Return the weights that a step of some tokens reads."""
        if not (even and self.expert_count > self.experts_per_token_count):
            return self.weight_bytes
        first = self.experts_per_token_count
        touched = distinct_experts_count(self.expert_count, first, max(tokens_count, 1.0))
        share = (float(touched) - first) / (self.expert_count - first)
        return self.weight_bytes + self.idle_expert_bytes * share


@dataclass(frozen=True, slots=True)
class Case:
    """A load on some engines.

    Attributes:
        users_seqs: Users or batch of one engine; infinite where prompts wait without end.
        even: Whether tokens choose their experts by chance.
    """

    need: Need
    cards: Cards
    lengths: Lengths
    users_seqs: float
    replicas_count: int
    even: bool = False

    @property
    def running_seqs(self) -> float:
        """Sequences that run at once: those there are, as far as the memory holds them.

        Weights that no memory holds are another matter; then all of them run.
        """
        room_bytes = self.cards.engine_memory_bytes - self.need.stored_bytes
        if room_bytes <= 0.0 or self.need.held_bytes == 0.0:
            return min(self.users_seqs, _ENDLESS_SEQS)
        return min(self.users_seqs, max(room_bytes / self.need.held_bytes, 1.0))

    @property
    def steps_count(self) -> float:
        """Steps that decode, from the first token of an answer to its last."""
        return (self.lengths.output_tokens - 1.0) / self.lengths.accepted_count


def largest_flop_per_s(gpu: Gpu, runtime: Runtime, format_name: str) -> float:
    """Return the highest dense rate at which any kernel may multiply a format on a card.

    Native types at their own rate; other formats at the best of 16 bits, sums of 16 bits
    (GeForce) included; block formats of llama.cpp at the rate of INT8, for its kernels quantise
    the other side. Infinite where no rate is published.
    """
    peak = gpu.peak
    rates = [
        peak.fp16_flop_per_s, peak.bf16_flop_per_s, peak.fp16_fp16_accumulate_flop_per_s,
        peak.fp32_flop_per_s,
    ]  # fmt: skip
    if is_gguf_mix(format_name):
        rates += [] if format_name in _PLAIN_GGUF else [peak.int8_flop_per_s]
    elif is_native(runtime, gpu, format_name):
        by_type = {
            "fp16": (),
            "fp8": (peak.fp8_flop_per_s, peak.fp8_fp16_accumulate_flop_per_s),
            "int8": (peak.int8_flop_per_s,),
            "fp4": (peak.fp4_flop_per_s, peak.fp8_flop_per_s),
        }
        rates += by_type[weight_format(format_name).compute]
    known = [rate for rate in rates if rate]
    return max(known) if known else np.inf


def cards_of(gpu: Gpu, peak_flop_per_s: float, split: Parallelism) -> Cards:
    """Return the cards of one engine of a split."""
    return Cards(
        peak_flop_per_s,
        gpu.memory_bandwidth_bytes_per_s,
        gpu.memory_marketed_gib * GIB,
        float(split.tp * split.attention_dp),
        float(split.pp),
    )


def need_of(llm: Llm, stored: Stored, lengths: Lengths) -> Need:
    """Return what a model must do for requests of some lengths.

    Work rises with context ever more slowly (windows), so the mean of both ends is a lower bound.
    """
    first = lengths.input_tokens
    ends = np.array([first, first + lengths.output_tokens, 0.0, 0.0])
    reads = np.array([0.0, 0.0, lengths.read_tokens, lengths.read_tokens])
    prompts = np.array([0.0, 0.0, lengths.cached_tokens, first])
    decodes = np.array([1.0, 1.0, 0.0, 0.0])
    tokens = lengths.tokens_per_step_count
    step = Step(decodes, ends, reads, prompts, 1.0 + decodes * (tokens - 1.0), tokens)
    operators = step_operators(llm, stored, step)
    flop = np.sum([np.broadcast_to(op.flop, _POINTS) for op in operators], axis=0)
    cached = np.sum([_cached_bytes(op) for op in operators], axis=0)
    experts = next((ffn for ffn in llm.ffns if ffn.expert_count), None)
    context = lengths.mean_context_tokens
    return Need(
        weight_bytes=_passed_bytes(llm, stored),
        idle_expert_bytes=float(stored.weight_bytes("expert", _idle_params_count(llm))),
        expert_count=experts.expert_count if experts else 0,
        experts_per_token_count=experts.experts_per_token if experts else 0,
        cache_bytes=float(np.mean(cached[:2])),
        step_flop=float(np.mean(flop[:2])),
        prompt_flop=float(np.mean(flop[2:])),
        held_bytes=sequence_kv_bytes(llm.block_counts, context, float(stored.kv_bits)),
        stored_bytes=_total_bytes(params_by_class(llm), stored),
    )


def _cached_bytes(operator: Operator) -> NDArray[np.float64]:
    """Return the keys, values and states that an operator reads."""
    moved = operator.moved_bytes if operator.kind == "attention" else 0.0
    return np.broadcast_to(np.asarray(moved, dtype=float), _POINTS)


def _passed_bytes(llm: Llm, stored: Stored) -> float:
    """Return the weights that one token passes through; a looked-up table is left out."""
    params = dict(params_by_class(llm))
    looked_up = looked_up_params(llm) + (0 if llm.tied_embeddings else vocabulary_params(llm))
    params["embedding"] -= looked_up
    params["expert"] = params.get("expert", 0) - _idle_params_count(llm)
    return _total_bytes(params, stored)


def _total_bytes(params: Mapping[TensorClass, int], stored: Stored) -> float:
    """Return the bytes of parameters by tensor class."""
    return sum(float(stored.weight_bytes(kind, count)) for kind, count in params.items())


def _idle_params_count(llm: Llm) -> int:
    """Return the parameters of routed experts that one token leaves out."""
    return sum(
        count * (ffn.expert_count - ffn.experts_per_token) * expert_params(ffn, llm.hidden_size)
        for block, count in llm.block_counts
        if (ffn := block.ffn) is not None and ffn.expert_count
    )


def least_step_s(case: Case, seqs_count: float) -> float:
    """Return the least time of a step that decodes some sequences, in seconds.

    Stages work on a micro-batch each, so that a step holds a share of the sequences.
    """
    need, cards = case.need, case.cards
    batch = max(seqs_count / cards.stages_count, 1.0)
    weights = need.read_bytes(batch * case.lengths.tokens_per_step_count, even=case.even)
    moved = weights + batch * need.cache_bytes
    return max(batch * need.step_flop / cards.stage_flop_per_s, moved / cards.stage_bytes_per_s)


def least_prompts_s(case: Case, prompts_count: float) -> float:
    """Return the least time to read some prompts at once, in seconds; stages share them."""
    need, cards = case.need, case.cards
    flop = prompts_count * need.prompt_flop / cards.stages_count
    weights = need.read_bytes(prompts_count * case.lengths.read_tokens, even=case.even)
    return max(flop / cards.stage_flop_per_s, weights / cards.stage_bytes_per_s)


def least_cycle_s(case: Case) -> float:
    """Return the least time in which all running sequences are read and answered, in seconds.

    Each token of an answer comes out of a step of its own; prompts ride along in them.
    """
    need, cards = case.need, case.cards
    seqs, steps = case.running_seqs, case.steps_count
    batch = max(seqs / cards.stages_count, 1.0)
    prompts = seqs / cards.stages_count * need.prompt_flop
    flop = prompts + steps * batch * need.step_flop
    weights = need.read_bytes(batch * case.lengths.tokens_per_step_count, even=case.even)
    moved = (steps + 1.0) * weights + steps * batch * need.cache_bytes
    return max(flop / cards.stage_flop_per_s, moved / cards.stage_bytes_per_s)


def best_of(case: Case, regime: Regime, metric: Metric) -> float:
    """Return the least time or the largest rate of a case, in the unit of the metric."""
    lengths, replicas = case.lengths, case.replicas_count
    if metric == "ttft_s":
        return least_prompts_s(case, 1.0)
    if metric == "tpot_s":
        return least_step_s(case, 1.0) / lengths.accepted_count
    if regime == "prompt":
        users = case.users_seqs
        return replicas * users * lengths.input_tokens / least_prompts_s(case, users)
    if regime == "decode":
        # Contexts may share a prefix, so that memory bounds no batch.
        users = case.users_seqs
        return replicas * users * lengths.accepted_count / least_step_s(case, users)
    requests_per_s = replicas * case.running_seqs / least_cycle_s(case)
    tokens = {
        "requests_per_s": 1.0,
        "output_tokens_per_s": lengths.output_tokens,
        "prompt_tokens_per_s": lengths.input_tokens,
        "total_tokens_per_s": lengths.input_tokens + lengths.output_tokens,
    }
    return requests_per_s * tokens[metric]


def beyond_ratio(metric: Metric, value: float, best: float) -> float:
    """Return how far a value lies beyond the best: above 1 is faster than the datasheet."""
    return best / value if metric in _TIMES else value / best


def case_of(plan: RunPlan) -> Case:
    """Return what a run's value is bounded by, for the split that the plan is of."""
    run, split = plan.run, plan.run.split
    gpu = run.rig.gpu
    users = np.inf if run.seqs is None else max(run.seqs / split.replicas, 1.0)
    return Case(
        need_of(run.llm, plan.stored, plan.lengths),
        cards_of(gpu, largest_flop_per_s(gpu, run.runtime, run.precision.weights), split),
        plan.lengths,
        users,
        split.replicas,
    )


def best_value(plan: RunPlan, *, even: bool = False) -> float:
    """Return the value of a run that no engine on its cards can beat, in the run's own unit."""
    return best_of(replace(case_of(plan), even=even), plan.run.regime, plan.run.metric)
