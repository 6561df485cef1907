"""The Rule protocol: one constraint, one advice, one check of a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

S_contra = TypeVar("S_contra", contravariant=True)


class Rule(Protocol[S_contra]):
    """Something that holds or does not hold for a subject.

    A rule is a small class; its docstring is the sentence that users and documentation read.

    Attributes:
        id: A stable name, such as ``PAR-HEADS``.
    """

    id: ClassVar[str]

    def check(self, subject: S_contra) -> str | None:
        """Return why the subject breaks the rule (value, limit, remedy), or ``None``."""
        ...


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a subject breaks, and why."""

    rule_id: str
    reason: str


def violations(rules: Iterable[Rule[S_contra]], subject: S_contra) -> tuple[Violation, ...]:
    """Return every broken rule, in the order given."""
    found = ((rule.id, rule.check(subject)) for rule in rules)
    return tuple(Violation(rule_id, reason) for rule_id, reason in found if reason is not None)
