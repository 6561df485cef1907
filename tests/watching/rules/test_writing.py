"""The file of rules: whole, readable, and about metrics that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
import yaml
from alert_cases import PLAN, THRESHOLDS
from promtool import needs_promtool

from rightrig.watching.metrics import METRICS
from rightrig.watching.rules.alerts import ALERTS, BY_NAME
from rightrig.watching.rules.dcgm import FIELDS, NAMES
from rightrig.watching.rules.recorded import RECORDED
from rightrig.watching.rules.thresholds import COMPARED, Thresholds, thresholds_of
from rightrig.watching.rules.writing import header, rules, yaml_text
from rightrig.watching.runbooks import RUNBOOKS

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.watching.rules.alert import Alert

EXPRS: Final = [*(rule["expr"] for group in rules(THRESHOLDS)["groups"] for rule in group["rules"])]
RECORDED_NAMES: Final = {one.name for _, some in RECORDED for one in some}


def text_of(thresholds: Thresholds, command: str = "rightrig watch rules") -> str:
    return yaml_text(rules(thresholds), tuple(header(thresholds, "1.2.3", command)))


@needs_promtool
@pytest.mark.parametrize("thresholds", [THRESHOLDS, thresholds_of(None)], ids=["plan", "none"])
def test_promtool_accepts_the_file(thresholds: Thresholds, tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(text_of(thresholds), encoding="utf-8")
    program = shutil.which("promtool")
    assert program is not None
    done = subprocess.run(
        [program, "check", "rules", "--lint=all", "--lint-fatal", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_text_says_the_same_as_the_rules() -> None:
    assert yaml.safe_load(text_of(THRESHOLDS)) == rules(THRESHOLDS)


def test_the_text_is_always_the_same() -> None:
    assert text_of(THRESHOLDS) == text_of(thresholds_of(PLAN))


def test_what_is_recorded_stands_before_what_alerts() -> None:
    groups = rules(THRESHOLDS)["groups"]
    kinds = ["record" if "record" in group["rules"][0] else "alert" for group in groups]
    assert kinds == sorted(kinds, reverse=True)
    names = [group["name"] for group in groups]
    assert len(set(names)) == len(names)


def test_the_head_says_version_plan_command_and_what_is_left_out() -> None:
    lines = text_of(thresholds_of(replace(PLAN, cost_usd_per_output_token=None))).splitlines()
    assert lines[0].startswith("# Alert rules of rightrig 1.2.3, written by: rightrig watch rules")
    assert lines[1] == f"# Plan: {PLAN.name}"
    assert "CostAbovePlan, CostAbovePlanToday" in lines[2]
    assert "# Plan: none was given" in text_of(thresholds_of(None))


def test_the_name_of_a_plan_cannot_leave_its_line() -> None:
    evil = thresholds_of(replace(PLAN, name='x"}\ngroups: []\n- "{{'))
    document = yaml.safe_load(text_of(evil))
    assert len(document["groups"]) == len(rules(THRESHOLDS)["groups"])
    exprs = [r["expr"] for group in document["groups"] for r in group["rules"]]
    assert any(r'deployment="x\"}\ngroups: []\n' in expr for expr in exprs)


@pytest.mark.parametrize("expr", EXPRS)
def test_every_metric_of_a_rule_exists(expr: str) -> None:
    ours = set(re.findall(r"\brightrig_\w+", expr))
    theirs = set(re.findall(r"\bDCGM_\w+", expr))
    recorded = set(re.findall(r"\b(?:gpu|host|engine):\w[\w:]*", expr))
    assert ours <= set(METRICS)
    assert theirs <= NAMES
    assert recorded <= RECORDED_NAMES
    assert ours | theirs | recorded


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_the_labels_of_a_summary_are_those_of_its_metrics(alert: Alert) -> None:
    used = set(re.findall(r"\$labels\.(\w+)", alert.summary + alert.description))
    known = {label for metric in METRICS.values() for label in metric.labels}
    assert used <= known


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert {alert.runbook for alert in ALERTS} == set(RUNBOOKS)


def test_names_of_alerts_are_unique_and_in_camel_case() -> None:
    assert len(BY_NAME) == len(ALERTS)
    assert all(re.fullmatch(r"([A-Z][a-z0-9]+)+", name) for name in BY_NAME)


def test_every_threshold_is_used_and_says_where_it_comes_from() -> None:
    used = {name for alert in ALERTS for name in alert.uses}
    assert used == set(COMPARED)
    assert used <= set(THRESHOLDS.origins)


def test_an_address_of_pages_is_used_as_given() -> None:
    document = rules(THRESHOLDS, "https://wiki.example/runbooks/")
    urls = {
        rule["annotations"]["runbook_url"]
        for group in document["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert urls == {f"https://wiki.example/runbooks/{slug}" for slug in RUNBOOKS}


def test_a_card_of_dcgm_is_read_under_both_names() -> None:
    everything = "\n".join(EXPRS)
    missing = [name for field in FIELDS for name in field.names if name not in everything]
    assert missing == []
