"""The item about links: measured, and not silently degraded."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rightrig.planning.combos.failure_modes import whole_cards_count
from rightrig.watching.checklist import names
from rightrig.watching.checklist.item import (
    MOST_AGE_DAYS,
    Outcome,
    Topic,
    failed,
    passed,
    unverified,
)
from rightrig.watching.checklist.items_machine import LINKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.watching.checklist.evidence import Evidence, Sample

LEAST_PEER_RATIO: Final = 0.7
"""Of what joins two cards: sound pairs reach 0.8 and more, and one lost link of a few is below."""
_GATES: Final = frozenset({"BENCH-H2D", "BENCH-D2H", "BENCH-LINK"})
_BENCH: Final = "rightrig bench --only transfer,peers,collectives"


class Interconnect:
    """Links among cards and to their host were measured within 30 days, and none is degraded."""

    id: ClassVar[str] = "CHECK-LINKS"
    topic: ClassVar[Topic] = "links"

    def check(self, evidence: Evidence) -> Outcome:
        """Return what is degraded, or what was measured."""
        bad = [*_found_by_probe(evidence), *_found_by_bench(evidence), *_seen_now(evidence)]
        if bad:
            remedy = "see the runbook: reseat the card, free the lanes, restart the fabric manager"
            return failed("; ".join(bad), remedy, "rightrig watch runbook link-degraded")
        bench, rig = evidence.links, evidence.deployment and evidence.deployment.rig
        if bench is None:
            why = evidence.store_trouble or "no kept bench of this machine measured a link"
            return unverified(why, "measure them", _BENCH)
        age = evidence.age_days(bench.day)
        told = f"{bench.links_count} figures of links in run {bench.run_id} of {bench.day}"
        if age > MOST_AGE_DAYS:
            return failed(f"{told}, {age} days old", "measure them again", _BENCH)
        if rig and whole_cards_count(rig) > rig.nodes_count and not bench.pairs_count:
            return unverified(f"{told}, none of them between two cards", "measure them", _BENCH)
        gates = [f for f in bench.verdict.findings if f.id in _GATES]
        shares = [f"{f.sentence.partition(',')[0]}" for f in gates]
        if bench.peers_ratio is not None:
            shares.append(f"the slowest pair of cards: {bench.peers_ratio:.0%}")
        if not shares:
            return unverified(f"{told}, and no datasheet to hold them against", "see the record")
        return passed(f"{told}: {'; '.join(shares)}")


def _found_by_probe(evidence: Evidence) -> Iterator[str]:
    """Yield what the probe found wrong with links."""
    for one in evidence.findings:
        if one.rule_id in LINKS and one.severity != "note":
            yield one.sentence


def _found_by_bench(evidence: Evidence) -> Iterator[str]:
    """Yield which links the newest bench found slow."""
    bench = evidence.links
    if bench is None:
        return
    for finding in bench.verdict.findings:
        if finding.id in _GATES and finding.word == "degraded":
            yield f"run {bench.run_id}: {finding.sentence}"
    if bench.peers_ratio is not None and bench.peers_ratio < LEAST_PEER_RATIO:
        yield (
            f"run {bench.run_id}: a pair of cards exchanges at {bench.peers_ratio:.0%} of its "
            f"link, at least {LEAST_PEER_RATIO:.0%} is usual"
        )


def _seen_now(evidence: Evidence) -> Iterator[str]:
    """Yield what the metrics say of links now.

    The generation of PCIe falls while a card idles, so that it says nothing here; the probe and
    the alerts look at it under load.
    """
    metrics = evidence.metrics
    if metrics is None or metrics.unclear:
        return
    most = {_card(one): one.value for one in metrics.of(*names.LANES_MAX)}
    for one in metrics.of(*names.LANES):
        lanes_max = most.get(_card(one), one.value)
        if one.value < lanes_max:
            yield f"{_named(one)} uses {one.value:.0f} of {lanes_max:.0f} PCIe lanes now"
    down: dict[str, int] = {}
    for one in metrics.of(*names.NVLINK):
        if not one.value:
            down[_named(one)] = down.get(_named(one), 0) + 1
    for card, count in down.items():
        yield f"{card} has {count} NVLink{'' if count == 1 else 's'} down now"


def _card(sample: Sample) -> tuple[str, ...]:
    """Return what tells a card from others in metrics."""
    return tuple(sample.labels.get(key, "") for key in ("Hostname", "instance", "gpu", "UUID"))


def _named(sample: Sample) -> str:
    """Return a card's name."""
    host = sample.labels.get("Hostname") or sample.labels.get("instance", "")
    number = f"card {sample.labels.get('gpu', '?')}"
    return f"{number} of {host}" if host else number


ITEMS: Final = (Interconnect(),)
