"""What engines do with a load: which steps make the first token and the next ones.

Every kind of run is a sum of weighted steps: ``first_s`` (to a first token) and ``next_s`` (from
token to token). Steps differ from each other: those that only decode, and those with prompts in
them. The steps depend on lengths, batches and limits, never on speeds, so that a prediction and
the calibration of all measured runs share them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rightrig.work.operators import Step

if TYPE_CHECKING:
    from rightrig.work.operators import Floats


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of prompts and answers.

    Attributes:
        cached_tokens: Of each prompt, what a prefix cache already holds.
        tokens_per_step_count: Tokens that a decoding sequence puts into a step: 1, or with
            speculative decoding the drafted ones and one more.
        accepted_count: Tokens that it gets out of a step.
        patches_count: Patches of the pictures of a prompt, which an encoder reads; their tokens
            are among those of the prompt.
    """

    input_tokens: float
    output_tokens: float
    cached_tokens: float = 0.0
    tokens_per_step_count: float = 1.0
    accepted_count: float = 1.0
    patches_count: float = 0.0

    @property
    def mean_context_tokens(self) -> float:
        """Mean context of a running sequence: the prompt and half the answer."""
        return self.input_tokens + self.output_tokens / 2.0

    @property
    def read_tokens(self) -> float:
        """Tokens of a prompt that are read: those that no cache holds, at least one."""
        return max(self.input_tokens - self.cached_tokens, 1.0)

    @property
    def read_context_tokens(self) -> float:
        """Mean tokens that one of them attends to."""
        return self.input_tokens - self.read_tokens / 2.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How an engine takes in prompts.

    Attributes:
        step_tokens: Most tokens in one step.
        mixes_prompts: Whether prompts share steps with sequences that decode.
        in_flight_count: Micro-batches that pipeline stages work on at once.
        groups_count: Groups of ranks with sequences of their own (attention-DP).
        overlap_count: Stages that work at once on chunks of one prompt.
    """

    step_tokens: Floats
    mixes_prompts: bool
    in_flight_count: Floats = 1.0
    groups_count: Floats = 1.0
    overlap_count: Floats = 1.0


@dataclass(frozen=True, slots=True)
class Moment:
    """A step that occurs ``weight_ratio`` times on average."""

    weight_ratio: Floats
    step: Step


def decode_step(pace: Pace, running_seqs: Floats, lengths: Lengths) -> Step:
    """Return a step that only decodes: at least one sequence, or no token would come."""
    batch = np.maximum(running_seqs / (pace.in_flight_count * pace.groups_count), 1.0)
    tokens = lengths.tokens_per_step_count
    return Step(batch, lengths.mean_context_tokens, 0.0, 0.0, batch * tokens, tokens)


def prompt_step(pace: Pace, decode_seqs: Floats, prompt_tokens: Floats, lengths: Lengths) -> Step:
    """Return a step that reads prompts, with decoding sequences where the engine mixes them."""
    with_seqs = decode_seqs if pace.mixes_prompts else 0.0 * decode_seqs
    tokens = lengths.tokens_per_step_count
    return Step(
        with_seqs,
        lengths.mean_context_tokens,
        prompt_tokens,
        lengths.read_context_tokens,
        with_seqs * tokens + np.maximum(prompt_tokens / lengths.read_tokens, 1.0),
        tokens,
        prompt_tokens / lengths.read_tokens * lengths.patches_count,
    )


def next_moments(
    pace: Pace,
    running_seqs: Floats,
    others_seqs: Floats,
    lengths: Lengths,
    *,
    come_singly: bool = False,
) -> tuple[Moment, ...]:
    """Return the steps from one token of a sequence to its next.

    While ``others_seqs`` sequences are replaced by new ones, each step has
    ``others · ISL / OSL`` prompt tokens to read on average. They come whole (or by the budget of
    a step), so that a share of the steps has them and the others have none. Where prompts always
    wait, the micro-batches of a pipeline share them evenly; where they ``come_singly``, those
    without one wait for those that have one (``delayed_ratio``).
    """
    plain = decode_step(pace, running_seqs, lengths)
    batches = pace.in_flight_count * pace.groups_count
    wanted = (
        others_seqs
        / batches
        * (lengths.read_tokens * lengths.accepted_count / lengths.output_tokens)
    )
    room = np.maximum(pace.step_tokens - plain.decode_rows_count, 1.0)
    chunk = np.clip(wanted, np.minimum(lengths.read_tokens, room), room)
    share = wanted / chunk
    read = prompt_step(pace, plain.decode_seqs, chunk, lengths)
    if not pace.mixes_prompts:
        if come_singly:
            # Steps with prompts stand alone: micro-batches and groups wait for each other's.
            others = (pace.in_flight_count - 1.0) / pace.in_flight_count
            share = share * (1.0 + others) * pace.groups_count
        return (Moment(1.0, plain), Moment(share, read))
    share = np.minimum(share, 1.0)
    if come_singly:
        # Groups of ranks that share experts start their steps together: a prompt in one of them
        # holds up all.
        share = 1.0 - np.power(1.0 - share, pace.groups_count)
        share = delayed_ratio(share, pace.in_flight_count)
    return (Moment(1.0 - share, plain), Moment(share, read))


def delayed_ratio(share_ratio: Floats, in_flight_count: Floats) -> Floats:
    """Return the share of a prompt's extra time that the mean token waits for in a pipeline.

    Micro-batches follow each other through the stages: one without a prompt waits ``k/n`` of the
    extra time of the ``k`` others of ``n`` that have one, so that of prompts in a share ``s`` of
    the micro-batches the mean token waits for ``s + (1 − s)·s·(n − 1)/n``.

    Source: derived here, a count over the micro-batches in flight. Validity: prompts spread evenly
    over them.

    >>> float(delayed_ratio(0.5, 1.0)), float(delayed_ratio(0.5, 2.0))
    (0.5, 0.625)
    """
    others = (in_flight_count - 1.0) / in_flight_count
    return share_ratio + (1.0 - share_ratio) * share_ratio * others


def own_moments(pace: Pace, running_seqs: Floats, lengths: Lengths) -> tuple[Moment, ...]:
    """Return the steps that read one prompt while ``running_seqs`` sequences decode.

    Chunks of a long prompt follow each other through the stages of a pipeline.
    """
    plain = decode_step(pace, running_seqs, lengths)
    chunk = np.minimum(lengths.read_tokens, pace.step_tokens)
    chunks = np.maximum(lengths.read_tokens / chunk, 1.0)
    passes = 1.0 + (chunks - 1.0) / pace.overlap_count
    return (Moment(passes, prompt_step(pace, plain.decode_seqs, chunk, lengths)),)


def burst_moments(pace: Pace, users_seqs: Floats, lengths: Lengths) -> tuple[Moment, ...]:
    """Return the steps that read the prompts of all users, as full as steps can be."""
    tokens = users_seqs / pace.groups_count * lengths.read_tokens
    chunk = np.minimum(tokens, np.maximum(pace.step_tokens, 1.0))
    passes = 1.0 + (tokens / chunk - 1.0) / pace.overlap_count
    return (Moment(passes, prompt_step(pace, 0.0 * tokens, chunk, lengths)),)


def prompt_bound_seqs(pace: Pace, lengths: Lengths) -> Floats:
    """Return the sequences that steps can keep running, however many wait.

    A step of ``n`` tokens decodes ``b`` and prefills ``n − b`` of them, which replace
    ``(n − b)/ISL`` sequences while ``b/OSL`` finish: ``b = n·OSL/(ISL + OSL)`` a micro-batch.
    At least one: while several steps read a long prompt before a short answer, fewer decode on
    average, but one user is always served. Engines that read prompts in steps of their own have
    no such bound.

    Source: derived here, the balance of tokens in a step; chunked prompts as in Sarathi, Agrawal et
    al. 2024, arXiv:2403.02310. Validity: a steady state of lengths' means.
    """
    if not pace.mixes_prompts:
        return np.inf
    output = lengths.output_tokens / lengths.accepted_count
    tokens = lengths.read_tokens + output * lengths.tokens_per_step_count
    bound = pace.in_flight_count * pace.groups_count * pace.step_tokens * output / tokens
    return np.maximum(bound, 1.0)
