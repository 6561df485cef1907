"""Runs Prometheus's own promtool on rules and on tests of rules that a table describes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is absent: install Debian's prometheus"
)


@dataclass(frozen=True, slots=True)
class Run:
    """Samples at even steps: ``start`` and then ``count`` more, each ``step`` higher.

    Attributes:
        start: ``None`` where there are no samples for so long, ``"stale"`` where a series ends.
    """

    start: float | Literal["stale"] | None
    step: float = 0.0
    count: int = 300

    def text(self) -> str:
        """Return it in promtool's notation."""
        if self.start is None:
            return f"_x{self.count}"
        if self.start == "stale":
            return "stale"
        return f"{self.start:.10g}{self.step:+.10g}x{self.count}"

    def scaled(self, factor: float) -> Run:
        """Return it times a factor."""
        start = self.start * factor if isinstance(self.start, int | float) else self.start
        return Run(start, self.step * factor, self.count)


@dataclass(frozen=True, slots=True)
class Series:
    """One series of samples."""

    name: str
    labels: Mapping[str, str]
    runs: tuple[Run, ...]

    def as_yaml(self) -> dict[str, str]:
        """Return it as a test file has it."""
        labels = ",".join(f'{name}="{value}"' for name, value in self.labels.items())
        values = " ".join(run.text() for run in self.runs)
        return {"series": f"{self.name}{{{labels}}}", "values": values}


@dataclass(frozen=True, slots=True)
class Expected:
    """What an alert shows when it fires."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Group:
    """Samples, and what one alert does at some moments.

    Attributes:
        moments: Seconds → what of the alert fires.
        silent_s: Moments at which nothing fires, whatever it is called.
    """

    name: str
    series: Sequence[Series]
    moments: Mapping[int, Sequence[Expected]] = field(default_factory=dict)
    step_s: int = 15
    silent_s: tuple[int, ...] = ()

    def as_yaml(self, alert: str) -> dict[str, Any]:
        """Return it as a test file has it."""
        return {
            "name": self.name,
            "interval": f"{self.step_s}s",
            "input_series": [one.as_yaml() for one in self.series],
            "alert_rule_test": [
                {
                    "eval_time": f"{at_s}s",
                    "alertname": alert,
                    "exp_alerts": [
                        {"exp_labels": dict(e.labels), "exp_annotations": dict(e.annotations)}
                        for e in expected
                    ],
                }
                for at_s, expected in self.moments.items()
            ],
            "promql_expr_test": [
                {"expr": 'ALERTS{alertstate="firing"}', "eval_time": f"{at_s}s", "exp_samples": []}
                for at_s in self.silent_s
            ],
        }


def needed(rules: Mapping[str, Any], alert: str) -> dict[str, Any]:
    """Return the rules that one alert rests on, in their groups: a test of it runs so quickly."""
    flat = [rule for group in rules["groups"] for rule in group["rules"]]
    wanted = {alert}
    while True:
        texts = " ".join(rule["expr"] for rule in flat if name_of(rule) in wanted)
        more = wanted | set(re.findall(r"\b(?:gpu|host|engine):[\w:]+", texts))
        if more == wanted:
            break
        wanted = more
    groups = (
        {**group, "rules": [rule for rule in group["rules"] if name_of(rule) in wanted]}
        for group in rules["groups"]
    )
    return {"groups": [group for group in groups if group["rules"]]}


def name_of(rule: Mapping[str, Any]) -> str:
    """Return what a rule is called."""
    return str(rule.get("alert") or rule["record"])


def expanded(template: str, labels: Mapping[str, str], value: float) -> str:
    """Return a template of Prometheus with labels and value put in."""
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda m: labels.get(m[1], ""), template)
    return re.sub(r'\{\{ printf "(%\.\df)" \$value \}\}', lambda m: m[1] % value, text)


@dataclass(frozen=True, slots=True)
class Trial:
    """Rules, one of their alerts, and what it should do; all groups of one step."""

    rules: Mapping[str, Any]
    alert: str
    groups: tuple[Group, ...]

    def write(self, folder: Path) -> Path:
        """Write both files, and return that of the test."""
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "rules.yml", dict(self.rules))
        document = {
            "rule_files": ["rules.yml"],
            "evaluation_interval": f"{self.groups[0].step_s}s",
            "group_eval_order": [group["name"] for group in self.rules["groups"]],
            "tests": [group.as_yaml(self.alert) for group in self.groups],
        }
        path = folder / "test.yml"
        _write(path, document)
        return path


def _write(path: Path, document: Mapping[str, Any]) -> None:
    """Write a file of YAML; JSON is YAML too, and quicker written."""
    path.write_text(json.dumps(document), encoding="utf-8")


def passed(folder: Path, trials: Sequence[Trial]) -> tuple[list[bool], str]:
    """Return of each trial whether promtool finds that it holds, and all that it prints."""
    paths = [str(trial.write(folder / str(index))) for index, trial in enumerate(trials)]
    program = shutil.which("promtool")
    assert program is not None
    done = subprocess.run(
        [program, "test", "rules", *paths], capture_output=True, text=True, check=False
    )
    text = done.stdout + done.stderr
    verdicts = [part.lstrip().partition("\n")[2] for part in text.split("Unit Testing:")[1:]]
    assert len(verdicts) == len(paths), text
    return [verdict.lstrip().startswith("SUCCESS") for verdict in verdicts], text
