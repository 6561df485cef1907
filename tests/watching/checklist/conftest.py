"""A deployment that is ready for production: its file, and the evidence that says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from ready_deployment import PLAN, ready_evidence

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.watching.checklist.evidence import Evidence


@pytest.fixture(scope="session")
def plan_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a plan."""
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    path.write_text(json.dumps(PLAN), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def good(plan_file: Path) -> Evidence:
    """Return the evidence of a deployment that passes every item."""
    return ready_evidence(plan_file)
