"""Every metric of the table is written, as its table says; nothing else is."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from exporter_process import Page
from hypothesis import given
from hypothesis import strategies as st

from rightrig.demand.objective import Slo
from rightrig.interval import Interval
from rightrig.watching.expected import Expected, ExpectedCard
from rightrig.watching.exporting import exporter as exporter_module
from rightrig.watching.exporting.asking import Asked
from rightrig.watching.exporting.exporter import Exporter
from rightrig.watching.exporting.lines import Writer, page
from rightrig.watching.metrics import ALL, METRICS
from rightrig.watching.states import (
    Activity,
    BusState,
    CardState,
    ClockState,
    Derived,
    EngineState,
    Health,
    Heat,
    Histogram,
    InstanceState,
    LinkState,
    Power,
    ProcessState,
    Snapshot,
)

if TYPE_CHECKING:
    import pytest

CARD = CardState(
    index=0,
    name='H "100"',
    uuid="GPU-0",
    bus_id="0:1:0",
    activity=Activity(0.5, 0.4, 0.3, 0.2, 0.1, 0.6),
    memory_total_bytes=8,
    memory_used_bytes=4,
    heat=Heat(60, 70, 20),
    power=Power(500.0, 700.0, 700.0, 1e6),
    clocks=ClockState(1e9, 2e9, 3e9, 3e9, ("idle",), {"power": 1.5}),
    health=Health(
        ecc_volatile={"corrected": 1}, ecc_aggregate={"corrected": 2},
        remapped_rows={"corrected": 3}, is_remap_pending=False, has_remap_failed=True,
        retired_pages={"corrected": 4}, is_page_pending=True, recovery_action=1, xids={79: 1},
    ),
    bus=BusState(5, 16, 5, 16, 7),
    links=(LinkState(0, is_up=True, errors={"replay": 1}),),
    fabric="completed",
    mig=True,
    instances=(InstanceState(1, "MIG-1", "1g.10gb", 10, 5),),
    processes=(ProcessState(1, "x", 9),),
)  # fmt: skip
LOST = CardState(1, "H100", "GPU-1", trouble="GpuIsLost")
ENGINE = EngineState(
    "http://engine:8000", 1.0, "vllm", "m", "", 1, 2, 0.5, 3, 4, 5, {"stop": 6}, 7, 8, 9,
    {"ttft": Histogram((0.1, 0.25, math.inf), (3, 5, 6), 1.25)},
)  # fmt: skip
THREE = Interval(1.0, 2.0, 3.0)
EXPECTED = Expected(
    name="d",
    model="m",
    rig="1xh100-sxm",
    runtime="vllm",
    cards=(ExpectedCard("h100-sxm", "H100", 2, 18, 5, 16, 700.0, 8.0, 3e12),),
    peak_requests_per_s=5.0,
    slo=Slo(ttft_p50_s=0.05, ttft_p99_s=0.2),
    cost_usd_per_hour=4.0,
    output_tokens_per_s=THREE,
    cost_usd_per_output_token=THREE.scaled(1e-6),
    draw_w=THREE,
)
DERIVED = Derived(5.0, 100.0, 1.0, 2e-6, 0.25, 0.7, "model", 0.9)


def exporter_of(snapshot: Snapshot | None, asked: Asked, expected: Expected | None) -> Exporter:
    return Exporter(lambda: snapshot, lambda: asked, expected, "host")


def whole() -> Exporter:
    """Return an exporter that has something of everything to tell."""
    snapshot = Snapshot(1.0, (CARD, LOST), "550", "hung", {"hung": 1})
    return exporter_of(snapshot, Asked((ENGINE,), DERIVED), EXPECTED)


def test_every_metric_is_written_with_its_labels_and_no_other() -> None:
    found = Page(whole().text(is_open=False).decode())
    labels = {one.name: tuple(one.labels) for one in found.samples}
    assert labels == {metric.name: metric.labels for metric in ALL}


def test_the_formats_agree_and_types_are_those_of_the_table() -> None:
    exporter = whole()
    plain, open_ = (exporter.text(is_open=is_open).decode() for is_open in (False, True))
    told = [
        [one for one in Page(text, is_open="EOF" in text).samples if "age" not in one.name]
        for text in (plain, open_)
    ]
    assert [(s.name, s.labels, s.value) for s in told[0]] == [
        (s.name, s.labels, s.value) for s in told[1]
    ]
    for metric in ALL:
        assert f"# TYPE {metric.name} {metric.kind}\n# HELP" not in plain
        assert f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}\n" in plain
        family = metric.name.removesuffix("_total")
        assert f"# TYPE {family} {metric.kind}\n" in open_


def test_values_are_in_the_units_of_the_names() -> None:
    found = Page(whole().text(is_open=False).decode())
    assert found.value("deployment_usd_per_million_output_tokens") == 2.0
    assert found.value("deployment_expected_usd_per_million_output_tokens", bound="high") == 3.0
    assert found.value("deployment_bandwidth_ratio", source="model") == 0.7
    assert found.values("gpu_row_remap_failed") == {"0": 1.0}
    assert found.values("gpu_row_remap_pending") == {"0": 0.0}
    assert found.value("gpu_info", model_name='H "100"') == 1.0


def test_what_cannot_be_written_in_utf_8_keeps_no_page_back() -> None:
    exporter = Exporter(lambda: Snapshot(1.0, (CARD,), "550"), Asked, None, "h\udcff")
    found = Page(exporter.text(is_open=False).decode())
    assert found.values("gpu_up", "Hostname") == {"h?": 1.0}


def test_an_objective_below_the_lowest_bucket_is_not_counted() -> None:
    slo = Slo(ttft_p99_s=0.05)
    exporter = exporter_of(None, Asked((ENGINE,)), replace(EXPECTED, slo=slo))
    found = Page(exporter.text(is_open=False).decode())
    assert found.value("engine_within_objective_total", metric="ttft") is None
    assert found.value("engine_latency_observations_total", metric="ttft") == 6.0


def test_the_objective_of_the_highest_share_is_counted_at_the_bucket_below_it() -> None:
    found = Page(whole().text(is_open=False).decode())
    assert found.value("engine_objective_bound_seconds", metric="ttft") == 0.1
    assert found.value("engine_within_objective_total", metric="ttft") == 3.0
    assert found.value("engine_latency_observations_total", metric="ttft") == 6.0
    assert found.value("engine_latency_seconds_total", metric="ttft") == 1.25


def test_before_the_first_reading_the_driver_is_starting() -> None:
    found = Page(exporter_of(None, Asked(), None).text(is_open=False).decode())
    assert found.value("watch_driver_up") == 0.0
    assert found.value("watch_driver_trouble", reason="starting") == 1.0
    assert found.value("watch_gpus") == 0.0


def test_a_page_is_rendered_once_a_reading_and_its_age_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts: list[int] = []

    def counted(sheets: list[dict[str, str]], *, is_open: bool) -> str:
        counts.append(len(sheets))
        return page(sheets, is_open=is_open)

    monkeypatch.setattr(exporter_module, "page", counted)
    snapshots, asked = [Snapshot(0.0, (CARD,), "550")], Asked()
    exporter = Exporter(lambda: snapshots[-1], lambda: asked, None, "host")
    first, second = (Page(exporter.text(is_open=False).decode()) for _ in range(2))
    assert counts == [3, 1, 1]  # the card, its reader and no plan; then the age, twice
    ages_s = [one.value("watch_sample_age_seconds") or 0.0 for one in (first, second)]
    assert 1e9 < ages_s[0] <= ages_s[1]
    snapshots.append(Snapshot(1.0, (LOST,), "550"))
    assert Page(exporter.text(is_open=False).decode()).values("gpu_up") == {"1": 0.0}
    assert counts == [3, 1, 1, 3, 1]


@given(
    st.text(max_size=20),
    st.one_of(st.floats(), st.integers(), st.booleans()),
)
def test_any_label_and_any_number_can_be_read_again(label: str, value: float) -> None:
    name = METRICS["rightrig_gpu_trouble"].name
    writer = Writer("rightrig_gpu_", {"gpu": "0"})
    writer.add("trouble", value, reason=label)
    (sample,) = Page(page([writer.sheet], is_open=False)).samples
    assert sample.name == name
    assert sample.labels["reason"] == label
    assert sample.value == value or (math.isnan(value) and math.isnan(sample.value))


def test_the_manual_lists_every_metric_as_the_table_has_it() -> None:
    manual = Path(__file__).parents[3] / "docs" / "how-to" / "export-metrics.md"
    text = manual.read_text("utf-8")
    missing = [
        metric.name
        for metric in ALL
        if not re.search(
            rf"^\| `{metric.name}` \|.*\| {re.escape(metric.help)} \|$", text, re.MULTILINE
        )
    ]
    assert missing == []
