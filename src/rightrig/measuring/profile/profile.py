"""A profile of a file: its step, beside the model's where a model is named, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.measuring.profile.account import Asked, account_of_totals, account_of_trace
from rightrig.measuring.profile.bounded import refused
from rightrig.measuring.profile.comparing import compared
from rightrig.measuring.profile.reading import read_profile
from rightrig.measuring.profile.steps import Batch
from rightrig.measuring.profile.trace import Counters, Totals
from rightrig.measuring.profile.verdict import verdict_of, verdict_of_counters
from rightrig.work.operators import Step

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.measuring.profile.account import Account
    from rightrig.measuring.profile.comparing import Compared
    from rightrig.measuring.profile.verdict import Verdict
    from rightrig.prediction.step_time import StepTimer

_USUAL_CONTEXT_TOKENS: Final = 1000
"""The context of a sequence where neither file nor user says one."""
_UNUSED: Final = "A table of counters holds no step: the model was not asked."


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a file.

    Attributes:
        path: The file.
        timer: The model on its rig; ``None`` to do without.
        batch, prompt_tokens: Of the steps of interest; ``None`` for what the file says.
        context_tokens: Mean context of the sequences; ``None`` for what the file says.
        steps_count: How many steps the file holds, should it not tell.
    """

    path: Path
    timer: StepTimer | None = None
    batch: int | None = None
    prompt_tokens: int | None = None
    context_tokens: int | None = None
    steps_count: int | None = None

    @property
    def wanted(self) -> Batch | None:
        """The batch that was asked for."""
        if self.batch is None and self.prompt_tokens is None:
            return None
        return Batch(self.batch or 0, self.prompt_tokens or 0)


@dataclass(frozen=True, slots=True)
class Profile:
    """What a file says, and what follows.

    Attributes:
        account: The step; ``None`` for a table of counters.
        counters: That table.
        step: What the model was asked about.
        beside: The step beside the model's.
        assumed: What nobody said, in sentences.
    """

    path: Path
    verdict: Verdict
    account: Account | None = None
    counters: Counters | None = None
    step: Step | None = None
    beside: Compared | None = None
    assumed: tuple[str, ...] = ()


def profile_of(question: Question) -> Profile:
    """Return what a file says, and what follows.

    Raises:
        InputError: when the file is not understood, holds no such step, or does not say what a
            model has to know.
    """
    read, timer = read_profile(question.path), question.timer
    if isinstance(read, Counters):
        ignored = () if timer is None else (_UNUSED,)
        verdict = verdict_of_counters(read)
        return Profile(question.path, verdict, counters=read, assumed=ignored)
    asked = Asked(
        _mixing_layers_count(timer) if timer else None, question.wanted, question.steps_count
    )
    if isinstance(read, Totals):
        account = account_of_totals(read, asked)
    else:
        account = account_of_trace(read, asked)
    if not account.step_s > 0.0:
        raise refused(question.path, "its kernels take no time")
    if timer is None:
        return Profile(question.path, verdict_of(account, None), account)
    step, assumed = _step_of(question, account)
    beside = compared(account, timer, step)
    verdict = verdict_of(account, beside)
    return Profile(question.path, verdict, account, None, step, beside, assumed)


def _mixing_layers_count(timer: StepTimer) -> int:
    """Return the layers of one stage that mix tokens."""
    layers = sum(
        count
        for block, count in timer.llm.block_counts
        if block.attention is not None or block.recurrent is not None
    )
    return max(round(layers / float(timer.shard.stages)), 1)


def _step_of(question: Question, account: Account) -> tuple[Step, tuple[str, ...]]:
    """Return the step that the model is asked about, and what had to be assumed."""
    batch = account.batch or question.wanted
    if batch is None:
        raise InputError(
            f"{question.path.name} does not say what its steps work on; add --batch SEQUENCES or "
            "--prompt-tokens TOKENS, and --context"
        )
    context = question.context_tokens or batch.context_tokens
    assumed = []
    if account.how == "none":
        assumed.append(
            "No step was found: all of the file is told as one; --steps N says how many it holds."
        )
    if context is None and batch.decode_seqs:
        assumed.append(
            f"The file does not say how long the sequences are: {_USUAL_CONTEXT_TOKENS:,} tokens "
            "are assumed; --context says another length."
        )
    seqs, prompt = float(batch.decode_seqs), float(batch.prompt_tokens)
    step = Step(
        decode_seqs=seqs,
        context_tokens=float(context or _USUAL_CONTEXT_TOKENS),
        prefill_tokens=prompt,
        prefill_context_tokens=prompt / 2.0,
        head_rows_count=seqs + (1.0 if prompt else 0.0),
    )
    return step, tuple(assumed)
