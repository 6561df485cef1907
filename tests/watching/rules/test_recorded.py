"""What is recorded: one series a quantity and card, in base units, whoever exports it."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest
from alert_cases import THRESHOLDS, card, card_labels, series
from promtool import Run, needs_promtool

from rightrig.watching.rules.writing import rules

if TYPE_CHECKING:
    from pathlib import Path

    from promtool import Series

pytestmark = needs_promtool
_CARD: Final = 'Hostname="a", UUID="GPU-0", gpu="0"'


def dcgm(name: str, *runs: Run | float, **labels: str) -> Series:
    """Return a series of DCGM's exporter, of card 0."""
    return series(f"DCGM_FI_{name}", {**card_labels(), **labels}, *runs)


def check(folder: Path, some: list[Series], expr: str, expected: dict[str, float]) -> None:
    """Fail unless an expression gives such values after fifteen minutes; labels → value."""
    document: dict[str, Any] = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [one.as_yaml() for one in some],
                "promql_expr_test": [
                    {
                        "expr": expr,
                        "eval_time": "15m",
                        "exp_samples": [
                            {"labels": f"{{{labels}}}", "value": value}
                            for labels, value in expected.items()
                        ],
                    }
                ],
            }
        ],
    }
    (folder / "rules.yml").write_text(json.dumps(rules(THRESHOLDS)), encoding="utf-8")
    (folder / "test.yml").write_text(json.dumps(document), encoding="utf-8")
    program = shutil.which("promtool")
    assert program is not None
    done = subprocess.run(
        [program, "test", "rules", str(folder / "test.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def recorded(name: str, labels: str = _CARD) -> str:
    return f'__name__="{name}", {labels}'


@pytest.mark.parametrize(
    ("theirs", "value", "ours", "base"),
    [
        ("DEV_GPU_UTIL", 97, "utilization_ratio", 0.97),
        ("DEV_GPU_UTIL_RATIO", 97, "utilization_ratio", 0.97),
        ("PROF_SM_ACTIVE", 0.5, "sm_active_ratio", 0.5),
        ("PROF_SM_UTIL_RATIO", 0.5, "sm_active_ratio", 0.5),
        ("DEV_FB_USED", 1024, "memory_used_bytes", 2**30),
        ("DEV_SM_CLOCK", 1980, "sm_clock_hertz", 1.98e9),
        ("DEV_SM_CLOCK_HERTZ", 1.98e9, "sm_clock_hertz", 1.98e9),
        ("DEV_BOARD_POWER_WATTS", 650.5, "power_watts", 650.5),
        ("DEV_FABRIC_MANAGER_STATUS", 3, "fabric_ready", 1),
        ("DEV_FABRIC_MANAGER_STATUS", 4, "fabric_ready", 0),
    ],
)
def test_a_field_of_dcgm_is_recorded_in_base_units(
    theirs: str, value: float, ours: str, base: float, tmp_path: Path
) -> None:
    check(tmp_path, [dcgm(theirs, value)], f"gpu:{ours}", {recorded(f"gpu:{ours}"): base})


@pytest.mark.parametrize("blank", [9223372036854775794, 2**47])
def test_what_dcgm_has_no_value_for_is_not_recorded(blank: float, tmp_path: Path) -> None:
    check(tmp_path, [dcgm("DEV_MEMORY_TEMP", blank)], "gpu:memory_temperature_celsius", {})


def test_a_card_without_a_fabric_is_not_waited_for(tmp_path: Path) -> None:
    """0 of DCGM's states: not supported."""
    check(tmp_path, [dcgm("DEV_FABRIC_MANAGER_STATUS", 0)], "gpu:fabric_ready", {})


def test_each_bit_of_what_holds_clocks_down_is_read(tmp_path: Path) -> None:
    """0xA4: power cap, software thermal, power brake."""
    check(
        tmp_path,
        [dcgm("DEV_CLOCK_THROTTLE_REASONS", 0xA4)],
        "gpu:clock_event_active == 1",
        {
            f'{recorded("gpu:clock_event_active")}, reason="{reason}"': 1
            for reason in (
                "software power cap", "software thermal slowdown", "hardware power brake",
            )
        },
    )  # fmt: skip


def test_ours_counts_where_both_exporters_run(tmp_path: Path) -> None:
    """Also where the other calls the host and the card otherwise."""
    theirs = series(
        "DCGM_FI_DEV_GPU_TEMP", {"gpu": "7", "UUID": "GPU-0", "hostname": "dcgm-x7k2p"}, 44
    )
    check(
        tmp_path,
        [card("temperature_celsius", 45), theirs],
        "gpu:temperature_celsius",
        {recorded("gpu:temperature_celsius"): 45},
    )


def test_the_label_that_the_exporter_renamed_is_read(tmp_path: Path) -> None:
    theirs = series("DCGM_FI_DEV_GPU_TEMP", {"gpu": "0", "UUID": "GPU-0", "hostname": "a"}, 44)
    check(
        tmp_path,
        [theirs],
        "gpu:temperature_celsius",
        {recorded("gpu:temperature_celsius"): 44},
    )


def test_instances_and_pods_of_one_card_are_one(tmp_path: Path) -> None:
    some = [
        dcgm("DEV_GPU_TEMP", 44, GPU_I_ID=number, pod=f"engine-{number}") for number in ("1", "2")
    ]
    expected = {recorded("gpu:temperature_celsius"): 44.0}
    check(tmp_path, some, "gpu:temperature_celsius", expected)


def test_an_event_from_before_a_gap_in_the_scrapes_is_not_new(tmp_path: Path) -> None:
    """Half an hour without Prometheus, which then reads the old count again; or one more."""
    name = f'{recorded("gpu:xid_events:new10m")}, xid="79"'
    for after, found in ((1, {}), (2, {name: 2.0})):
        runs = (Run(None, 0.0, 3), Run(1, 0.0, 3), Run(None, 0.0, 40), Run(after, 0.0, 100))
        events = card("xid_events_total", *runs, xid="79")
        check(tmp_path, [events], "gpu:xid_events:new10m", found)


def test_the_last_xid_that_dcgm_keeps_for_ever_is_an_event_once(tmp_path: Path) -> None:
    long_ago = dcgm("DEV_XID_ERRORS", Run(0, 0.0, 3), Run(79, 0.0, 300))
    check(tmp_path, [long_ago], "gpu:xid_events:new10m", {})
    lately = dcgm("DEV_XID_ERRORS", Run(79, 0.0, 40), Run(48, 0.0, 300))
    name = f'{recorded("gpu:xid_events:new10m")}, xid="48"'
    check(tmp_path, [lately], "gpu:xid_events:new10m", {name: 1})


def test_events_that_the_exporter_counts_itself_are_not_counted_twice(tmp_path: Path) -> None:
    counted = series("DCGM_EXP_XID_ERRORS_COUNT", {**card_labels(), "xid": "48"}, 1)
    none = series("DCGM_EXP_XID_ERRORS_COUNT", {**card_labels(1)}, 0)
    last = dcgm("DEV_XID_ERRORS", Run(0, 0.0, 40), Run(48, 0.0, 300))
    name = f'{recorded("gpu:xid_events:new10m")}, xid="48"'
    check(tmp_path, [counted, none, last], "gpu:xid_events:new10m", {name: 1})


def test_time_at_the_power_limit_is_as_counted_and_else_as_seen(tmp_path: Path) -> None:
    """Nine of ten readings; the count, where there is one, is finer and goes first."""
    seen = card(
        "clock_event_active", Run(0, 0.0, 24), Run(1, 0.0, 300), reason="software power cap"
    )
    name = recorded("gpu:power_capped:ratio10m")
    check(tmp_path, [seen], "round(gpu:power_capped:ratio10m, 0.1)", {_CARD: 0.9})
    counted = card("throttled_seconds_total", Run(0, 3, 300), policy="power")
    check(tmp_path, [seen, counted], "gpu:power_capped:ratio10m", {name: 0.2})


@pytest.mark.parametrize(
    ("generation", "lanes", "a_minute"),
    [(1, 16, 3), (4, 16, 16), (5, 16, 31), (5, 8, 16), (7, 16, 62)],
)
def test_replays_of_a_sound_link_follow_its_generation_and_lanes(
    generation: int, lanes: int, a_minute: int, tmp_path: Path
) -> None:
    """A bit error rate of 1e-12 on lanes of 2.5 to 64 GT/s; newer ones count as the sixth."""
    some = [card("pcie_link_generation", generation), card("pcie_link_lanes", lanes)]
    name = "gpu:pcie_replays_expected:per_minute"
    check(tmp_path, some, name, {recorded(name): a_minute})


def test_missed_objectives_are_a_share_of_observations(tmp_path: Path) -> None:
    labels = {"engine": "e", "model": "m", "Hostname": "a", "metric": "ttft"}
    some = [
        series("rightrig_engine_latency_observations_total", labels, Run(1e6, 100, 300)),
        series("rightrig_engine_within_objective_total", labels, Run(1e6, 97, 300)),
    ]
    name = "engine:objective_missed:ratio5m"
    text = ", ".join(f'{key}="{value}"' for key, value in labels.items())
    check(tmp_path, some, f"round({name}, 0.001)", {text: 0.03})
