"""The JSON of ``audit``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.audit.amounts import Amount, Readings
from rightrig.audit.auditing import counted
from rightrig.audit.naming import functions
from rightrig.audit.units import ATOMS
from rightrig.report.audit_texts import in_unit, reason_of, safe, value_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rightrig.audit.amounts import Found, Value
    from rightrig.audit.auditing import Audited
    from rightrig.audit.figure import Figure
    from rightrig.report.audit import Audit
    from rightrig.report.schema.auditing import (
        AuditFunctionsJson,
        AuditJson,
        BeforeJson,
        CheckedRuleJson,
        ClaimJson,
        ComputedBy,
        RecomputedJson,
    )

COMPUTED_BY: Final[tuple[ComputedBy, ...]] = ("facts and formulas", "arithmetic", "nothing")


def computed_by(audited: Audited) -> ComputedBy:
    """Return what a claim was computed by."""
    if audited.found is None:
        return "nothing"
    return "arithmetic" if audited.is_arithmetic else "facts and formulas"


def computed_counts(audits: Iterable[Audited]) -> dict[ComputedBy, int]:
    """Return how many claims were computed by what."""
    found = [computed_by(audited) for audited in audits]
    return {name: found.count(name) for name in COMPUTED_BY}


def audit_json(found: Audit) -> AuditJson:
    """Return the claims that are shown, and the counts of all."""
    return {
        "claims": [_claim_json(one, found.before) for one in found.shown],
        "claims_count": len(found.every),
        "verdicts": [
            {"verdict": verdict, "claims_count": count}
            for verdict, count in counted(found.every).items()
        ],
        "computed": [
            {"computed_by": name, "claims_count": count}
            for name, count in computed_counts(found.every).items()
        ],
        "set": [
            {"id": one.id, "claimed": one.claimed, "instead_of": one.instead_of}
            for one in found.changes
        ],
    }


def _claim_json(audited: Audited, before: Mapping[str, Audited]) -> ClaimJson:
    """Return one claim."""
    figure, judgement = audited.figure, audited.judgement
    return {
        "id": safe(figure.id),
        "source": safe(figure.source),
        "quote": safe(figure.quote),
        "quantity": safe(figure.quantity),
        "claimed": safe(figure.claimed),
        "unit": safe(figure.unit),
        "recomputed": _recomputed_json(figure, audited.found),
        "verdict": audited.verdict,
        "factor_ratio": judgement.factor_ratio,
        "reason": reason_of(audited),
        "depends_on": safe(judgement.depends_on),
        "rules": _rules_json(audited),
        "rests_on": list(audited.rests_on),
        "expression": None if figure.expression is None else safe(figure.expression.text),
        "computed_by": computed_by(audited),
        "before": _before_json(before.get(figure.id)),
    }


def _before_json(audited: Audited | None) -> BeforeJson | None:
    """Return what a claim came to before an input was changed."""
    if audited is None:
        return None
    recomputed = _recomputed_json(audited.figure, audited.found)
    return {"verdict": audited.verdict, "recomputed": recomputed}


def _recomputed_json(figure: Figure, found: Found | None) -> list[RecomputedJson]:
    """Return what a claim comes to: one for each figure, or for each reading."""
    if found is None:
        return []
    if isinstance(found, Readings):
        return [_value_json(figure, value, name) for name, value in found.by_name.items()]
    values = found if isinstance(found, tuple) else (found,)
    return [_value_json(figure, value) for value in values]


def _value_json(figure: Figure, value: Value, reading: str | None = None) -> RecomputedJson:
    """Return one value in the unit of the claim."""
    low, mid, high = in_unit(value, figure) if isinstance(value, Amount) else (None, None, None)
    limit = value.limit if isinstance(value, Amount) else ""
    return {
        "reading": None if reading is None else safe(reading),
        "value": mid,
        "low": low,
        "high": high,
        "limit": limit or None,
        "text": value_text(value, figure),
    }


def _rules_json(audited: Audited) -> list[CheckedRuleJson]:
    """Return the rules that were checked."""
    found: list[CheckedRuleJson] = []
    for rule in audited.checked:
        if not rule.broken:
            found.append({"name": rule.name, "id": None, "reason": None})
        found += [{"name": rule.name, "id": v.rule_id, "reason": v.reason} for v in rule.broken]
    return found


def functions_json() -> AuditFunctionsJson:
    """Return every function that an expression may call."""
    return {
        "functions": [
            {"name": f.name, "kind": f.kind, "usage": f.usage, "sentence": f.sentence}
            for f in functions().values()
        ],
        "units": list(ATOMS),
    }
