"""Every item of the checklist, in both directions, and where nobody can tell."""

from __future__ import annotations

import datetime
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from ready_deployment import CATALOG, PEAK, TODAY, card, level, machine, samples

from rightrig.demand.objective import Slo
from rightrig.deployment.propose import propose
from rightrig.deployment.rig import parse_rig
from rightrig.interval import Interval
from rightrig.measuring.bench.judging import Finding as BenchFinding
from rightrig.measuring.bench.judging import Verdict
from rightrig.measuring.probe.readings import MigInstance, PowerLimits, Slot
from rightrig.planning.questions.lock_in import Item as Tie
from rightrig.watching.checklist import names
from rightrig.watching.checklist.evidence import (
    AlertmanagersSeen,
    BenchSeen,
    Evidence,
    LoadedAlert,
    MetricsSeen,
    PriceSeen,
    RulesSeen,
    Sample,
    Words,
)
from rightrig.watching.checklist.items import ITEMS, checked, counts_of, is_ready
from rightrig.watching.checklist.items_alerts import page_of
from rightrig.watching.checklist.items_information import telemetry_of
from rightrig.watching.states import EngineState

if TYPE_CHECKING:
    from rightrig.watching.checklist.item import Outcome

OLD = TODAY - datetime.timedelta(days=31)


def outcome(evidence: Evidence, item_id: str) -> Outcome:
    (found,) = checked(evidence, [item for item in ITEMS if item.id == item_id])
    return found.outcome


def said(evidence: Evidence, item_id: str) -> tuple[str, str]:
    """Return the status of an item, and all its words."""
    found = outcome(evidence, item_id)
    return found.status, f"{found.found} {found.remedy} {found.command}"


def test_what_is_ready_passes_every_item(good: Evidence) -> None:
    statuses = {one.id: one.outcome.status for one in checked(good)}
    informs = {i for i, status in statuses.items() if status == "information"}
    assert informs == {"INFO-TELEMETRY", "INFO-LOCKIN", "INFO-SLA", "INFO-GROWTH", "INFO-TCO"}
    assert {i: s for i, s in statuses.items() if i not in informs and s != "pass"} == {}
    assert is_ready(checked(good), strict=True)


def test_without_evidence_nothing_passes_silently(good: Evidence) -> None:
    unpinned = replace(good.planned.choices, runtime="vllm")
    planned = replace(good.planned, slo=Slo(), capacity_requests_per_s=None, choices=unpinned)
    bare = Evidence(Words("plan.json"), TODAY, planned)
    found = checked(bare)
    assert counts_of(found)["pass"] == 0
    for one in found:
        if one.outcome.status == "not verifiable":
            assert one.outcome.remedy or one.outcome.command, one.id
    # No objective and no price is known of the plan itself.
    assert {o.id for o in found if o.outcome.status == "fail"} == {"CHECK-SLO", "CHECK-PRICE"}


def test_every_item_says_in_one_sentence_what_should_hold() -> None:
    assert len({item.id for item in ITEMS}) == len(ITEMS)
    for item in ITEMS:
        assert re.fullmatch(r"(CHECK|INFO)-[A-Z]+", item.id)
        assert re.fullmatch(r"[A-Z][^.!?\n]*\.", type(item).__doc__ or ""), item.id


def test_strictly_what_is_not_verifiable_is_a_no(good: Evidence) -> None:
    found = checked(replace(good, engine=None))
    assert counts_of(found)["not verifiable"] == 1
    assert is_ready(found, strict=False)
    assert not is_ready(found, strict=True)


# Metrics are watched.

METRICS = [
    ("CHECK-UTILISATION", names.GPU), ("CHECK-MEMORY", names.MEMORY),
    ("CHECK-OCCUPANCY", names.OCCUPANCY),
]  # fmt: skip


@pytest.mark.parametrize(("item_id", "accepted"), METRICS)
def test_a_metric_that_is_absent_old_or_of_too_few_cards_fails(
    good: Evidence, item_id: str, accepted: tuple[str, ...]
) -> None:
    def judged(found: tuple[Any, ...]) -> tuple[str, str]:
        return said(replace(good, prometheus=MetricsSeen("http://p", found)), item_id)

    without = tuple(one for one in samples() if one.name not in accepted)
    assert judged(without)[0] == "fail"
    assert accepted[0] in judged(without)[1]
    aged = tuple(replace(one, age_s=300.0) for one in samples())
    assert judged(aged)[0] == "fail"
    assert "300 s old" in judged(aged)[1]
    one_card = tuple(one for one in samples() if one.labels.get("gpu") != "1")
    assert judged(one_card)[0] == "fail"
    assert "the plan is of 2" in judged(one_card)[1]


@pytest.mark.parametrize(("item_id", "accepted"), METRICS)
def test_names_of_dcgm_count_and_so_does_an_exporter_alone(
    good: Evidence, item_id: str, accepted: tuple[str, ...]
) -> None:
    for name in accepted:
        found = tuple(replace(one, name=name) for one in samples() if one.name == accepted[0])
        seen = MetricsSeen("http://e", found)
        assert outcome(replace(good, prometheus=None, exporter=seen), item_id).status == "pass"


@pytest.mark.parametrize(("item_id", "accepted"), METRICS)
def test_nobody_asked_is_not_verifiable_and_silence_fails(
    good: Evidence, item_id: str, accepted: tuple[str, ...]
) -> None:
    del accepted
    status, words = said(replace(good, prometheus=None), item_id)
    assert status == "not verifiable"
    assert "--prometheus" in words
    silent = MetricsSeen("http://p", trouble="nothing listens there")
    assert said(replace(good, prometheus=silent), item_id)[0] == "fail"


def test_a_silent_prometheus_beside_an_exporter_leaves_the_exporter(good: Evidence) -> None:
    silent = MetricsSeen("http://p", trouble="nothing listens there")
    found = replace(good, prometheus=silent, exporter=MetricsSeen("http://e", samples()))
    assert "http://e" in outcome(found, "CHECK-UTILISATION").found


# Links are measured and not degraded.


def test_links_that_nobody_measured_are_not_verifiable(good: Evidence) -> None:
    assert good.links is not None
    for links in (None, replace(good.links, pairs_count=0)):
        status, words = said(replace(good, links=links), "CHECK-LINKS")
        assert status == "not verifiable"
        assert "rightrig bench --only transfer,peers,collectives" in words


def test_an_old_measurement_of_links_fails(good: Evidence) -> None:
    assert good.links is not None
    status, words = said(replace(good, links=replace(good.links, day=OLD)), "CHECK-LINKS")
    assert (status, "31 days old" in words) == ("fail", True)


@pytest.mark.parametrize(
    ("changes", "word"),
    [({names.LANES[0]: 4.0}, "4 of 16 PCIe lanes"), ({names.NVLINK[0]: 0.0}, "1 NVLink down")],
)
def test_links_that_are_degraded_now_fail(
    good: Evidence, changes: dict[str, float], word: str
) -> None:
    seen = MetricsSeen("http://p", samples(**changes))
    status, words = said(replace(good, prometheus=seen), "CHECK-LINKS")
    assert (status, word in words) == ("fail", True)
    assert "rightrig watch runbook link-degraded" in words


def test_links_that_the_probe_finds_degraded_fail(good: Evidence) -> None:
    narrow = machine(card(0, slot=Slot(5, 4, 5, 16, 5)), card(1))
    status, words = said(replace(good, **narrow), "CHECK-LINKS")
    assert (status, "x4 of x16" in words) == ("fail", True)


def test_links_that_the_bench_finds_slow_fail(good: Evidence) -> None:
    assert good.links is not None
    slow = BenchFinding("BENCH-H2D", "degraded", 0.2, 0.75, "host to card: 20% of the datasheet")
    verdict = Verdict("degraded", "slow", (slow,), ())
    status, words = said(replace(good, links=replace(good.links, verdict=verdict)), "CHECK-LINKS")
    assert (status, "host to card: 20%" in words) == ("fail", True)
    pair = replace(good.links, peers_ratio=0.3)
    status, words = said(replace(good, links=pair), "CHECK-LINKS")
    assert (status, "at 30% of its link" in words) == ("fail", True)


# Cost per token at the real workload.


def test_tokens_that_cost_more_than_predicted_fail(good: Evidence) -> None:
    assert good.deployment is not None
    slow = level(good.deployment)
    slow = replace(slow, output_tokens_per_s=slow.output_tokens_per_s / 4.0)
    status, words = said(replace(good, levels=(slow,)), "CHECK-COST")
    assert (status, "predicted" in words) == ("fail", True)


def test_cost_is_that_of_the_rent_over_the_measured_tokens(good: Evidence) -> None:
    assert good.deployment is not None
    rate = level(good.deployment).output_tokens_per_s
    cost = 5.0 / (3600.0 * rate) * 1e6
    assert f"${cost:.3g} a million" in outcome(good, "CHECK-COST").found


@pytest.mark.parametrize(
    "changes",
    [
        {"input_tokens": 128.0}, {"output_tokens": 30.0}, {"day": OLD}, {"is_sound": False},
        {"served_requests_per_s": 0.1 * PEAK},
    ],
)  # fmt: skip
def test_another_workload_validates_no_cost(good: Evidence, changes: dict[str, Any]) -> None:
    assert good.deployment is not None
    found = replace(good, levels=(level(good.deployment, **changes),))
    status, words = said(found, "CHECK-COST")
    assert status == "not verifiable"
    assert "rightrig load http://localhost:8000 --plan plan.json" in words


def test_users_in_a_closed_loop_validate_a_cost_too(good: Evidence) -> None:
    assert good.deployment is not None
    closed = level(good.deployment, asked_requests_per_s=None)
    assert outcome(replace(good, levels=(closed,)), "CHECK-COST").status == "pass"


def test_without_a_price_or_a_test_cost_is_not_verifiable(good: Evidence) -> None:
    for found in (replace(good, price=None), replace(good, levels=())):
        assert outcome(found, "CHECK-COST").status == "not verifiable"


# Load tested at two to three times.


def judged_levels(good: Evidence, *levels: tuple[float, bool], **changes: Any) -> tuple[str, str]:
    """Return the outcome of a test of levels: times the peak, and whether it held there."""
    assert good.deployment is not None
    found = tuple(
        level(good.deployment, asked_requests_per_s=ratio * PEAK, holds=holds, **changes)
        for ratio, holds in levels
    )
    return said(replace(good, levels=found), "CHECK-LOAD")


def test_a_test_that_holds_three_times_passes(good: Evidence) -> None:
    status, words = judged_levels(good, (0.5, True), (1.0, True), (2.0, True), (3.0, True))
    assert (status, "held 3 times the peak of 6.5 requests/s" in words) == ("pass", True)


def test_a_known_breaking_point_above_the_peak_passes(good: Evidence) -> None:
    status, words = judged_levels(good, (1.0, True), (2.0, False), (3.0, False))
    assert (status, "holds 1 and breaks at 2 times" in words) == ("pass", True)


def test_a_server_that_breaks_at_the_peak_fails(good: Evidence) -> None:
    status, words = judged_levels(good, (0.5, True), (1.0, False), (2.0, False))
    assert (status, "broken at 1 times the planned peak" in words) == ("fail", True)


def test_a_test_up_to_one_and_a_half_times_fails(good: Evidence) -> None:
    status, words = judged_levels(good, (1.0, True), (1.5, True))
    assert (status, "went to 1.5 times" in words) == ("fail", True)


def test_an_old_load_test_fails(good: Evidence) -> None:
    status, words = judged_levels(good, (2.0, True), day=OLD)
    assert (status, "31 days old" in words) == ("fail", True)


def test_other_lengths_or_a_limited_client_fail(good: Evidence) -> None:
    status, words = judged_levels(good, (2.0, True), input_tokens=64.0)
    assert (status, "planned are 1000 and 300" in words) == ("fail", True)
    assert judged_levels(good, (2.0, True), is_sound=False)[0] == "fail"


def test_an_older_test_that_went_far_enough_counts_beside_a_newer_short_one(
    good: Evidence,
) -> None:
    assert good.deployment is not None
    newer = level(good.deployment, run_id=9, asked_requests_per_s=PEAK)
    older = level(good.deployment, run_id=8, asked_requests_per_s=3.0 * PEAK)
    found = outcome(replace(good, levels=(newer, older)), "CHECK-LOAD")
    assert (found.status, "run 8" in found.found) == ("pass", True)


@pytest.mark.parametrize("newest", [((1.0, False), (3.0, False)), ((0.5, True), (1.0, False))])
def test_an_older_test_does_not_hide_that_a_newer_one_broke_below_the_peak(
    good: Evidence, newest: tuple[tuple[float, bool], ...]
) -> None:
    assert good.deployment is not None
    newer = tuple(
        level(good.deployment, run_id=9, asked_requests_per_s=ratio * PEAK, holds=holds)
        for ratio, holds in newest
    )
    older = level(good.deployment, run_id=8, asked_requests_per_s=3.0 * PEAK)
    found = outcome(replace(good, levels=(*newer, older)), "CHECK-LOAD")
    assert (found.status, "run 9" in found.found) == ("fail", True)


def test_two_machines_tested_together_have_twice_the_peak(good: Evidence) -> None:
    assert judged_levels(good, (2.0, True), machines_count=2)[0] == "fail"
    assert judged_levels(good, (4.0, True), machines_count=2)[0] == "pass"


def test_no_load_test_is_not_verifiable_and_names_its_command(good: Evidence) -> None:
    status, words = said(replace(good, levels=()), "CHECK-LOAD")
    assert status == "not verifiable"
    assert "rightrig load http://localhost:8000 --plan plan.json" in words
    assert outcome(replace(good, store_trouble="no store"), "CHECK-LOAD").found == "no store"


# A Prometheus has more than this deployment.


def fleet(good: Evidence, *told: Sample) -> Evidence:
    """Return the evidence of a Prometheus that has cards and engines of another host too."""
    others = tuple(
        replace(
            one,
            labels={**one.labels, "Hostname": "other", "UUID": f"other {one.labels.get('gpu')}"},
            value=4.0 if one.name == names.LANES[0] else one.value,
        )
        for one in samples()
    )
    return replace(good, prometheus=MetricsSeen("http://p", (*samples(), *others, *told)))


def serves(good: Evidence, host: str) -> Sample:
    assert good.expected is not None
    return Sample(names.PLAN, {"deployment": good.expected.name, "Hostname": host}, 1.0)


WATCHED = [*(item_id for item_id, _ in METRICS), "CHECK-ENGINEMETRICS", "CHECK-LOGS"]


@pytest.mark.parametrize("item_id", WATCHED)
def test_metrics_of_many_hosts_of_which_none_serves_the_plan_verify_nothing(
    good: Evidence, item_id: str
) -> None:
    status, words = said(fleet(good), item_id)
    assert status == "not verifiable"
    assert "cards of 2 hosts, and none says that it serves" in words
    assert "watch export --deployment" in words


def test_cards_of_other_hosts_do_not_stand_in_for_those_of_the_plan(good: Evidence) -> None:
    assert outcome(fleet(good, serves(good, "h")), "CHECK-UTILISATION").status == "pass"
    status, words = said(fleet(good, serves(good, "elsewhere")), "CHECK-UTILISATION")
    assert (status, "has no utilisation" in words) == ("fail", True)


def test_links_of_other_hosts_are_not_those_of_the_plan(good: Evidence) -> None:
    assert outcome(fleet(good), "CHECK-LINKS").status == "pass"
    assert outcome(fleet(good, serves(good, "h")), "CHECK-LINKS").status == "pass"
    assert outcome(fleet(good, serves(good, "other")), "CHECK-LINKS").status == "fail"


def test_the_same_cards_under_the_name_of_a_pod_are_those_of_the_plan(good: Evidence) -> None:
    renamed = tuple(
        replace(one, labels={**one.labels, "Hostname": "dcgm-x7k2p"})
        if one.name == names.OCCUPANCY[0] else one
        for one in samples()
    )  # fmt: skip
    seen = MetricsSeen("http://p", (*renamed, serves(good, "h")))
    assert outcome(replace(good, prometheus=seen), "CHECK-OCCUPANCY").status == "pass"


# Alerts are loaded, healthy, and linked to runbooks.

ALERTED = [("CHECK-ALERTHEAT", "thermal"), ("CHECK-ALERTECC", "ecc"),
           ("CHECK-ALERTLINK", "link-degraded")]  # fmt: skip


def without(good: Evidence, page: str, **changes: Any) -> Evidence:
    """Return evidence whose first alert of a page is changed, or gone without changes."""
    assert good.rules is not None
    name = next(alert.name for alert in good.wanted if alert.runbook == page)
    found = tuple(
        replace(one, **changes) if one.name == name else one
        for one in good.rules.alerts if changes or one.name != name
    )  # fmt: skip
    return replace(good, rules=replace(good.rules, alerts=found))


@pytest.mark.parametrize(("item_id", "page"), ALERTED)
def test_an_alert_that_is_not_loaded_fails_and_is_named(
    good: Evidence, item_id: str, page: str
) -> None:
    name = next(alert.name for alert in good.wanted if alert.runbook == page)
    status, words = said(without(good, page), item_id)
    assert (status, name in words) == ("fail", True)
    assert "rightrig watch rules --deployment plan.json" in words
    others = [i for i, _ in ALERTED if i != item_id]
    assert {outcome(without(good, page), other).status for other in others} == {"pass"}


@pytest.mark.parametrize(("item_id", "page"), ALERTED)
def test_an_alert_that_is_loaded_and_not_healthy_fails(
    good: Evidence, item_id: str, page: str
) -> None:
    status, words = said(without(good, page, health="err", error="no such function"), item_id)
    assert (status, "no such function" in words) == ("fail", True)
    young = said(without(good, page, health="unknown"), item_id)
    assert (young[0], "not evaluated" in young[1]) == ("not verifiable", True)


@pytest.mark.parametrize("item_id", [*(i for i, _ in ALERTED), "CHECK-RUNBOOKS"])
def test_rules_that_nobody_named_are_not_verifiable(good: Evidence, item_id: str) -> None:
    status, words = said(replace(good, rules=None), item_id)
    assert (status, "--rules" in words) == ("not verifiable", True)
    silent = RulesSeen("http://p", trouble="HTTP 503")
    assert said(replace(good, rules=silent), item_id)[0] == "fail"


def test_a_file_of_rules_counts_and_says_that_it_is_a_file(good: Evidence) -> None:
    assert good.rules is not None
    found = outcome(replace(good, rules=replace(good.rules, is_loaded=False)), "CHECK-ALERTHEAT")
    assert (found.status, "is a file" in found.found or "a file:" in found.found) == ("pass", True)


def test_an_alert_without_a_runbook_fails(good: Evidence) -> None:
    for url in ("", "http://x/runbooks/nothing", "http://["):
        status, words = said(without(good, "thermal", runbook_url=url), "CHECK-RUNBOOKS")
        assert (status, "link no runbook" in words) == ("fail", True)


@pytest.mark.parametrize("page", ["driver-crash", "out-of-memory", "nccl-hang"])
def test_runbooks_of_crash_memory_and_hang_must_be_linked(good: Evidence, page: str) -> None:
    assert good.rules is not None
    names_of = {alert.name for alert in good.wanted if alert.runbook != page}
    rest = tuple(one for one in good.rules.alerts if one.name in names_of)
    found = replace(good, rules=replace(good.rules, alerts=rest))
    assert said(found, "CHECK-RUNBOOKS")[0] == "fail"


def test_links_to_the_readers_own_machine_are_told(good: Evidence) -> None:
    assert good.rules is not None
    assert "loopback" not in outcome(good, "CHECK-RUNBOOKS").found
    own = tuple(
        replace(one, runbook_url=one.runbook_url.replace("http://x", "http://127.0.0.1:9401"))
        for one in good.rules.alerts
    )
    found = outcome(replace(good, rules=replace(good.rules, alerts=own)), "CHECK-RUNBOOKS")
    assert "loopback address" in found.found


def test_rules_of_no_plan_or_of_another_one_do_not_hold_this_one(good: Evidence) -> None:
    loaded = good.rules
    assert loaded is not None
    assert good.expected is not None
    own = f'(x)\nand on (Hostname) rightrig_deployment_info{{deployment="{good.expected.name}"}}'

    def judged(query: str) -> tuple[str, str]:
        some = tuple(replace(one, query=query) for one in loaded.alerts)
        return said(replace(good, rules=replace(loaded, alerts=some)), "CHECK-ALERTPLAN")

    assert judged(own)[0] == "pass"
    status, words = judged(own.replace(good.expected.name, "another"))
    assert (status, "alerts of this plan: " in words) == ("fail", True)
    assert "rightrig watch rules --deployment plan.json" in words
    bare = tuple(one for one in loaded.alerts if one.name != "TtftBudgetBurnsFast")
    status, words = said(replace(good, rules=replace(loaded, alerts=bare)), "CHECK-ALERTPLAN")
    assert (status, "TtftBudgetBurnsFast" in words) == ("fail", True)
    assert said(replace(good, rules=None), "CHECK-ALERTPLAN")[0] == "not verifiable"


def test_alerts_of_others_need_no_runbook_of_ours(good: Evidence) -> None:
    assert good.rules is not None
    more = (*good.rules.alerts, LoadedAlert("NodeDown"))
    found = outcome(replace(good, rules=replace(good.rules, alerts=more)), "CHECK-RUNBOOKS")
    assert (found.status, "1 alerts of others" in found.found) == ("pass", True)
    only = replace(good, rules=replace(good.rules, alerts=(LoadedAlert("NodeDown"),)))
    assert said(only, "CHECK-RUNBOOKS")[0] == "fail"


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("http://127.0.0.1:9401/runbooks/ecc", "ecc"), ("https://x/y/xid.md", "xid"),
        ("https://x/ecc/?a=b#c", "ecc"), ("https://x/", None), ("ecc", "ecc"),
    ],
)  # fmt: skip
def test_the_page_of_an_address(url: str, page: str | None) -> None:
    assert page_of(url) == page


# Monitoring, logging, alerting and regression watch are in place.


def test_alerts_that_reach_nobody_fail(good: Evidence) -> None:
    def judged(seen: AlertmanagersSeen | None) -> str:
        return outcome(replace(good, alertmanagers=seen), "CHECK-ALERTMANAGER").status

    assert judged(AlertmanagersSeen("http://p")) == "fail"
    assert judged(AlertmanagersSeen("http://p", refused={"http://a": "HTTP 503"})) == "fail"
    assert judged(AlertmanagersSeen("http://p", trouble="nothing listens there")) == "fail"
    assert judged(AlertmanagersSeen("http://p", silent={"http://a": "x"})) == "not verifiable"
    assert judged(None) == "not verifiable"


def test_an_engine_that_is_not_scraped_fails(good: Evidence) -> None:
    def judged(found: tuple[Any, ...]) -> str:
        seen = MetricsSeen("http://p", found)
        return outcome(replace(good, prometheus=seen), "CHECK-ENGINEMETRICS").status

    assert judged(samples(engine=0.0)) == "fail"
    assert judged(samples()[:-1]) == "fail"
    own = replace(samples()[-1], name="vllm:num_requests_running", value=0.0)
    assert judged((own,)) == "pass"
    found = replace(good, prometheus=None)
    assert outcome(found, "CHECK-ENGINEMETRICS").status == "not verifiable"


def test_error_events_must_be_counted_and_logs_kept(good: Evidence) -> None:
    nothing = MetricsSeen("http://p", samples()[:2])
    assert outcome(replace(good, prometheus=nothing), "CHECK-LOGS").status == "fail"
    assert outcome(replace(good, logs=""), "CHECK-LOGS").status == "not verifiable"
    assert outcome(replace(good, prometheus=None), "CHECK-LOGS").status == "not verifiable"
    silent = replace(good, prometheus=MetricsSeen("http://p", (), trouble="no answer in time"))
    assert said(silent, "CHECK-LOGS")[0] == "fail"
    assert "no answer in time" in said(silent, "CHECK-LOGS")[1]


def test_too_few_runs_to_see_a_regression_fail(good: Evidence) -> None:
    status, words = said(replace(good, drift_runs_count=7), "CHECK-DRIFT")
    assert (status, "8 are needed" in words) == ("fail", True)
    elsewhere = replace(good, drift_runs_count=0, probed=None)
    assert outcome(elsewhere, "CHECK-DRIFT").status == "not verifiable"


# The machine is the one that was planned.


def test_other_cards_than_planned_fail(good: Evidence) -> None:
    status, words = said(replace(good, **machine(card(0))), "CHECK-CARDS")
    assert status == "fail"
    assert "1xh100-sxm here, and the plan is of 2xh100-sxm" in words


def test_a_lost_card_fails_and_names_its_runbook(good: Evidence) -> None:
    status, words = said(
        replace(good, **machine(card(0), card(1, lost="GpuIsLost"))), "CHECK-CARDS"
    )
    assert (status, "rightrig watch runbook gpu-lost" in words) == ("fail", True)


@pytest.mark.parametrize("item_id", ["CHECK-CARDS", "CHECK-MIG", "CHECK-POWER", "CHECK-VERSIONS"])
def test_a_machine_without_cards_is_not_the_one_and_a_silent_driver_fails(
    good: Evidence, item_id: str
) -> None:
    assert outcome(replace(good, **machine()), item_id).status == "not verifiable"
    silent = machine(troubles=("NVIDIA's driver does not answer",))
    assert outcome(replace(good, **silent), item_id).status == "fail"


def test_a_partitioned_card_fails_where_whole_ones_are_planned(good: Evidence) -> None:
    mig = machine(card(0, mig=True, instances=(MigInstance(9728, profile="1g.10gb"),)), card(1))
    status, words = said(replace(good, **mig), "CHECK-MIG")
    assert (status, "1x1g.10gb; the plan is of whole cards" in words) == ("fail", True)
    bare = machine(card(0, mig=True), card(1))
    assert "MIG on and no instance" in said(replace(good, **bare), "CHECK-MIG")[1]


def test_planned_instances_pass_and_missing_ones_fail(good: Evidence) -> None:
    rig = parse_rig("2xh100-sxm@mig=1g.10gb", CATALOG)
    llm = CATALOG.llm("llama-3.2-1b")
    found = replace(good, deployment=propose(CATALOG, llm, rig))
    two = (MigInstance(9728, profile="1g.10gb"),) * 2
    assert (
        outcome(replace(found, **machine(card(0, mig=True, instances=two))), "CHECK-MIG").status
        == "pass"
    )
    unnamed = (MigInstance(9728),) * 2
    whole = replace(found, **machine(card(0, mig=True, instances=unnamed)))
    assert outcome(whole, "CHECK-MIG").status == "pass"
    assert outcome(whole, "CHECK-CARDS").status == "pass"
    one = replace(found, **machine(card(0, mig=True, instances=two[:1])))
    assert outcome(one, "CHECK-MIG").status == "fail"


def test_another_power_limit_fails(good: Evidence) -> None:
    low = machine(card(0, power=PowerLimits(500.0, 700.0)), card(1))
    status, words = said(replace(good, **low), "CHECK-POWER")
    assert (status, "card 0 500 W of 700 W" in words) == ("fail", True)
    unsaid = machine(card(0, power=PowerLimits()), card(1, power=PowerLimits()))
    assert outcome(replace(good, **unsaid), "CHECK-POWER").status == "not verifiable"


def test_a_driver_that_is_too_old_fails(good: Evidence) -> None:
    old = machine(card(0), card(1), versions={"driver": "470.57.02"})
    status, words = said(replace(good, **old), "CHECK-VERSIONS")
    assert (status, "470.57.02" in words) == ("fail", True)
    unsaid = machine(card(0), card(1), versions={})
    assert outcome(replace(good, **unsaid), "CHECK-VERSIONS").status == "not verifiable"


def test_the_pytorch_of_another_environment_does_not_fail_the_engine(good: Evidence) -> None:
    versions = {"driver": "580.95.05", "cuda": "13.0", "torch": "2.13.0+cpu"}
    status, words = said(
        replace(good, **machine(card(0), card(1), versions=versions)), "CHECK-VERSIONS"
    )
    assert (status, "PyTorch beside rightrig" in words) == ("not verifiable", True)


def test_a_fault_of_the_probe_fails(good: Evidence) -> None:
    held = machine(card(0, slowdowns=("hardware power brake",)), card(1))
    assert outcome(replace(good, **held), "CHECK-PROBE").status == "fail"


def test_a_degraded_old_or_absent_bench_does_not_pass(good: Evidence) -> None:
    def judged(bench: BenchSeen | None) -> str:
        return outcome(replace(good, bench=bench), "CHECK-BENCH").status

    assert good.bench is not None
    assert judged(replace(good.bench, verdict=Verdict("degraded", "slow", (), ()))) == "fail"
    assert judged(replace(good.bench, day=OLD)) == "fail"
    unjudged = replace(good.bench, verdict=Verdict("not judged", "no datasheet", (), ()))
    assert judged(unjudged) == "not verifiable"
    assert judged(None) == "not verifiable"


def test_another_model_or_a_silent_engine_fails(good: Evidence) -> None:
    def judged(engine: EngineState | None) -> str:
        return outcome(replace(good, engine=engine), "CHECK-ENGINE").status

    assert judged(EngineState("http://e", 0.0, kind="vllm", model="Qwen/Qwen3-8B")) == "fail"
    assert judged(EngineState("http://e", 0.0, trouble="nothing listens there")) == "fail"
    for trouble, remedy in (("HTTP 404 at /metrics", "metrics on"), ("TLS fails: x", "https")):
        silent = replace(good, engine=EngineState("http://e", 0.0, trouble=trouble))
        assert remedy in outcome(silent, "CHECK-ENGINE").remedy
    assert judged(EngineState("http://e", 0.0, kind="llama.cpp")) == "not verifiable"
    assert judged(None) == "not verifiable"


# The plan.


def test_a_plan_without_objectives_fails(good: Evidence) -> None:
    found = replace(good, planned=replace(good.planned, slo=Slo()))
    assert outcome(found, "CHECK-SLO").status == "fail"
    assert "ttft p99 1 s" in outcome(good, "CHECK-SLO").found


@pytest.mark.parametrize(("capacity", "status"), [(5.9, "fail"), (6.0, "pass")])
def test_headroom_is_a_fifth_over_the_asked_rate(
    good: Evidence, capacity: float, status: str
) -> None:
    planned = replace(good.planned, capacity_requests_per_s=Interval.exact(capacity))
    assert outcome(replace(good, planned=planned), "CHECK-HEADROOM").status == status
    unsaid = replace(good, asked_requests_per_s=None)
    assert outcome(unsaid, "CHECK-HEADROOM").status == "not verifiable"


def test_a_price_that_is_old_or_unknown_fails(good: Evidence) -> None:
    assert outcome(replace(good, price=None), "CHECK-PRICE").status == "fail"
    old = PriceSeen(5.0, "the rent of the plan", "400 days old")
    status, words = said(replace(good, price=old), "CHECK-PRICE")
    assert (status, "400 days old" in words) == ("fail", True)


def test_a_version_that_is_not_pinned_or_another_one_does_not_pass(good: Evidence) -> None:
    choices = replace(good.planned.choices, runtime="vllm")
    loose = replace(good, planned=replace(good.planned, choices=choices))
    assert outcome(loose, "CHECK-PINNED").status == "not verifiable"
    here = machine(card(0), card(1), versions={"vllm": "0.20.1+cu130"})
    assert outcome(replace(loose, **here), "CHECK-PINNED").status == "fail"
    status, words = said(replace(good, **here), "CHECK-PINNED")
    assert (status, "names vllm 0.19.0, and 0.20.1+cu130 was found" in words) == ("fail", True)
    same = machine(card(0), card(1), versions={"vllm": "0.19.0+cu130"})
    assert outcome(replace(good, **same), "CHECK-PINNED").status == "pass"


# Information.


def test_telemetry_is_told_card_by_card(good: Evidence) -> None:
    found = outcome(good, "INFO-TELEMETRY")
    assert found.status == "information"
    assert "h100-sxm: " in found.found
    for word in ("NVML (GPM)", "ECC counters", "18 NVLinks", "remapped rows", "7 MIG"):
        assert word in found.found


@pytest.mark.parametrize(
    ("slug", "has", "lacks"),
    [
        ("rtx-4090", "made to run around the clock", "NVML (GPM)"),
        ("a100-sxm-80gb", "through DCGM alone", "NVML (GPM)"),
        ("l40s", "through DCGM alone", "around the clock"),
        ("mi300x", "no DCGM", "ECC"),
        ("h200-sxm", "NVML (GPM)", "no NVLink"),
    ],
)
def test_telemetry_of_a_card(slug: str, has: str, lacks: str) -> None:
    told = ", ".join(telemetry_of(CATALOG.gpu(slug)))
    assert has in told
    assert lacks not in told


def test_lock_in_is_information_with_its_command(good: Evidence) -> None:
    class Locked:
        items = (Tie("runtime", "tied", "", ""), Tie("maker", "free", "", ""))

    found = outcome(replace(good, lock_in=Locked()), "INFO-LOCKIN")  # type: ignore[arg-type] # its items alone are read
    assert (found.status, "1 of 2 considerations tie: runtime" in found.found) == (
        "information",
        True,
    )
    assert found.command.startswith("rightrig ask lock-in --on 2xh100-sxm --runtime vllm ")


@pytest.mark.parametrize(
    ("item_id", "command"),
    [
        ("INFO-SLA", "rightrig risk bits 2xh100-sxm --requests-per-day 561600 --sla 99.9%"),
        (
            "INFO-GROWTH",
            (
                "rightrig plan meta-llama/Llama-3.1-8B --rate 5/s --input 1000 --output 300 "
                "--ttft-p99 1s --gpu h100-sxm --growth 10%/month"
            ),
        ),
        ("INFO-TCO", "rightrig cost own 2xh100-sxm --years 3"),
    ],
)
def test_what_to_ask_next_is_a_command_of_this_deployment(
    good: Evidence, item_id: str, command: str
) -> None:
    found = outcome(good, item_id)
    assert (found.status, found.command) == ("information", command)
