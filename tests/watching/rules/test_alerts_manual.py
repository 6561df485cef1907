"""README and the list of changes count alerts, pages and XIDs as the tables have them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rightrig.watching.rules.alerts import ALERTS
from rightrig.watching.runbooks import RUNBOOKS
from rightrig.watching.xids import xids

ROOT: Final = Path(__file__).parents[3]


def test_the_counts_of_readme_and_changelog_are_those_of_the_tables() -> None:
    both = sum(alert.sources == "ours and DCGM" for alert in ALERTS)
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"{both} of {len(ALERTS)} do from NVIDIA's DCGM exporter too" in readme
    assert f"one of {len(RUNBOOKS)} [runbooks]" in readme
    changes = " ".join((ROOT / "CHANGELOG.md").read_text(encoding="utf-8").split())
    assert f"write {len(ALERTS)} alerts" in changes
    assert f"{len(RUNBOOKS)} pages, {len(xids())} XIDs" in changes
