"""A fault of a card becomes a metric, an alert, a message: all programs are real but the driver."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from exporter_process import exporting, needs_nvml
from fake_nvml import HGX_H100, build, write_state
from fake_nvml.scenarios import GPU_LOST, HEALTHY, NVLINK_DOWN, THROTTLING
from prometheus_process import needs_prometheus, until, watched

from rightrig.facts.catalog import shipped
from rightrig.verbs.watch_rules import alertmanager, rules
from rightrig.watching.runbooks import runbook

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.verbs.found import Found

pytestmark = [needs_nvml, needs_prometheus]

PLAN: Final = {
    "model": "llama-3.1-8b",
    "question": {"rate_requests_per_s": 5.0, "input_tokens": 1000, "output_tokens": 300},
    "plans": [
        {
            "rig": "8xh100-sxm", "runtime": "vllm", "weights": "bf16", "kv": "bf16", "tp": 8,
            "pp": 1, "replicas": 1, "max_batched_tokens": 8192, "capacity_requests_per_s": 9.0,
        }
    ],
}  # fmt: skip
"""As ``rightrig plan --json`` writes it."""
FAULTS: Final = {**GPU_LOST, **THROTTLING, **NVLINK_DOWN, "gpu5.power_limit": 500_000}
"""Card 3 is lost, 2 too hot, 4 has a link down, and somebody lowered the power limit of 5."""
TOLD: Final = {
    "GpuLost": ("3", "pager"),
    "XidCritical": ("3", "pager"),
    "HwThermalSlowdown": ("2", "pager"),
    "NvlinkDown": ("4", "pager"),
    "NvlinksFewerThanPlan": ("4", "pager"),
    "PowerLimitBelowPlan": ("5", "tickets"),
}
"""Alert → its card, and who hears of it."""
SILENCED: Final = {"GpusMissing", "SwThermalSlowdown"}
"""What a lost card, and hardware that slows down for heat, explain."""


def printed(found: Found[Any]) -> str:
    assert found.text is not None
    return found.text()


def test_a_faulted_card_is_a_message_with_its_page(tmp_path: Path) -> None:
    catalog = shipped()
    library, state, plan = build(tmp_path / "library"), tmp_path / "state", tmp_path / "plan.json"
    write_state(state, HEALTHY)
    plan.write_text(json.dumps(PLAN), encoding="utf-8")

    def routes(url: str) -> str:
        return printed(alertmanager(catalog, url))

    with exporting(library, state, "--deployment", str(plan)) as exported:
        target = exported.url.removeprefix("http://").partition("/")[0]
        made = printed(rules(catalog, str(plan), f"http://{target}/runbooks"))
        with watched(tmp_path, target, made, routes) as stack:
            until(lambda: len(stack.query("gpu:utilization_ratio")) == 8, 10.0, "eight cards")
            # Before the first readings there is nothing, and that is an alert.
            until(lambda: not stack.active(), 10.0, "a sound machine is silent")

            exported.become(HEALTHY, FAULTS)
            received = stack.webhook.alerts
            until(lambda: all(map(received, TOLD)), 30.0, f"messages of {[*TOLD]}")
            for name, (gpu, receiver) in TOLD.items():
                one = received(name)[0]
                assert (one["labels"]["gpu"], one["receiver"]) == (gpu, receiver), name
                assert one["labels"]["UUID"] == HGX_H100[f"gpu{gpu}.uuid"]
            assert received("XidCritical")[0]["labels"]["xid"] == "79"
            assert (
                "1 of those that worked" in received("NvlinkDown")[0]["annotations"]["description"]
            )

            url = received("GpuLost")[0]["annotations"]["runbook_url"]
            with urllib.request.urlopen(url, timeout=5.0) as page:  # noqa: S310 - our own
                assert page.read().decode() == runbook("gpu-lost")

            until(lambda: stack.suppressed() >= SILENCED, 10.0, "what others explain is silent")
            assert not any(map(received, SILENCED))

            exported.become(HEALTHY)
            until(lambda: received("GpuLost", "resolved"), 30.0, "the card is back")
