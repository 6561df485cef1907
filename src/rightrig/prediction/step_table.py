"""Step times as arrays: what a simulation looks up instead of asking the operators.

A table is piecewise linear: over every number of decoding sequences and knots of their mean
context, over knots of prompt tokens, and over knots of the context that those attend to. A table
measured on a machine stands in for one of the model (:func:`affine_table`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.work.operators import Step
from rightrig.work.step import host_launches_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.prediction.regimes import Lengths
    from rightrig.prediction.step_time import StepTimer
    from rightrig.work.operators import Floats

_KNOTS_AN_OCTAVE: Final = 4
_FIRST_KNOT_TOKENS: Final = 128


@dataclass(frozen=True, slots=True, eq=False)
class StepTable:
    """Times of steps of one engine, in seconds.

    Attributes:
        knots_tokens: Mean contexts, rising, from 0.
        decode_s: Steps that only decode: sequences (0 …) × contexts, host and all.
        device_s: The same on the device alone, for steps that read prompts too.
        prompts_tokens: Prompt tokens of a step, rising, from 0.
        groups_seqs: Decoding sequences beside prompts, rising, from 0.
        rows_s: What prompt tokens add, but for attention: groups × prompts.
        prefill_s: Their attention: prompts × contexts attended to (on average).
        step_s: The host's fixed time of a step; ``eager_s`` to launch one with prompts kernel
            by kernel; ``sequence_s`` for each sequence.
        overlapped: Whether the host works for sequences while the device computes.
        lanes: Micro-batches that share a step's sequences and prompts (stages × groups).
        stages: Of these, those that follow each other through a pipeline.
    """

    knots_tokens: NDArray[np.float64]
    decode_s: NDArray[np.float64]
    device_s: NDArray[np.float64]
    prompts_tokens: NDArray[np.float64]
    groups_seqs: NDArray[np.float64]
    rows_s: NDArray[np.float64]
    prefill_s: NDArray[np.float64]
    step_s: float = 0.0
    eager_s: float = 0.0
    sequence_s: float = 0.0
    overlapped: bool = False
    lanes: int = 1
    stages: int = 1

    def scaled(self, ratio: float) -> StepTable:
        """Return the table of an engine whose steps all take longer (or less) by one factor."""
        return replace(
            self,
            decode_s=ratio * self.decode_s,
            device_s=ratio * self.device_s,
            rows_s=ratio * self.rows_s,
            prefill_s=ratio * self.prefill_s,
            step_s=ratio * self.step_s,
            eager_s=ratio * self.eager_s,
            sequence_s=ratio * self.sequence_s,
        )


@dataclass(frozen=True, slots=True)
class Coefficients:
    """An affine step: ``fixed + seq·R + context·(sum of contexts) + prompt·P + pair·P·attended``.

    ``prefill_pair`` is twice the coefficient of P² for a prompt read whole, for its tokens attend
    to half of it on average.
    """

    fixed_s: float
    per_seq_s: float = 0.0
    per_context_token_s: float = 0.0
    per_prefill_token_s: float = 0.0
    per_prefill_pair_s: float = 0.0


def affine_table(
    cost: Coefficients, max_seqs: int, max_prompt_tokens: int, max_context_tokens: int
) -> StepTable:
    """Return the table of an affine step, exact at every point."""
    seqs = np.arange(max_seqs + 1.0)
    knots = np.array([0.0, float(max_context_tokens)])
    prompts = np.array([0.0, float(max_prompt_tokens)])
    decode_s = (
        cost.fixed_s
        + cost.per_seq_s * seqs[:, None]
        + cost.per_context_token_s * seqs[:, None] * knots[None, :]
    )
    device_s = decode_s - cost.fixed_s
    return StepTable(
        knots_tokens=knots,
        decode_s=decode_s,
        device_s=device_s,
        prompts_tokens=prompts,
        groups_seqs=np.array([0.0, float(max(max_seqs, 1))]),
        rows_s=np.tile(cost.per_prefill_token_s * prompts, (2, 1)),
        prefill_s=cost.per_prefill_pair_s * prompts[:, None] * knots[None, :],
        step_s=cost.fixed_s,
    )


def step_table(
    timer: StepTimer, lengths: Lengths, max_seqs: int, max_context_tokens: float
) -> StepTable:
    """Return the table of a step timer.

    Args:
        timer: Of one engine.
        lengths: What a decoding sequence puts into a step (``tokens_per_step_count``).
        max_seqs: Most sequences at once.
        max_context_tokens: Longest context that occurs.
    """
    pace = timer.pace
    lanes = float(pace.in_flight_count) * float(pace.groups_count)
    knots = _knots(_FIRST_KNOT_TOKENS, max_context_tokens)
    prompts = _knots(1.0, float(pace.step_tokens))
    groups = _knots(1.0, float(max(max_seqs, 2)))
    seqs = np.arange(max_seqs + 1.0)[:, None]
    plain = _decoding(seqs, lanes, np.maximum(knots, 1.0), lengths)
    decode_s = timer.step_s(plain)
    device_s = np.where(seqs > 0.0, _device_s(timer, plain), 0.0)
    return StepTable(
        knots_tokens=knots,
        decode_s=np.broadcast_to(decode_s, (max_seqs + 1, len(knots))).copy(),
        device_s=np.broadcast_to(device_s, (max_seqs + 1, len(knots))).copy(),
        prompts_tokens=prompts,
        groups_seqs=groups,
        rows_s=_rows_s(timer, groups, prompts, lengths),
        prefill_s=_prefill_s(timer, prompts, knots),
        step_s=float(timer.speeds.step_s),
        eager_s=float(host_launches_count(timer.llm) * timer.speeds.eager_s),
        sequence_s=float(timer.speeds.sequence_s) / lanes,
        overlapped=timer.speeds.overlapped,
        lanes=round(lanes),
        stages=round(float(pace.in_flight_count)),
    )


def _knots(first_count: float, last_count: float) -> NDArray[np.float64]:
    """Return 0, a first value, and a few an octave to a last one."""
    octaves = max(np.log2(last_count / first_count), 0.0)
    count = int(np.ceil(octaves * _KNOTS_AN_OCTAVE)) + 1
    rising = np.unique(np.round(np.geomspace(first_count, max(last_count, first_count), count)))
    return np.concatenate(([0.0], rising, [rising[-1] + 1.0] if len(rising) == 1 else []))


def _decoding(seqs: Floats, lanes_count: float, context_tokens: Floats, lengths: Lengths) -> Step:
    """Return the step of one lane that decodes."""
    each = np.where(np.asarray(seqs) > 0.0, np.maximum(seqs / lanes_count, 1.0), 0.0)
    tokens = lengths.tokens_per_step_count
    return Step(each, context_tokens, 0.0, 0.0, each * tokens, tokens)


def _device_s(timer: StepTimer, step: Step) -> Floats:
    """Return the device's time of a step, with the passes that draft tokens for it."""
    own_s = sum(timer.operator_s(operator) for operator in timer.operators(step))
    return own_s if timer.draft is None else own_s + timer.draft.passes_s(step)


def _rows_s(
    timer: StepTimer,
    groups_seqs: NDArray[np.float64],
    prompts_tokens: NDArray[np.float64],
    lengths: Lengths,
) -> NDArray[np.float64]:
    """Return what prompt tokens add to a step that decodes, attention aside."""
    lanes = float(timer.pace.in_flight_count) * float(timer.pace.groups_count)
    seqs, prompts = groups_seqs[:, None], prompts_tokens[None, :]
    plain = _decoding(seqs, lanes, 1.0, lengths)
    read = replace(plain, prefill_tokens=prompts, head_rows_count=plain.decode_rows_count + 1.0)
    before_s = np.where(seqs > 0.0, _device_s(timer, plain), 0.0)
    return np.where(prompts > 0.0, np.maximum(_device_s(timer, read) - before_s, 0.0), 0.0)


def _prefill_s(
    timer: StepTimer, prompts_tokens: NDArray[np.float64], knots_tokens: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the attention of prompt tokens to what they attend to."""
    prompts, attended = prompts_tokens[:, None], knots_tokens[None, :]
    step = Step(0.0, 1.0, prompts, attended, 1.0)
    alone = replace(step, prefill_context_tokens=0.0)
    return np.where(prompts > 0.0, _device_s(timer, step) - _device_s(timer, alone), 0.0)
