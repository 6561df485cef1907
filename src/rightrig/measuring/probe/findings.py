"""What a probe finds: rules over a probed machine, each with its weight and its remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Literal, Protocol

from rightrig.deployment.rule import Rule
from rightrig.measuring.probe import (
    findings_cards,
    findings_host,
    findings_links,
    findings_software,
)
from rightrig.measuring.probe.probed import Probed

if TYPE_CHECKING:
    from collections.abc import Iterable

Severity = Literal["fault", "warning", "note"]


class FindingRule(Rule[Probed], Protocol):
    """A rule that a machine keeps or breaks.

    Attributes:
        severity: ``fault``: something is broken; ``warning``: it costs speed or memory;
            ``note``: good to know.
        remedy: What to do about it.
    """

    severity: ClassVar[Severity]
    remedy: ClassVar[str]


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a machine breaks: one sentence with its numbers, and what to do."""

    rule_id: str
    severity: Severity
    sentence: str
    remedy: str


RULES: Final[tuple[FindingRule, ...]] = (
    *findings_cards.RULES,
    *findings_links.RULES,
    *findings_software.RULES,
    *findings_host.RULES,
)
"""Every rule."""
_ORDER: Final[tuple[Severity, ...]] = ("fault", "warning", "note")


def findings(probed: Probed, rules: Iterable[FindingRule] = RULES) -> tuple[Finding, ...]:
    """Return what is to be said of a machine, the gravest first."""
    found = [
        Finding(rule.id, rule.severity, sentence, rule.remedy)
        for rule in rules
        if (sentence := rule.check(probed)) is not None
    ]
    return tuple(sorted(found, key=lambda one: _ORDER.index(one.severity)))
