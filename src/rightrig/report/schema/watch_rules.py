"""JSON of ``rightrig watch rules``, ``alertmanager``, ``dashboard`` and ``counters``."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict


class AlertRuleJson(TypedDict):
    """One alert.

    ``for_s`` is how long its condition must hold; ``sources`` says whose metrics make it fire.
    """

    alert: str
    group: str
    severity: str
    expr: str
    for_s: int
    summary: str
    threshold: str
    runbook: str
    sources: str


class AlertRulesJson(TypedDict):
    """Rules; ``left_out`` are alerts of what the plan does not promise."""

    deployment: str
    alerts: list[AlertRuleJson]
    left_out: list[str]
    recorded: list[str]
    text: str


class AlertRoutesJson(TypedDict):
    """A configuration of Alertmanager, as its file has it."""

    configuration: dict[str, Any]
    text: str


class DashboardJson(TypedDict):
    """A dashboard, as Grafana imports it."""

    deployment: str
    dashboard: dict[str, Any]


class CounterJson(TypedDict):
    """One counter of DCGM's exporter."""

    name: str
    kind: str
    help: str


class CountersJson(TypedDict):
    """Its list."""

    counters: list[CounterJson]
    text: str
