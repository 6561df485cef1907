"""The manual's table of alerts is the table of alerts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rightrig.watching.rules.alerts import ALERTS
from rightrig.watching.rules.thresholds import thresholds_of
from rightrig.watching.runbooks import RUNBOOKS
from rightrig.watching.xids import xids

ROOT: Final = Path(__file__).parents[3]
PAGE: Final = ROOT / "docs/how-to/alert-on-a-machine.md"


def waited(for_s: int) -> str:
    if not for_s:
        return "at once"
    return f"{for_s} s" if for_s < 60 else f"{for_s // 60} min"


def test_the_manual_lists_every_alert_with_its_severity_wait_page_and_sources() -> None:
    rows = [
        f"| {alert.name} | {alert.severity} | {waited(alert.for_s)} "
        f"| [{alert.runbook}](../runbooks/{alert.runbook}.md) "
        f"| {'yes' if alert.sources == 'ours and DCGM' else ''} "
        f"| {'' if alert.expr(thresholds_of(None)) else 'yes'} |"
        for alert in ALERTS
    ]
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = lines.index("| alert | severity | after | page | from DCGM too | of a plan |") + 2
    end = lines.index("", start)
    assert lines[start:end] == rows


def test_the_counts_of_readme_and_changelog_are_those_of_the_tables() -> None:
    both = sum(alert.sources == "ours and DCGM" for alert in ALERTS)
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"{both} of {len(ALERTS)} do from NVIDIA's DCGM exporter too" in readme
    assert f"one of {len(RUNBOOKS)} [runbooks]" in readme
    changes = " ".join((ROOT / "CHANGELOG.md").read_text(encoding="utf-8").split())
    assert f"write {len(ALERTS)} alerts" in changes
    assert f"{len(RUNBOOKS)} pages, {len(xids())} XIDs" in changes
