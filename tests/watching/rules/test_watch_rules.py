"""``watch rules``, ``alertmanager``, ``dashboard``, ``counters``: files on standard output."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from rightrig.watching.rules.alertmanager import configuration
from rightrig.watching.rules.alerts import ALERTS
from rightrig.watching.rules.counters import counters

if TYPE_CHECKING:
    from pathlib import Path

    from program import Program


@pytest.fixture
def plan(program: Program, tmp_path: Path) -> Path:
    """Return a file as ``rightrig plan`` writes it, of objectives for two latencies."""
    path = tmp_path / "plan.json"
    path.write_text(
        program.lines(
            "plan llama-3.1-8b --rate 2/s --ttft-p99 1s --tpot-p90 50ms --gpu h100-sxm --json"
        ),
        encoding="utf-8",
    )
    return path


def alerts_of(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    rules = [rule for group in document["groups"] for rule in group["rules"]]
    return {rule["alert"]: rule for rule in rules if "alert" in rule}


def test_rules_of_a_plan_compare_with_its_figures(program: Program, plan: Path) -> None:
    text = program.lines(f"watch rules --deployment {plan} --runbooks https://w.example/r")
    assert f"--deployment {plan} --runbooks https://w.example/r" in text.splitlines()[0]
    alerts = alerts_of(yaml.safe_load(text))
    cost = json.loads(plan.read_text(encoding="utf-8"))["plans"][0]
    assert cost["rig"] in alerts["CostAbovePlan"]["expr"]
    assert 'metric="tpot"} > 0.6)' in alerts["TpotBudgetBurnsFast"]["expr"]
    assert "E2eBudgetBurnsFast" not in alerts
    assert alerts["GpuLost"]["annotations"]["runbook_url"] == "https://w.example/r/gpu-lost"


def test_rules_without_a_plan_are_those_of_hardware_and_engines(program: Program) -> None:
    alerts = alerts_of(yaml.safe_load(program.lines("watch rules")))
    assert {"GpuLost", "EccUncorrectable", "KvCacheExhausted"} <= alerts.keys()
    assert "CostAbovePlan" not in alerts
    urls = {rule["annotations"]["runbook_url"].rpartition("/")[0] for rule in alerts.values()}
    assert urls == {"http://127.0.0.1:9401/runbooks"}


def test_rules_as_json_name_what_is_made_and_what_is_left_out(program: Program) -> None:
    found = program.json("watch rules")
    made = [alert["alert"] for alert in found["alerts"]]
    assert sorted(made + found["left_out"]) == sorted(alert.name for alert in ALERTS)
    assert found["deployment"] == ""
    assert alerts_of(yaml.safe_load(found["text"])).keys() == set(made)
    (small,) = [one for one in found["alerts"] if one["alert"] == "ThermalMarginSmall"]
    assert small["expr"] == "gpu:thermal_margin_celsius <= 5"
    assert small["for_s"] == 300
    assert "card's own" in small["threshold"]


def test_routes_are_printed_with_a_webhook_or_with_empty_receivers(program: Program) -> None:
    url = "https://hooks.example/x"
    assert yaml.safe_load(program.lines(f"watch alertmanager --webhook {url}")) == configuration(
        url
    )
    bare = program.lines("watch alertmanager")
    assert yaml.safe_load(bare) == configuration(None)
    assert "Receivers are empty" in bare
    assert program.json("watch alertmanager")["configuration"] == configuration(None)


def test_a_dashboard_is_json_with_lines_of_the_plan(program: Program, plan: Path) -> None:
    bare = json.loads(program.lines("watch dashboard"))
    planned = json.loads(program.lines(f"watch dashboard --deployment {plan}"))
    assert bare["uid"] == planned["uid"] == "rightrig"
    assert "h100-sxm" in planned["description"]
    assert program.json("watch dashboard")["dashboard"] == bare


@pytest.mark.parametrize("names", ["old", "new"])
def test_counters_are_a_file_of_the_exporter(program: Program, names: Any) -> None:
    lines = program.lines(f"watch counters --names {names}").splitlines()
    rows = [tuple(row) for row in csv.reader(line for line in lines if line[0] != "#")]
    assert rows == list(counters(names))
    found = program.json(f"watch counters --names {names}")["counters"]
    assert [(one["name"], one["kind"], one["help"]) for one in found] == rows


@pytest.mark.parametrize(
    "words",
    [
        "watch rules --runbooks wiki",
        "watch rules --runbooks ftp://wiki.example/r",
        "watch alertmanager --webhook http://",
    ],
)
def test_what_is_no_address_is_refused(program: Program, words: str) -> None:
    (line,) = program.refusal(words)
    assert "is no address of http or https: give one such as https://example.com/" in line


def test_a_file_that_is_no_plan_is_refused(program: Program, tmp_path: Path) -> None:
    (line,) = program.refusal(f"watch rules --deployment {tmp_path / 'none.json'}")
    assert "there is no such file" in line
