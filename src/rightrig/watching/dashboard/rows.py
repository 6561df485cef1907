"""The rows of the dashboard and their panels.

Cards are read from the recorded series, so that a panel shows them whoever exports them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.quantities import MILLION
from rightrig.watching.dashboard.panel import Mark, Panel, Query
from rightrig.watching.rules.alert import promql

if TYPE_CHECKING:
    from typing import SupportsFloat

    from rightrig.watching.dashboard.panel import Colour, Kind, Unit
    from rightrig.watching.rules.thresholds import Thresholds

_HOST: Final = 'Hostname=~"$host"'
_CARD: Final = f'{_HOST}, gpu=~"$gpu"'
_GPU: Final = "{{Hostname}} {{gpu}}"


def _of_card(
    title: str,
    name: str,
    unit: Unit = "none",
    *,
    kind: Kind = "timeseries",
    marks: tuple[Mark, ...] = (),
    is_share: bool = False,
) -> Panel:
    """Return a panel of one quantity, a line a card."""
    query = Query(f"gpu:{name}{{{_CARD}}}", _GPU)
    return Panel(title, (query,), unit, kind, marks=marks, is_share=is_share)


def _line(at: SupportsFloat | None, colour: Colour) -> tuple[Mark, ...]:
    """Return a line at a value of the plan; nothing where it has none."""
    return () if at is None else (Mark(promql(at), colour),)


def _lines_of(name: str, legend: str = "{{engine}}") -> tuple[Query]:
    """Return a line an engine, deployment or host."""
    return (Query(f"{name}{{{_HOST}}}", legend),)


def _rate(counter: str) -> str:
    """Return how fast a counter of the engine grows."""
    return f"rate(rightrig_engine_{counter}_total{{{_HOST}}}[5m])"


def _beside(name: str) -> tuple[Query, Query]:
    """Return what a deployment does, and what is predicted at its planned peak."""
    return (
        Query(f"rightrig_deployment_{name}{{{_HOST}}}", "now"),
        Query(f"rightrig_deployment_expected_{name}{{{_HOST}}}", "plan {{bound}}"),
    )


def plan_row(thresholds: Thresholds) -> tuple[Panel, ...]:
    """Return what was planned beside what is."""
    cost = thresholds.cost_usd_per_output_token
    peak = Query(f"rightrig_deployment_peak_requests_per_second{{{_HOST}}}", "planned peak")
    return (
        Panel(
            "Output over prediction",
            _lines_of("rightrig_deployment_prediction_ratio", "{{deployment}}"),
            "percentunit",
            description="Output tokens a second over those predicted for as many users. The line "
            "is the low end of the prediction.",
            marks=_line(thresholds.prediction_ratio, "orange"),
        ),
        Panel("Output tokens a second", _beside("output_tokens_per_second"), "short"),
        Panel(
            "$ a million output tokens",
            _beside("usd_per_million_output_tokens"),
            "currencyUSD",
            description="At the plan's rent. The line is the plan's high end at its peak.",
            marks=_line(None if cost is None else cost * MILLION, "orange"),
        ),
        Panel(
            "Requests a second",
            (*_lines_of("engine:requests:rate5m"), peak),
            "reqps",
            marks=_line(thresholds.peak_requests_per_s, "orange"),
        ),
        Panel(
            "Memory bandwidth in use",
            _lines_of("rightrig_deployment_bandwidth_ratio", "{{source}}"),
            "percentunit",
            is_share=True,
        ),
        Panel(
            "Output tokens a joule",
            _lines_of("rightrig_deployment_output_tokens_per_joule", "{{deployment}}"),
        ),
    )


def engine_row(thresholds: Thresholds) -> tuple[Panel, ...]:
    """Return the engine's own metrics."""
    return (*_requests(thresholds), *_latencies(thresholds), *_caches(thresholds))


def _requests(thresholds: Thresholds) -> tuple[Panel, ...]:
    """Return what an engine is asked, and does."""
    return (
        Panel(
            "Requests in batch and queue",
            (
                *_lines_of("rightrig_engine_requests_running", "{{engine}} running"),
                *_lines_of("rightrig_engine_requests_waiting", "{{engine}} waiting"),
            ),
            "short",
        ),
        Panel(
            "Tokens a second",
            (
                *_lines_of("engine:generation_tokens:rate5m", "{{engine}} generated"),
                Query(_rate("prompt_tokens"), "{{engine}} read"),
            ),
            "short",
        ),
        Panel(
            "Requests that fail",
            _lines_of("engine:requests_failed:ratio5m"),
            "percentunit",
            marks=_line(thresholds.error_ratio, "red"),
        ),
    )


def _latencies(thresholds: Thresholds) -> tuple[Panel, ...]:
    """Return how long requests take, and how many take too long."""
    mean = f"{_rate('latency_seconds')} / ({_rate('latency_observations')} > 0)"
    missed = "engine:objective_missed:ratio1h"
    budgets = sorted({budget.missed_ratio for budget in thresholds.budgets})
    return (
        Panel("Mean latency", (Query(mean, "{{engine}} {{metric}}"),), "s"),
        Panel(
            "Requests that miss their objective",
            _lines_of(missed, "{{engine}} {{metric}}, one hour"),
            "percentunit",
            description="The lines are what the plan's percentiles allow.",
            marks=tuple(mark for missed in budgets for mark in _line(missed, "orange")),
        ),
    )


def _caches(thresholds: Thresholds) -> tuple[Panel, ...]:
    """Return what an engine keeps."""
    hits = f"{_rate('prefix_cache_hits')} / ({_rate('prefix_cache_queries')} > 0)"
    full = (*_line(thresholds.kv_high_ratio, "orange"), *_line(thresholds.kv_full_ratio, "red"))
    return (
        Panel(
            "KV cache in use",
            _lines_of("rightrig_engine_kv_cache_used_ratio"),
            "percentunit",
            marks=full,
            is_share=True,
        ),
        Panel("Preemptions in five minutes", _lines_of("engine:preemptions:increase5m"), "short"),
        Panel("Prefix cache hits", (Query(hits, "{{engine}}"),), "percentunit", is_share=True),
    )


def cards_row(thresholds: Thresholds) -> tuple[Panel, ...]:
    """Return the cards."""
    power_w = thresholds.power_limit_w
    return (
        _of_card("Time with a kernel", "utilization_ratio", "percentunit", is_share=True),
        _of_card("SMs at work", "sm_active_ratio", "percentunit", is_share=True),
        _of_card("Resident warps", "sm_occupancy_ratio", "percentunit", is_share=True),
        _of_card(
            "Memory in use",
            "memory_used_bytes",
            "bytes",
            marks=_line(thresholds.memory_used_bytes, "orange"),
        ),
        _of_card("Memory bandwidth", "dram_active_ratio", "percentunit", is_share=True),
        _of_card("Tensor cores", "tensor_active_ratio", "percentunit", is_share=True),
        _of_card("SM clock", "sm_clock_hertz", "hertz"),
        Panel(
            "Power",
            (
                Query(f"gpu:power_watts{{{_CARD}}}", _GPU),
                Query(f"gpu:power_limit_watts{{{_CARD}}}", f"{_GPU} limit"),
            ),
            "watt",
            marks=_line(power_w, "orange"),
        ),
        _of_card("Time at the power limit", "power_capped:ratio10m", "percentunit", is_share=True),
        _of_card("Temperature", "temperature_celsius", "celsius"),
        _of_card(
            "Degrees until a slowdown",
            "thermal_margin_celsius",
            "celsius",
            marks=(Mark("0", "red"), *_line(thresholds.margin_celsius, "orange")),
        ),
        Panel(
            "What holds clocks down",
            (Query(f"gpu:clock_event_active{{{_CARD}}}", f"{_GPU} {{{{reason}}}}"),),
            kind="state-timeline",
        ),
    )


def links_row(thresholds: Thresholds) -> tuple[Panel, ...]:
    """Return what joins the cards."""
    return (
        Panel(
            "PCIe lanes",
            (
                Query(f"gpu:pcie_link_lanes{{{_CARD}}}", _GPU),
                Query(f"gpu:pcie_link_lanes_max{{{_CARD}}}", f"{_GPU} at best"),
            ),
        ),
        Panel(
            "PCIe generation",
            (
                Query(f"gpu:pcie_link_generation{{{_CARD}}}", _GPU),
                Query(f"gpu:pcie_link_generation_max{{{_CARD}}}", f"{_GPU} at best"),
            ),
            description="It falls while a card idles.",
        ),
        Panel(
            "PCIe replays a minute",
            (
                Query(f"gpu:pcie_replays:per_minute5m{{{_CARD}}}", _GPU),
                Query(f"gpu:pcie_replays_expected:per_minute{{{_CARD}}}", f"{_GPU} explained"),
            ),
        ),
        _of_card("NVLinks up", "nvlinks_up", marks=_line(thresholds.links_count, "green")),
        Panel(
            "NVLink errors in a quarter of an hour",
            (Query(f"gpu:nvlink_errors:increase15m{{{_CARD}}}", f"{_GPU} {{{{kind}}}}"),),
        ),
        _of_card("Member of its fabric", "fabric_ready", kind="state-timeline"),
    )


def _cards(*named: tuple[str, str]) -> tuple[Query, ...]:
    """Return lines of cards: series, and what stands behind the card's name."""
    return tuple(Query(f"gpu:{name}{{{_CARD}}}", f"{_GPU} {words}") for name, words in named)


def health_row(_thresholds: Thresholds) -> tuple[Panel, ...]:
    """Return alerts, errors, and whether anything is read at all."""
    firing = 'ALERTS{alertstate="firing", family!=""}'
    alerts = Query(f"max by (alertname, severity, Hostname, gpu, engine) ({firing})", "")
    return (
        Panel("Alerts", (alerts,), kind="table", columns=16),
        Panel(
            "GPUs, and expected",
            (
                *_lines_of("host:gpus", "{{Hostname}}"),
                *_lines_of("host:gpus_expected", "{{Hostname}} expected"),
            ),
            kind="stat",
        ),
        *_errors(),
        Panel(
            "Driver answers",
            _lines_of("rightrig_watch_driver_up", "{{Hostname}}"),
            kind="state-timeline",
        ),
        Panel(
            "Age of the last reading",
            _lines_of("rightrig_watch_sample_age_seconds", "{{Hostname}}"),
            "s",
        ),
    )


def _errors() -> tuple[Panel, ...]:
    """Return what went wrong on cards."""
    return (
        Panel("Error events (XID)", _cards(("xid_events:new10m", "XID {{xid}}"))),
        Panel(
            "Memory errors",
            _cards(
                ("ecc_uncorrected:increase15m", "uncorrected, 15 min"),
                ("ecc_corrected:increase1h", "corrected, 1 h"),
            ),
        ),
        Panel(
            "Rows and pages",
            _cards(
                ("row_remap_pending", "row pending"),
                ("row_remap_failed", "row failed"),
                ("retired_page_pending", "page pending"),
            ),
            kind="state-timeline",
        ),
        _of_card("What the driver wants done", "recovery_action", kind="state-timeline"),
    )


ROWS: Final = (
    ("Plan and reality", plan_row),
    ("Engine", engine_row),
    ("Cards", cards_row),
    ("Links", links_row),
    ("Health", health_row),
)
"""Title → its panels."""
