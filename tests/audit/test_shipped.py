"""The 348 shipped claims: all there, computed, judged as they were read by hand or explained."""

from __future__ import annotations

import csv
import datetime
import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from rightrig.audit.auditing import audit, counted
from rightrig.audit.figure import SHIPPED, read_figures
from rightrig.audit.functions.rules import RULES
from rightrig.facts.catalog import Catalog, Layer, shipped

if TYPE_CHECKING:
    from rightrig.audit.auditing import Audited
    from rightrig.audit.figure import Figure
    from rightrig.facts.source import Record

TODAY: Final = datetime.date(2026, 11, 22)
ROOT: Final = Path(__file__).resolve().parents[2]
DIFFERENCES: Final = ROOT / "docs" / "published_differences.csv"
CLAIMS: Final = (
    Path(os.environ.get("RIGHTRIG_SHARED") or ROOT.parent / "shared") / "design" / "claims.csv"
)
H100_BANDWIDTH: Final = "gpus/h100-sxm#memory_bandwidth_bytes_per_s"

CHANGED_BY_BANDWIDTH: Final = {
    "C007", "C010", "C020", "C032", "C064", "C065", "C068", "C071", "C074", "C077", "C079",
    "C082", "C096", "C114", "C118", "C124", "C133", "C135", "C138", "C141", "C142", "C167", "C168",
    "C287", "C291", "C326", "C337",
}  # fmt: skip
"""Its bandwidth, ratios with it, rooflines of it, and speeds predicted for it."""


@functools.cache
def figures() -> tuple[Figure, ...]:
    return read_figures(SHIPPED)


@functools.cache
def audits() -> tuple[Audited, ...]:
    return audit(figures(), shipped(), today=TODAY)


def by_hand() -> dict[str, str]:
    """Return the verdict of each claim as it was first read."""
    if not CLAIMS.exists():
        pytest.skip(f"the claims as first read are not at {CLAIMS}; set RIGHTRIG_SHARED")
    with CLAIMS.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row["verdict"] for row in csv.DictReader(file)}


def explained() -> dict[str, tuple[str, str]]:
    with DIFFERENCES.open(encoding="utf-8", newline="") as file:
        return {row["id"]: (row["first"], row["why"]) for row in csv.DictReader(file)}


def outcome(a: Audited) -> object:
    return (a.found, a.judgement, a.broken)


def changed_with(kind: str, record: Record, slug: str) -> set[str]:
    """Return the claims that come out otherwise where one record is another."""
    catalog = Catalog(layers=[Layer(records={kind: {slug: record}})])
    now = audit(figures(), catalog, today=TODAY)
    return {
        a.figure.id
        for a, before in zip(now, audits(), strict=True)
        if outcome(a) != outcome(before)
    }


def resting_on(*names: str) -> set[str]:
    return {a.figure.id for a in audits() if set(names) & set(a.rests_on)}


def test_all_348_claims_are_shipped_in_their_order() -> None:
    assert [a.figure.id for a in audits()] == [f"C{n:03d}" for n in range(1, 349)]
    assert sum(counted(audits()).values()) == 348


def test_19_in_20_of_the_claims_with_a_verdict_have_an_expression_and_the_others_say_why() -> None:
    first = by_hand()
    judged = [a for a in audits() if first[a.figure.id] != "unverifiable"]
    computed = [a for a in judged if a.figure.expression is not None]
    assert len(judged) == 311
    assert len(computed) >= 0.95 * len(judged)
    assert all(a.figure.note for a in audits() if a.figure.expression is None)


def test_few_claims_are_arithmetic_of_the_text_alone() -> None:
    bare = [a for a in audits() if a.is_arithmetic]
    assert 0 < len(bare) <= 0.06 * len(audits())


def test_a_verdict_is_the_one_that_was_read_by_hand_or_the_difference_is_explained() -> None:
    first = by_hand()
    now = {a.figure.id: "wrong" if a.verdict == "impossible" else a.verdict for a in audits()}
    # Below a bound nothing is said; "impossible" is a kind of "wrong".
    differing = {name for name, verdict in now.items() if verdict != first[name]}
    told = {
        name
        for name, (was, _) in explained().items()
        if now[name] != first[name] and was == first[name]
    }
    assert differing == told
    assert len(differing) <= 0.2 * len(now)


def test_every_explained_difference_is_one_and_says_why() -> None:
    now = {a.figure.id: a.verdict for a in audits()}
    assert all(
        was not in (now[name], "wrong" if now[name] == "impossible" else "") and len(why) > 20
        for name, (was, why) in explained().items()
    )


def test_every_rule_for_published_figures_is_used() -> None:
    calls = {c.name for f in figures() if f.lint is not None for c in f.lint.calls}
    assert {rule.__name__ for rule in RULES} <= calls


def test_another_bandwidth_of_the_h100_changes_the_claims_that_rest_on_it_and_no_others() -> None:
    card = shipped().gpu("h100-sxm")
    other = card.model_copy(update={"memory_bandwidth_bytes_per_s": 3.9e12})
    changed = changed_with("gpus", other, "h100-sxm")
    assert changed == CHANGED_BY_BANDWIDTH
    assert changed <= resting_on(H100_BANDWIDTH, "gpus/h100-sxm")
    # Reads the field for a comparison that comes out the same.
    assert resting_on(H100_BANDWIDTH) - changed == {"C294"}


def test_another_tariff_changes_the_one_claim_that_rests_on_it() -> None:
    tariff = shipped().power_fact("electricity-us-industrial")
    other = tariff.model_copy(update={"low": 2 * tariff.low, "high": 2 * tariff.high})
    changed = changed_with("power", other, "electricity-us-industrial")
    assert changed == {"C333"}
    assert "power/electricity-us-industrial#low" in next(
        a.rests_on for a in audits() if a.figure.id == "C333"
    )


def test_another_record_that_no_claim_reads_changes_none() -> None:
    card = shipped().gpu("rx-7900-xtx")
    other = card.model_copy(update={"memory_bandwidth_bytes_per_s": 1e12})
    assert resting_on("gpus/rx-7900-xtx") == set()
    assert changed_with("gpus", other, "rx-7900-xtx") == set()
