"""Alerts of what joins cards: PCIe, NVLink, the fabric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.watching.rules.alert import CARD, CARD_LABELS, Alert, fixed, of_plan, promql
from rightrig.watching.rules.alerts_cards import loaded

if TYPE_CHECKING:
    from rightrig.watching.rules.thresholds import Thresholds

_NARROW: Final = "gpu:pcie_link_lanes / gpu:pcie_link_lanes_max"


def _slow(thresholds: Thresholds) -> str:
    """Return loaded cards below their generation: an idle card lowers it to save power."""
    return (
        "gpu:pcie_link_generation < gpu:pcie_link_generation_max\n"
        f"and on ({CARD_LABELS}) ({loaded(thresholds)})"
    )


def _replays(thresholds: Thresholds) -> str:
    """Return cards that send more again than bit errors of a sound link explain."""
    usual = f"{promql(thresholds.pcie_replays_ratio)} * gpu:pcie_replays_expected:per_minute"
    return f"gpu:pcie_replays:per_minute5m > {usual}"


def _fewer(thresholds: Thresholds) -> str:
    """Return cards with fewer links than the plan's; nothing where it counts on none."""
    if thresholds.links_count is None:
        return ""
    return of_plan(f"gpu:nvlinks_up < {thresholds.links_count}", thresholds)


def _retries(thresholds: Thresholds) -> str:
    """Return cards whose links send again or train anew."""
    return (
        f"sum by ({CARD_LABELS}) "
        '(gpu:nvlink_errors:increase15m{kind=~"replay|recovery"}) '
        f"> {promql(thresholds.nvlink_retries_count)}"
    )


def _crc(thresholds: Thresholds) -> str:
    """Return cards whose links corrupt much."""
    return (
        f'sum by ({CARD_LABELS}) (gpu:nvlink_errors:increase15m{{kind=~"crc_.*"}}) / 900 '
        f"> {promql(thresholds.nvlink_crc_per_s)}"
    )


_PCIE: Final = "rightrig-pcie"
_NVLINK: Final = "rightrig-nvlink"
LINKS: Final = (
    Alert(
        name="PcieNarrow",
        group=_PCIE,
        family="pcie-width",
        severity="warning",
        expr=fixed(f"{_NARROW} < 1"),
        for_s=300,
        summary=f"{CARD} has fewer PCIe lanes than card and slot can do",
        description='It runs at {{ printf "%.2f" $value }} of them. Loading a model and traffic '
        "between cards take so much longer.",
        runbook="link-degraded",
        sources="ours and DCGM",
    ),
    Alert(
        name="PcieVeryNarrow",
        group=_PCIE,
        family="pcie-width",
        severity="critical",
        expr=lambda t: f"{_NARROW} <= {promql(t.pcie_lanes_ratio)}",
        for_s=300,
        summary=f"{CARD} has lost most of its PCIe lanes",
        description='It runs at {{ printf "%.2f" $value }} of what card and slot can do.',
        runbook="link-degraded",
        uses=("pcie_lanes_ratio",),
        sources="ours and DCGM",
    ),
    Alert(
        name="PcieSlow",
        group=_PCIE,
        family="pcie-generation",
        severity="warning",
        expr=_slow,
        for_s=300,
        summary=f"{CARD} runs PCIe below its generation under load",
        description='It runs at generation {{ printf "%.0f" $value }}. Idle cards lower it to save '
        "power, so only loaded ones count.",
        runbook="link-degraded",
        uses=("busy_ratio",),
        sources="ours and DCGM",
    ),
    Alert(
        name="PcieReplays",
        group=_PCIE,
        family="pcie-replays",
        severity="warning",
        expr=_replays,
        for_s=300,
        summary=f"{CARD} sends much again over PCIe",
        description='{{ printf "%.0f" $value }} packets a minute, more than the bit errors of a '
        "sound link of its generation and width explain.",
        runbook="link-degraded",
        uses=("pcie_replays_ratio",),
        sources="ours and DCGM",
    ),
    Alert(
        name="NvlinkDown",
        group=_NVLINK,
        family="nvlink",
        severity="critical",
        # A link that nobody ever used is down too: only those that worked within the day count.
        # One alert a card, for a switch that fails takes all of its links along.
        expr=fixed("max_over_time(gpu:nvlinks_up[1d]) - gpu:nvlinks_up > 0"),
        for_s=60,
        summary=f"NVLinks of {CARD} went down",
        description='{{ printf "%.0f" $value }} of those that worked within the last day; '
        "rightrig_gpu_nvlink_up says which. Traffic between cards takes the links that remain, "
        "or PCIe.",
        runbook="link-degraded",
    ),
    Alert(
        name="NvlinksFewerThanPlan",
        group=_NVLINK,
        family="nvlink-count",
        severity="critical",
        expr=_fewer,
        for_s=60,
        summary=f"{CARD} has fewer NVLinks up than the plan counts on",
        description='{{ printf "%.0f" $value }} are up.',
        runbook="link-degraded",
        uses=("links_count",),
    ),
    Alert(
        name="NvlinkRetries",
        group=_NVLINK,
        family="nvlink",
        severity="warning",
        expr=_retries,
        for_s=60,
        summary=f"NVLinks of {CARD} send again or train anew",
        description='{{ printf "%.0f" $value }} replays and recoveries within a quarter of an '
        "hour.",
        runbook="link-degraded",
        uses=("nvlink_retries_count",),
        sources="ours and DCGM",
    ),
    Alert(
        name="NvlinkCrcErrors",
        group=_NVLINK,
        family="nvlink",
        severity="warning",
        expr=_crc,
        for_s=60,
        summary=f"NVLinks of {CARD} corrupt much",
        description='{{ printf "%.0f" $value }} CRC errors a second.',
        runbook="link-degraded",
        uses=("nvlink_crc_per_s",),
        sources="ours and DCGM",
    ),
    Alert(
        name="FabricNotReady",
        group=_NVLINK,
        family="fabric",
        severity="critical",
        expr=fixed("gpu:fabric_ready == 0"),
        for_s=120,
        summary=f"{CARD} is no member of its NVSwitch fabric",
        description="Until it is, no program can start on it or reach its peers. The fabric "
        "manager "
        "says why.",
        runbook="link-degraded",
        sources="ours and DCGM",
    ),
)
"""Alerts of links."""
