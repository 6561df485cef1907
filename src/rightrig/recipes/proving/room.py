"""Whether memory holds what a recipe promises, before anything is started."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import LAYERED
from rightrig.prediction.memory_fit import fit
from rightrig.quantities import show_gib, show_users
from rightrig.recipes.proving.proof import Proof

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.prediction.memory_fit import Fit
    from rightrig.recipes.serving import Serving

ID: Final = "PROVE-ROOM"


def room_proofs(serving: Serving) -> tuple[Proof, ...]:
    """Return whether one sequence of the longest length fits, and whether all promised ones do.

    An engine refuses to start where its cache holds no sequence of the longest length. Where it
    holds that one, but not as many of them as are promised, it starts, and makes sequences wait or
    compute again: that is a failure of the promise where the mean lengths do not fit either.
    """
    return tuple(_proofs(serving))


def _proofs(serving: Serving) -> Iterator[Proof]:
    """Yield the proofs; the second only where the first holds."""
    longest = serving.context_tokens
    one = fit(serving.deployment, longest, serving.deployment.parallelism.engine_seqs_groups)
    subject = f"1 × {longest:,} tokens"
    if one.verdict == "no":
        alone = one.max_context_tokens
        yield Proof(
            ID, "fail", subject,
            f"no engine would start: its cache holds {max(alone, 0):,} tokens",
            f"ask for --context {alone}" if alone > 0 else "ask rightrig fit what would help",
        )  # fmt: skip
        return
    yield Proof(ID, "pass", subject, f"one sequence may have {one.max_context_tokens:,} tokens")
    yield from _waiting(serving)
    subject = f"{serving.concurrency:,} × {longest:,} tokens"
    if serving.fit.verdict != "no":
        said = f"{_free(serving.fit)}; {show_users(serving.fit.max_concurrency)} would fit"
        yield Proof(ID, "pass", subject, said)
        return
    yield _at_mean_lengths(serving, subject)


def _waiting(serving: Serving) -> Iterator[Proof]:
    """Yield that more are promised at once than the engines take into a step, where it is so."""
    most = running_limit(serving)
    if most is None or serving.concurrency <= most:
        return
    deployment = serving.deployment
    needed = -(-serving.concurrency // deployment.parallelism.engine_seqs_groups)
    wider = replace(deployment, limits=replace(deployment.limits, max_seqs=needed))
    fits = fit(wider, _mean_tokens(serving), serving.concurrency).verdict != "no"
    yield Proof(
        ID, "fail", f"{serving.concurrency:,} at once",
        f"at most {most:,} run at once, with --max-seqs {deployment.limits.max_seqs}; others wait",
        (f"add --max-seqs {needed}, or " if fits else "") + f"promise --concurrency {most}",
    )  # fmt: skip


def _mean_tokens(serving: Serving) -> int:
    """Return the mean length of a prompt and its answer."""
    return min(serving.input_tokens + serving.output_tokens, serving.context_tokens)


def running_limit(serving: Serving) -> int | None:
    """Return how many sequences all engines run at once by their own limit, memory aside.

    ``None`` for engines that keep a slot for each promised sequence.
    """
    deployment = serving.deployment
    if deployment.runtime.slug in LAYERED:
        return None
    return deployment.limits.max_seqs * deployment.parallelism.engine_seqs_groups


def _at_mean_lengths(serving: Serving, subject: str) -> Proof:
    """Return whether all promised sequences fit at their mean length."""
    mean = _mean_tokens(serving)
    usual = fit(serving.deployment, mean, serving.concurrency)
    if usual.verdict == "no":
        return Proof(
            ID, "fail", subject,
            f"memory holds {serving.fit.max_concurrency:,} of them, and "
            f"{usual.max_concurrency:,} of {mean:,} tokens",
            f"promise fewer (--concurrency {max(usual.max_concurrency, 1)})",
        )  # fmt: skip
    return Proof(
        ID, "pass", subject,
        f"all fit at their mean of {mean:,} tokens; of full length "
        f"{serving.fit.max_concurrency:,} do, and others wait",
    )  # fmt: skip


def _free(room: Fit) -> str:
    """Return what is free on the tightest card, by the middle."""
    card = room.binding
    budget = show_gib(card.budget_bytes.mid)
    return f"{show_gib(card.free_bytes)} of card {card.card}'s {budget} stay free"
