"""The dashboard: JSON that Grafana imports, about series that exist, with the plan's lines."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

from alert_cases import THRESHOLDS
from promtool import needs_promtool

from rightrig.watching.dashboard.board import dashboard
from rightrig.watching.metrics import METRICS
from rightrig.watching.rules.recorded import RECORDED
from rightrig.watching.rules.thresholds import thresholds_of

if TYPE_CHECKING:
    from pathlib import Path

BOARD: Final = dashboard(THRESHOLDS)
PANELS: Final[list[dict[str, Any]]] = [p for p in BOARD["panels"] if p["type"] != "row"]
EXPRS: Final = [target["expr"] for panel in PANELS for target in panel["targets"]]


@needs_promtool
def test_promtool_accepts_every_expression(tmp_path: Path) -> None:
    """As recording rules, since promtool reads no dashboards."""
    made = [
        {"record": f"panel:{index}", "expr": re.sub(r"\$\w+", ".*", expr)}
        for index, expr in enumerate(EXPRS)
    ]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "board", "rules": made}]}), encoding="utf-8")
    program = shutil.which("promtool")
    assert program is not None
    done = subprocess.run(
        [program, "check", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(EXPRS)} rules found" in done.stdout


def test_every_series_of_a_panel_exists() -> None:
    recorded = {one.name for _, some in RECORDED for one in some}
    text = "\n".join(EXPRS)
    assert set(re.findall(r"\brightrig_\w+", text)) <= set(METRICS)
    assert set(re.findall(r"\b(?:gpu|host|engine):\w[\w:]*", text)) <= recorded


def test_cards_are_read_from_recorded_series_whoever_exports_them() -> None:
    assert not any("rightrig_gpu_" in expr or "DCGM_" in expr for expr in EXPRS)


def test_every_gauge_that_is_recorded_of_a_card_is_shown() -> None:
    shown = set(re.findall(r"\bgpu:[\w:]+", "\n".join(EXPRS)))
    recorded = {one.name for _, some in RECORDED for one in some if one.name.startswith("gpu:")}
    assert recorded - shown <= {
        "gpu:memory_busy_ratio", "gpu:memory_total_bytes", "gpu:memory_temperature_celsius",
        "gpu:sm_clock_max_hertz", "gpu:memory_clock_hertz",
    }  # fmt: skip


def test_rows_come_in_order_and_panels_do_not_overlap() -> None:
    titles = [panel["title"] for panel in BOARD["panels"] if panel["type"] == "row"]
    assert titles == ["Plan and reality", "Engine", "Cards", "Links", "Health"]
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_numbers_of_panels_are_unique() -> None:
    numbers = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_the_source_is_chosen_by_a_variable() -> None:
    names = [variable["name"] for variable in BOARD["templating"]["list"]]
    assert names == ["datasource", "host", "gpu"]
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${datasource}"}


def steps_of(board: dict[str, Any], title: str) -> list[float]:
    (panel,) = [one for one in board["panels"] if one["title"] == title]
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return [step["value"] for step in steps if step["value"] is not None]


def test_what_the_plan_promises_is_a_line() -> None:
    assert steps_of(BOARD, "Output over prediction") == [0.8]
    assert steps_of(BOARD, "$ a million output tokens") == [8.0]
    assert steps_of(BOARD, "Requests a second") == [10.0]
    assert steps_of(BOARD, "Requests that miss their objective") == [0.01]
    assert steps_of(BOARD, "NVLinks up") == [18.0]


def test_without_a_plan_there_are_no_lines_of_it() -> None:
    bare = dashboard(thresholds_of(None))
    assert steps_of(bare, "Output over prediction") == []
    assert steps_of(bare, "KV cache in use") == [0.9, 0.95]
    assert bare["description"] == "No plan."


def test_the_dashboard_is_json() -> None:
    assert json.loads(json.dumps(BOARD)) == BOARD
