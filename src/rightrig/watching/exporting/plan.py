"""Lines of what was planned, and of what follows from two readings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.quantities import MILLION
from rightrig.watching.exporting.lines import Writer

if TYPE_CHECKING:
    from rightrig.interval import Interval
    from rightrig.watching.expected import Expected
    from rightrig.watching.exporting.lines import Sheet
    from rightrig.watching.states import Derived

_DEPLOYMENT: Final = "rightrig_deployment_"


def plan_sheet(expected: Expected, host: str) -> Sheet:
    """Return what does not change as long as the plan does not."""
    writer = Writer(_DEPLOYMENT, {"deployment": expected.name, "Hostname": host})
    writer.add("info", 1, model=expected.model, rig=expected.rig, runtime=expected.runtime)
    writer.add("rent_usd_per_hour", expected.cost_usd_per_hour)
    writer.add("peak_requests_per_second", expected.peak_requests_per_s)
    cost = expected.cost_usd_per_output_token
    for name, interval in (
        ("expected_output_tokens_per_second", expected.output_tokens_per_s),
        ("expected_usd_per_million_output_tokens", None if cost is None else cost.scaled(MILLION)),
        ("expected_gpu_power_watts", expected.draw_w),
    ):
        _bounds(writer, name, interval)
    return writer.sheet


def _bounds(writer: Writer, name: str, interval: Interval | None) -> None:
    """Write an interval."""
    if interval is not None:
        for bound in ("low", "mid", "high"):
            writer.add(name, getattr(interval, bound), bound=bound)


def derived_sheet(derived: Derived, name: str, host: str) -> Sheet:
    """Return what follows from the last two readings.

    Args:
        derived: As it follows.
        name: Of the deployment; empty without a plan.
        host: Of the exporter.
    """
    writer = Writer(_DEPLOYMENT, {"deployment": name, "Hostname": host})
    cost = derived.cost_usd_per_output_token
    writer.add("output_tokens_per_second", derived.output_tokens_per_s)
    writer.add("output_tokens_per_joule", derived.output_tokens_per_j)
    writer.add("usd_per_million_output_tokens", None if cost is None else cost * MILLION)
    writer.add("bandwidth_ratio", derived.bandwidth_ratio, source=derived.bandwidth_source)
    writer.add("prediction_ratio", derived.prediction_ratio)
    return writer.sheet
