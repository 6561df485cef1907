"""What a rig is best and bad at, and who should avoid it: rules over computed figures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Final

from rightrig.deployment.rule import violations
from rightrig.planning.combos.rivals import Rank
from rightrig.planning.combos.speed import STREAM_TOKENS_PER_S, STREAMS_COUNT
from rightrig.quantities import GB, GIB, show_number, show_seconds, show_usd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rightrig.deployment.rule import Rule, Violation
    from rightrig.planning.combos.combo import Combo
    from rightrig.planning.combos.rivals import Rival

LEAST_USE_RATIO: Final = 0.1
"""Below it one user leaves a rig idle for the rest."""
TRAINING_BYTES_PER_WEIGHT: Final = 16.0
"""Weights and gradients in 16 bits, and Adam's two moments and a copy of the weights in 32
(ZeRO, arXiv:1910.02054, section 3.1)."""
_TRAINED_PARAMS_COUNT: Final = 70.55e9
_COST_RATIO: Final = 2.0


def ranks(own: Rival, found: Sequence[Rival]) -> tuple[Rank, ...]:
    """Return where a rig stands among its peers; quantities that it lacks are left out."""

    def per_usd(one: Rival) -> float:
        return one.tokens_per_usd or 0.0

    def minus_rent_usd(one: Rival) -> float:
        return -(one.rent_usd_per_month or math.inf)

    quantities: tuple[tuple[str, Callable[[Rival], float], Callable[[Rival], str]], ...] = (
        (
            "output tokens a dollar of rent, at full load",
            per_usd,
            lambda one: f"{show_number(per_usd(one))} tokens/$",
        ),
        (
            "output tokens/s at full load",
            lambda one: one.tokens_per_s,
            lambda one: f"{show_number(one.tokens_per_s)} tokens/s",
        ),
        (
            "time per token of one user alone",
            lambda one: 1.0 / one.tpot_s,
            lambda one: show_seconds(one.tpot_s),
        ),
        (
            "effective memory",
            lambda one: one.effective_bytes,
            lambda one: f"{one.effective_bytes / GIB:,.0f} GiB",
        ),
        ("rent a month", minus_rent_usd, lambda one: show_usd(-minus_rent_usd(one))),
    )
    found_ranks = (_rank(name, value, text, own, found) for name, value, text in quantities)
    return tuple(rank for rank in found_ranks if rank is not None)


def _rank(
    name: str,
    value: Callable[[Rival], float],
    text: Callable[[Rival], str],
    own: Rival,
    found: Sequence[Rival],
) -> Rank | None:
    """Return the place of a rig in one quantity, more being better; ``None`` where it has none."""
    known = sorted((one for one in found if _is_known(value(one))), key=value, reverse=True)
    if not _is_known(value(own)):
        return None
    place = 1 + sum(value(one) > value(own) for one in known)
    return Rank(name, place, len(known), text(own), known[0].rig.text, text(known[0]))


def _is_known(value_ratio: float) -> bool:
    """Whether a rig has a quantity."""
    return math.isfinite(value_ratio) and value_ratio != 0.0


def best_at(combo: Combo) -> tuple[str, ...]:
    """Return what a rig is best at, each with its number."""
    found = [_rank_text(rank) for rank in combo.ranks if rank.is_high]
    name = combo.own.speeds.llm.name
    found += [
        f"{STREAMS_COUNT} and more streams of {name} at {STREAM_TOKENS_PER_S:.0f} tokens/s each: "
        f"{one.quick_count} at a context of {one.context_tokens:,}."
        for one in combo.streams
        if one.quick_count >= STREAMS_COUNT
    ]
    found += [
        f"{c.of.name}: all {c.models_count} models of the catalogue fit."
        for c in combo.coverage
        if c.word == "all"
    ]
    return tuple(found)


def bad_at(combo: Combo) -> tuple[str, ...]:
    """Return what a rig is bad at, each with its number."""
    if not combo.models:
        why = combo.own.speeds.splits[0].reason
        return (f"every model of the catalogue: none fits ({why}).",)
    found = [_rank_text(rank) for rank in combo.ranks if rank.is_low and not rank.is_high]
    name = combo.own.speeds.llm.name
    found += [
        f"{STREAMS_COUNT} streams of {name} at {STREAM_TOKENS_PER_S:.0f} tokens/s each and a "
        f"context of {one.context_tokens:,}: "
        + (
            f"they would get {one.tokens_per_s.mid:.0f} "
            f"({one.tokens_per_s.low:.0f} to {one.tokens_per_s.high:.0f}); "
            f"{one.quick_count} streams get {STREAM_TOKENS_PER_S:.0f}."
            if one.held_count >= STREAMS_COUNT
            else f"memory holds {one.held_count}, and {one.quick_count} of them get it."
        )
        for one in combo.streams
        if one.held_count < STREAMS_COUNT or one.tokens_per_s.high < STREAM_TOKENS_PER_S
    ]
    found += [
        f"{c.of.name}: none of {c.models_count} models of the catalogue fits."
        for c in combo.coverage
        if c.word == "none"
    ]
    return tuple(found)


def _rank_text(rank: Rank) -> str:
    """Return a rank as a sentence."""
    leads = "" if rank.place == 1 else f"; {rank.best} leads with {rank.best_text}"
    return f"{rank.name}: {rank.value_text}, place {rank.place} of {rank.of_count}{leads}."


class LoneUser:
    """One user keeps the rig at work."""

    id: ClassVar[str] = "AVOID-LONE"

    def check(self, subject: Combo) -> str | None:
        """Return the share that one user of a small model takes, where it is low."""
        small = subject.small
        share = small.speeds.lone_use_ratio
        if small.speeds.quickest is None or share >= LEAST_USE_RATIO:
            return None
        cheaper = subject.small_alternative
        remedy = ""
        if cheaper is not None and cheaper.purchase is not None:
            remedy = (
                f"; {cheaper.rig.text} at {show_usd(cheaper.purchase.rent_usd_per_month)} a month "
                f"gives that user {1.0 / cheaper.tpot_s:.0f} tokens/s"
            )
        alone = small.speeds.quickest.user_tokens_per_s
        return (
            f"One user of {small.speeds.llm.name}: {alone:.0f} tokens/s are {share:.1%} of the "
            f"{show_number(small.tokens_per_s)} that the rig gives to many{remedy}."
        )


class CheaperPeer:
    """No rig of as many cards gives twice the tokens for a dollar."""

    id: ClassVar[str] = "AVOID-COST"

    def check(self, subject: Combo) -> str | None:
        """Return the rig that does, where one does."""
        own = subject.own.tokens_per_usd
        if not own:
            return None
        best = max(subject.peers, key=lambda one: one.tokens_per_usd or 0.0)
        ratio = (best.tokens_per_usd or 0.0) / own
        if ratio < _COST_RATIO:
            return None
        return (
            f"Who pays by the token for {subject.own.speeds.llm.name}: {best.rig.text} gives "
            f"{ratio:.1f} times the tokens for a dollar, {best.tokens_per_s:,.0f} tokens/s in all."
        )


class LongContext:
    """The rig holds a million tokens of a dense 70B model."""

    id: ClassVar[str] = "AVOID-LONG"

    def check(self, subject: Combo) -> str | None:
        """Return what a million tokens take, where the rig does not hold them."""
        one = subject.long
        if one.held_count is None or one.held_count > 0:
            return None
        return (
            f"Users of 1M tokens of a dense 70B model: the 16-bit cache of one sequence is "
            f"{one.sequence_bytes / GB:.1f} GB, beside the weights; the rig holds 0 sequences."
        )


class FullTraining:
    """The rig holds what training all weights of a 70B model takes."""

    id: ClassVar[str] = "AVOID-TRAIN"

    def check(self, subject: Combo) -> str | None:
        """Return the memory of the training states, where the rig has less."""
        needed = TRAINING_BYTES_PER_WEIGHT * _TRAINED_PARAMS_COUNT
        if needed <= subject.memory.visible_bytes:
            return None
        return (
            f"Who trains all weights of a 70B model with Adam: states of "
            f"{TRAINING_BYTES_PER_WEIGHT:.0f} bytes a weight are {needed / GIB:,.0f} GiB, and the "
            f"cards show {subject.memory.visible_bytes / GIB:,.0f} GiB."
        )


class UnequalCards:
    """All cards can work on one token together."""

    id: ClassVar[str] = "AVOID-MIX"

    def check(self, subject: Combo) -> str | None:
        """Return what equal shares leave unused, where cards differ."""
        if subject.rig.is_uniform:
            return None
        memory = subject.memory
        return (
            f"Who wants tensor parallelism: equal shares use {memory.equal_shares_bytes / GIB:.1f} "
            f"of {memory.effective_bytes / GIB:.1f} GiB; by layers each {memory.slowest.gpu} takes "
            f"{memory.slowest.sweep_ratio:.0%} of the time of a step."
        )


class SlowLink:
    """A user alone is served quickest by tensor parallelism over all cards."""

    id: ClassVar[str] = "AVOID-LINK"

    def check(self, subject: Combo) -> str | None:
        """Return the quicker split, where a narrower one is quicker."""
        speeds, cards = subject.own.speeds, subject.rig.cards_count
        whole = next((s for s in speeds.running if s.split.tp == cards), None)
        best = speeds.quickest
        if whole is None or best is None or best.split.tp == cards or whole.tpot_s is None:
            return None
        return (
            f"Who wants one answer quickly over {subject.topology.slowest.kind}: "
            f"{whole.split.text} takes {show_seconds(whole.tpot_s.mid)} a token and "
            f"{best.split.text} {show_seconds(subject.own.tpot_s)}."
        )


AVOID_RULES: Final[tuple[Rule[Combo], ...]] = (
    LoneUser(), CheaperPeer(), LongContext(), FullTraining(), UnequalCards(), SlowLink(),
)  # fmt: skip
"""Who should avoid a rig: each rule holds where nobody of its kind has to."""


def avoid(combo: Combo) -> tuple[Violation, ...]:
    """Return who should avoid a rig, and the figures that say so."""
    return violations(AVOID_RULES, combo)
