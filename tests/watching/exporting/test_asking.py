"""Engines are asked beside the cards: replicas as one, and nothing old when that fails."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from engine_metrics import served, vllm

from rightrig.demand.objective import Slo
from rightrig.watching.expected import Expected, ExpectedCard
from rightrig.watching.exporting.asking import ENDED, Asked, Asking
from rightrig.watching.states import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

PERIOD_S = 0.1
EXPECTED = Expected(
    name="d", model="m", rig="2xh100-sxm", runtime="vllm", peak_requests_per_s=5.0, slo=Slo(),
    cards=(ExpectedCard("h100-sxm", "H100", 2, 18, 5, 16, 700.0, 8.0, 3e12),),
    cost_usd_per_hour=7.2,
)  # fmt: skip


def until(asking: Asking, holds: Callable[[Asked], object]) -> Asked:
    """Return the first answer of which something holds."""
    ends_s = time.monotonic() + 10.0
    while time.monotonic() < ends_s:
        if holds(found := asking.latest()):
            return found
        time.sleep(0.01)
    raise AssertionError(f"not in time: {asking.latest()}")


def test_two_replicas_have_the_tokens_of_both_and_the_bytes_of_one_card() -> None:
    began_s = time.monotonic()

    def page() -> str:
        passed_s = time.monotonic() - began_s
        return vllm(tokens=500.0 * passed_s, read_bytes=1.5e12 * passed_s)

    with served({"/metrics": page}) as one, served({"/metrics": page}) as other:
        asking = Asking([one, other], EXPECTED, lambda: Snapshot(time.time()), 0.5)
        with asking:
            derived = until(asking, lambda found: found.derived).derived
    assert derived is not None
    assert derived.output_tokens_per_s == pytest.approx(1_000.0, rel=0.1)
    assert derived.cost_usd_per_output_token == pytest.approx(2e-6, rel=0.1)
    # Each card reads half of its peak, however many engines say so of theirs.
    assert derived.bandwidth_source == "engine"
    assert derived.bandwidth_ratio == pytest.approx(0.5, rel=0.1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_when_asking_fails_the_engine_is_down_rather_than_as_it_was() -> None:
    fails = False

    def snapshot() -> Snapshot:
        if fails:
            raise RuntimeError("a defect")
        return Snapshot(time.time())

    with served({"/metrics": vllm()}) as url, Asking([url], None, snapshot, PERIOD_S) as asking:
        until(asking, lambda found: found.engines and not found.engines[0].trouble)
        fails = True
        found = until(asking, lambda found: found.engines[0].trouble)
    assert [(one.url, one.trouble) for one in found.engines] == [(url, ENDED)]
    assert found.derived is None
