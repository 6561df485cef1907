"""Whether a rig is ready for production: rules over what its records say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from rightrig.deployment.rule import violations

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.deployment.rule import Rule, Violation

_LEAST_MACHINES: Final = 2


@dataclass(frozen=True, slots=True)
class Ready:
    """Whether a rig is ready for production, and what speaks against it.

    Attributes:
        word: ``ready``, ``with limits`` or ``not as it is``.
    """

    word: Literal["ready", "with limits", "not as it is"]
    reasons: tuple[Violation, ...]


class CorrectsErrors:
    """Every card corrects errors of its memory, or can."""

    id: ClassVar[str] = "READY-ECC"

    def check(self, subject: Rig) -> str | None:
        """Return the cards that cannot."""
        bare = sorted({g.gpu.slug for g in subject.groups if g.gpu.ecc == "none"})
        if not bare:
            return None
        return (
            f"{', '.join(bare)} has no ECC: errors of memory are silent ('rightrig risk bits' says "
            "how many)."
        )


class MadeForServers:
    """Every card is made and licensed for servers."""

    id: ClassVar[str] = "READY-TIER"

    def check(self, subject: Rig) -> str | None:
        """Return the consumer cards."""
        found = {g.gpu.slug for g in subject.groups if g.gpu.tier in {"consumer", "embedded"}}
        if not found:
            return None
        licence = any("GeForce" in group.gpu.name for group in subject.groups)
        more = "; the licence of the GeForce driver excludes data centres" if licence else ""
        return (
            f"{', '.join(sorted(found))} is no server part{more}. Warranty is no part of a card's "
            "record: ask the seller whether it holds for service around the clock."
        )


class EccIsOn:
    """Every card has its ECC on as it comes."""

    id: ClassVar[str] = "READY-ECCON"

    def check(self, subject: Rig) -> str | None:
        """Return the cards whose ECC has to be turned on."""
        found = sorted({g.gpu.slug for g in subject.groups if g.gpu.ecc == "optional-off"})
        if not found:
            return None
        return f"{', '.join(found)} comes with ECC off: nvidia-smi -e 1, at some cost in speed."


class SurvivesMachine:
    """The rig survives the loss of a machine."""

    id: ClassVar[str] = "READY-MACHINE"

    def check(self, subject: Rig) -> str | None:
        """Return that there is one machine only."""
        if subject.nodes_count >= _LEAST_MACHINES:
            return None
        return (
            "One machine: a failure of its host, power or network ends the service ('rightrig risk "
            "serve' says how many spare replicas a target takes)."
        )


class EqualCards:
    """All cards are of one kind, so that any can stand in for any."""

    id: ClassVar[str] = "READY-EQUAL"

    def check(self, subject: Rig) -> str | None:
        """Return the kinds of a mixed rig."""
        if subject.is_uniform:
            return None
        kinds = ", ".join(sorted({group.gpu.slug for group in subject.groups}))
        return f"Cards of several kinds ({kinds}): each kind needs spares of its own."


READY_RULES: Final[tuple[Rule[Rig], ...]] = (
    CorrectsErrors(), MadeForServers(), EccIsOn(), SurvivesMachine(), EqualCards(),
)  # fmt: skip
"""What holds for a rig that serves customers; each broken rule is a reason against it."""
_BLOCKING: Final = frozenset({CorrectsErrors.id, MadeForServers.id})


def ready(rig: Rig) -> Ready:
    """Return whether a rig is ready for production, from the attributes of its cards."""
    broken = violations(READY_RULES, rig)
    blocked = {one.rule_id for one in broken} >= _BLOCKING
    word: Literal["ready", "with limits", "not as it is"] = (
        "not as it is" if blocked else "with limits" if broken else "ready"
    )
    return Ready(word, broken)
