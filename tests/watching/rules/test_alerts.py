"""Every alert in Prometheus's own promtool: it fires, in time, once, and not just short of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from alert_cases import INFO, PLAN, THRESHOLDS, Case, card, card_labels, series
from alert_cases_work import CASES
from alert_dcgm import in_dcgm
from alert_healthy import HEALTHY
from promtool import (
    Expected,
    Group,
    Run,
    Trial,
    expanded,
    name_of,
    needed,
    needs_promtool,
    passed,
)

from rightrig.demand.objective import Slo
from rightrig.watching.rules.alerts import ALERTS, BY_NAME
from rightrig.watching.rules.thresholds import Budget, Thresholds, thresholds_of
from rightrig.watching.rules.writing import RUNBOOKS_URL, annotated, kept, rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from alert_dcgm import Names
    from promtool import Series

    from rightrig.watching.rules.alert import Alert

RULES: Final = rules(THRESHOLDS)
ALERT_NAMES: Final = [alert.name for alert in ALERTS]
FROM_DCGM: Final = [alert.name for alert in ALERTS if alert.sources == "ours and DCGM"]
NAMES: Final[tuple[Names, Names]] = ("old", "new")
_NUMBER: Final = re.compile(r"(?P<sign>==|!=|<=|>=|<|>) (?P<number>\d+)\b(?! \*)")


def expected(case: Case) -> Expected:
    """Return exactly what fires."""
    return expected_of(case.alert, case.labels, case.value)


def expected_of(name: str, labels: Mapping[str, str], value: float) -> Expected:
    """Return exactly what fires of an alert."""
    alert = BY_NAME[name]
    texts = annotated(alert, THRESHOLDS, RUNBOOKS_URL)
    return Expected(
        {**labels, "severity": alert.severity, "family": alert.family},
        {name: expanded(text, labels, value) for name, text in texts.items()},
    )


def moments_of(case: Case) -> dict[int, tuple[Expected, ...]]:
    """Return that nothing fires until the condition has held for long enough, and then one does."""
    fires_s = case.since_s + BY_NAME[case.alert].for_s
    before = {fires_s - case.step_s: ()} if fires_s else {}
    return {**before, fires_s: (expected(case),)}


def quiet(case: Case) -> dict[int, tuple[Expected, ...]]:
    """Return that nothing fires where it otherwise would."""
    fires_s = case.since_s + BY_NAME[case.alert].for_s
    return {fires_s: (), fires_s + case.step_s: ()}


def from_ours(case: Case) -> Iterator[Group]:
    """Yield tests on our metrics."""
    yield Group("ours", case.firing, moments_of(case), case.step_s)
    for index, some in enumerate(case.healthy):
        yield Group(f"ours, healthy {index}", some, quiet(case), case.step_s)


def from_dcgm(case: Case) -> Iterator[Group]:
    """Yield tests on DCGM's metrics, old and new, and on both exporters at once."""
    if case.in_dcgm:
        firing, *healthy = case.in_dcgm
        yield Group("dcgm", firing, moments_of(case), case.step_s)
        for series in healthy:
            yield Group("dcgm, healthy", series, quiet(case), case.step_s)
        yield Group("both", (*case.firing, *firing), moments_of(case), case.step_s)
        return
    for names in NAMES:
        theirs = in_dcgm(case.firing, names)
        yield Group(f"dcgm {names}", theirs, moments_of(case), case.step_s)
        for index, series in enumerate(case.healthy):
            made = in_dcgm(series, names)
            yield Group(f"dcgm {names}, healthy {index}", made, quiet(case), case.step_s)
    both = (*case.firing, *in_dcgm(case.firing, "new", host="dcgm-exporter-x7k2p"))
    yield Group("both", both, moments_of(case), case.step_s)


def trials(
    alert: str, groups: Iterable[Group], made: Mapping[str, Any] = RULES
) -> tuple[Trial, ...]:
    """Return what to try of an alert; promtool takes samples of one step at a time."""
    some = needed(made, alert)
    by_step: dict[int, list[Group]] = {}
    for group in groups:
        by_step.setdefault(group.step_s, []).append(group)
    return tuple(Trial(some, alert, tuple(of_step)) for of_step in by_step.values())


def assert_holds(folder: Path, some: Sequence[Trial]) -> None:
    verdicts, text = passed(folder, some)
    assert all(verdicts), text


def unnoticed(folder: Path, wrong: Mapping[str, tuple[Trial, ...]]) -> list[str]:
    """Return which of some wrong rules pass all their trials."""
    verdicts = iter(passed(folder, [trial for some in wrong.values() for trial in some])[0])
    passing = {name: [next(verdicts) for _ in some] for name, some in wrong.items()}
    return [name for name, oks in passing.items() if all(oks)]


def ours_of(name: str) -> list[Group]:
    return [group for case in CASES if case.alert == name for group in from_ours(case)]


@pytest.mark.parametrize("name", ALERT_NAMES)
def test_an_alert_has_samples_at_which_it_fires_and_at_which_it_does_not(name: str) -> None:
    cases = [case for case in CASES if case.alert == name]
    assert cases
    assert any(case.healthy for case in cases)


@needs_promtool
@pytest.mark.parametrize("name", ALERT_NAMES)
def test_an_alert_fires_in_time_and_not_just_short_of_it(name: str, tmp_path: Path) -> None:
    assert_holds(tmp_path, trials(name, ours_of(name)))


@needs_promtool
@pytest.mark.parametrize("name", FROM_DCGM)
def test_an_alert_fires_from_old_and_new_names_of_dcgm_and_once_from_both_exporters(
    name: str, tmp_path: Path
) -> None:
    groups = [group for case in CASES if case.alert == name for group in from_dcgm(case)]
    assert_holds(tmp_path, trials(name, groups))


def shifted(thresholds: Thresholds, name: str, factor: float) -> Thresholds:
    """Return thresholds of which one is another."""
    value = getattr(thresholds, name)
    if name == "budgets":
        value = tuple(replace(one, missed_ratio=one.missed_ratio * factor) for one in value)
    elif not value:
        value = factor - 1.0 if factor < 1.0 else 3.0
    else:
        value = type(value)(value * factor)
    return replace(thresholds, **{name: value})


@needs_promtool
@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_a_wrong_threshold_is_found(factor: float, tmp_path: Path) -> None:
    wrong = {
        f"{alert.name}.{field}": trials(
            alert.name, ours_of(alert.name), rules(shifted(THRESHOLDS, field, factor))
        )
        for alert in ALERTS
        for field in alert.uses
    }
    assert len(wrong) > len(ALERTS) / 2
    assert unnoticed(tmp_path, wrong) == []


def with_expr(name: str, **changed: object) -> dict[str, Any]:
    """Return the rules with another expression, or another wait, of one alert."""
    groups = (
        {
            **group,
            "rules": [
                {**rule, **changed} if name_of(rule) == name else rule for rule in group["rules"]
            ],
        }
        for group in RULES["groups"]
    )
    return {"groups": list(groups)}


def with_number(alert: Alert, match: re.Match[str], by: int) -> tuple[Trial, ...]:
    """Return trials of an alert one number of whose expression is another."""
    before, after = match.string[: match.start("number")], match.string[match.end() :]
    wrong = with_expr(alert.name, expr=f"{before}{int(match['number']) + by}{after}")
    return trials(alert.name, ours_of(alert.name), wrong)


@needs_promtool
def test_a_wrong_number_in_an_expression_is_found(tmp_path: Path) -> None:
    wrong = {
        f"{alert.name} {match[0]} at {match.start()}": (
            *with_number(alert, match, 1_000_000),
            *with_number(alert, match, -1_000_000),
        )
        for alert in ALERTS
        if not alert.uses
        for match in _NUMBER.finditer(alert.expr(THRESHOLDS))
    }
    assert len(wrong) > 10
    assert unnoticed(tmp_path, wrong) == []


@needs_promtool
def test_a_wrong_wait_is_found(tmp_path: Path) -> None:
    wrong = {
        f"{alert.name} {wrong_s} s": trials(
            alert.name, ours_of(alert.name)[:1], with_expr(alert.name, **{"for": f"{wrong_s}s"})
        )
        for alert in ALERTS
        if alert.for_s
        for wrong_s in (0, 2 * alert.for_s)
    }
    assert len(wrong) > len(ALERTS)
    assert unnoticed(tmp_path, wrong) == []


def test_without_a_plan_its_alerts_are_left_out() -> None:
    alone = {alert.name for alert, _ in kept(thresholds_of(None))}
    assert set(ALERT_NAMES) - alone == {
        "PlanUnwatched", "PowerCapSlows", "PowerLimitBelowPlan", "NvlinksFewerThanPlan",
        "GpuMemoryAbovePlan",
        "OutputBelowPlan", "CostAbovePlan", "CostAbovePlanToday",
        "TtftBudgetBurnsFast", "TtftBudgetBurnsSlow", "TpotBudgetBurnsFast",
        "TpotBudgetBurnsSlow", "E2eBudgetBurnsFast", "E2eBudgetBurnsSlow",
        "ItlBudgetBurnsFast", "ItlBudgetBurnsSlow",
    }  # fmt: skip


def test_with_a_plan_that_promises_all_nothing_is_left_out() -> None:
    assert [alert.name for alert, _ in kept(THRESHOLDS)] == ALERT_NAMES


def test_half_of_the_requests_cannot_be_missed_six_times_too_often() -> None:
    """Of a p50 only slow burning can be seen, of a p90 not the fastest."""
    promised = thresholds_of(replace(PLAN, slo=Slo(ttft_p50_s=0.2, tpot_p90_s=0.05)))
    exprs = {alert.name: expr for alert, expr in kept(promised)}
    assert "TtftBudgetBurnsFast" not in exprs
    assert "> 0.5)" in exprs["TtftBudgetBurnsSlow"]
    assert "ratio6h" in exprs["TpotBudgetBurnsFast"]
    assert "ratio1h" not in exprs["TpotBudgetBurnsFast"]


def test_the_highest_percentile_of_a_metric_is_its_budget() -> None:
    promised = thresholds_of(replace(PLAN, slo=Slo(ttft_p50_s=0.2, ttft_p95_s=1.0)))
    assert promised.budgets == (Budget("ttft", 95, 1.0, 0.05),)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_each_threshold_of_an_alert_says_where_it_comes_from(alert: Alert) -> None:
    texts = annotated(alert, THRESHOLDS, RUNBOOKS_URL)
    assert ("threshold" in texts) == bool(alert.uses)
    for name in alert.uses:
        assert THRESHOLDS.origin(name) in texts["threshold"]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_the_summary_of_an_alert_names_its_host(alert: Alert) -> None:
    """One Prometheus has many hosts, and on each an engine at http://127.0.0.1:8000."""
    of_none = {"TelemetryAbsent", "PlanUnwatched"}
    assert ("$labels.Hostname" in alert.summary) == (alert.name not in of_none)


@needs_promtool
def test_a_sound_machine_raises_no_alert(tmp_path: Path) -> None:
    group = Group("sound", HEALTHY, step_s=60, silent_s=(60, 900, 1800))
    assert_holds(tmp_path, [Trial(RULES, "any", (group,))])


IDLE: Final[dict[str, float]] = {
    "utilization_ratio": 0, "sm_active_ratio": 0, "sm_occupancy_ratio": 0, "power_watts": 75,
    "sm_clock_hertz": 2.1e8, "pcie_link_generation": 1, "temperature_celsius": 30,
    "thermal_margin_celsius": 55,
}  # fmt: skip


def asleep(one: Series) -> Series:
    """Return a series as it is without work."""
    value = IDLE.get(one.name.removeprefix("rightrig_gpu_"), one.runs[0].start)
    return replace(one, runs=(Run(0 if one.name.endswith("requests_running") else value),))


@needs_promtool
@pytest.mark.parametrize("step_s", [15, 60])
def test_an_idle_machine_and_a_simple_card_raise_no_alert(step_s: int, tmp_path: Path) -> None:
    """An engine without requests; a card that has no ECC, no NVLink, no fabric, no profiling."""
    idle = tuple(asleep(one) for one in HEALTHY)
    lacking = ("ecc", "nvlink", "fabric", "sm_", "row_", "retired", "recovery", "thermal_margin")
    simple = tuple(
        one for one in idle if not one.name.removeprefix("rightrig_gpu_").startswith(lacking)
    )
    groups = [
        Group(name, some, step_s=step_s, silent_s=(900, 1800))
        for name, some in (("idle", idle), ("simple", simple))
    ]
    assert_holds(tmp_path, [Trial(RULES, "any", tuple(groups))])


def restarted(one: Series) -> Series:
    """Return a series of an engine that is down from 10 to 14 minutes, and counts anew then."""
    first = one.runs[0]
    if one.name == "rightrig_engine_up":
        return replace(one, runs=(Run(1, 0.0, 39), Run(0, 0.0, 15), Run(1)))
    if not one.name.startswith(("rightrig_engine_", "rightrig_deployment_prediction")):
        return one
    again = Run(0 if first.step else first.start, first.step)
    ends = Run("stale"), Run(None, 0.0, 15)
    return replace(one, runs=(replace(first, count=38), *ends, again))


@needs_promtool
def test_the_restart_of_an_engine_raises_no_alert(tmp_path: Path) -> None:
    series = tuple(restarted(one) for one in HEALTHY)
    group = Group("restart", series, silent_s=tuple(range(600, 2400, 60)))
    assert_holds(tmp_path, [Trial(RULES, "any", (group,))])


@needs_promtool
def test_what_one_plan_promises_is_not_asked_of_the_hosts_of_another(tmp_path: Path) -> None:
    """Both hosts fall short of the plan; the rules are of the plan of one."""
    there = {**card_labels(host="b"), "UUID": "GPU-b"}
    some = (
        INFO,
        series("rightrig_deployment_info", {"deployment": "another", "Hostname": "b"}, 1),
        card("power_limit_watts", 500),
        series("rightrig_gpu_power_limit_watts", there, 500),
    )
    check = Group("hosts", some, {600: (expected_of("PowerLimitBelowPlan", card_labels(), 500.0),)})
    assert_holds(tmp_path, trials("PowerLimitBelowPlan", [check]))


@needs_promtool
def test_that_a_machine_is_sound_can_be_wrong(tmp_path: Path) -> None:
    lost = (*(one for one in HEALTHY if one.name != "rightrig_gpu_up"), card("up", 0))
    trial = Trial(RULES, "any", (Group("not sound", lost, step_s=30, silent_s=(900,)),))
    verdicts, text = passed(tmp_path, [trial])
    assert verdicts == [False]
    assert "GpuLost" in text
