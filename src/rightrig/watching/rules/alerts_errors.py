"""Alerts of errors: memory, error events of the driver, what the driver wants done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.watching.rules.alert import CARD, CARD_LABELS, Alert, fixed, promql
from rightrig.watching.xids import numbers

if TYPE_CHECKING:
    from rightrig.watching.rules.thresholds import Thresholds

_REPAIRED: Final = (
    f"(gpu:row_remap_pending == 1\n  unless on ({CARD_LABELS}) (gpu:row_remap_failed == 1))"
)
"""Cards that will replace the bad row at the next reset."""
_UNCORRECTED: Final = "gpu:ecc_uncorrected:increase15m > 0"


def _critical(_thresholds: Thresholds) -> str:
    """Return events after which the card cannot be trusted."""
    return f'gpu:xid_events:new10m{{xid=~"{_any_of(numbers("critical"))}"}}'


def _info(_thresholds: Thresholds) -> str:
    """Return events that follow from others, or are upkeep."""
    return f'gpu:xid_events:new10m{{xid=~"{_any_of(numbers("info"))}"}}'


def _warning(_thresholds: Thresholds) -> str:
    """Return all other events: one that no table knows is no less."""
    other = _any_of((*numbers("critical"), *numbers("info")))
    return f'gpu:xid_events:new10m{{xid!~"{other}"}}'


def _any_of(xids: tuple[int, ...]) -> str:
    """Return a pattern."""
    return "|".join(str(xid) for xid in sorted(xids))


_MEMORY: Final = "rightrig-memory-errors"
_XID: Final = "rightrig-xids"
_XID_SUMMARY: Final = f"XID {{{{ $labels.xid }}}} on {CARD}"
ERRORS: Final = (
    Alert(
        name="EccUncorrectable",
        group=_MEMORY,
        family="ecc",
        severity="critical",
        expr=fixed(f"{_UNCORRECTED}\nunless on ({CARD_LABELS}) {_REPAIRED}"),
        for_s=0,
        summary=f"{CARD} lost data in its memory",
        description="Errors that could not be corrected within a quarter of an hour, and no row "
        "waits to be replaced. Whatever used that memory ended or is wrong.",
        runbook="ecc",
        sources="ours and DCGM",
    ),
    Alert(
        name="EccUncorrectableContained",
        group=_MEMORY,
        family="ecc",
        severity="warning",
        expr=fixed(f"{_UNCORRECTED}\nand on ({CARD_LABELS}) {_REPAIRED}"),
        for_s=0,
        summary=f"{CARD} lost data in its memory and will replace the row",
        description="Errors that could not be corrected within a quarter of an hour; the bad row "
        "is "
        "replaced at the next reset of the card.",
        runbook="ecc",
        sources="ours and DCGM",
    ),
    Alert(
        name="EccCorrectedRises",
        group=_MEMORY,
        family="ecc",
        severity="warning",
        expr=lambda t: f"gpu:ecc_corrected:increase1h > {promql(t.ecc_corrected_count)}",
        for_s=300,
        summary=f"{CARD} corrects many memory errors",
        description='{{ printf "%.0f" $value }} in the last hour. Nothing is lost yet.',
        runbook="ecc",
        uses=("ecc_corrected_count",),
        sources="ours and DCGM",
    ),
    Alert(
        name="RowRemapFailed",
        group=_MEMORY,
        family="row-remap",
        severity="critical",
        expr=fixed("gpu:row_remap_failed == 1"),
        for_s=0,
        summary=f"{CARD} could not replace a bad row of its memory",
        description="Spare rows are used up, or a replacement failed. The card is to be exchanged.",
        runbook="ecc",
        sources="ours and DCGM",
    ),
    Alert(
        name="RowRemapPending",
        group=_MEMORY,
        family="row-remap",
        severity="warning",
        expr=fixed(
            f"gpu:row_remap_pending == 1\nunless on ({CARD_LABELS}) (gpu:row_remap_failed == 1)"
        ),
        for_s=0,
        summary=f"{CARD} waits for a reset to replace a bad row",
        description="Drain it and reset it at the next opportunity.",
        runbook="ecc",
        sources="ours and DCGM",
    ),
    Alert(
        name="RetiredPagePending",
        group=_MEMORY,
        family="row-remap",
        severity="warning",
        expr=fixed("gpu:retired_page_pending >= 1"),
        for_s=0,
        summary=f"{CARD} waits for a reset to retire a page of its memory",
        description="Drain it and reset it at the next opportunity.",
        runbook="ecc",
        sources="ours and DCGM",
    ),
    Alert(
        name="XidCritical",
        group=_XID,
        family="xid",
        severity="critical",
        expr=_critical,
        for_s=0,
        summary=_XID_SUMMARY,
        description="The driver reports an error after which the card, or what it computes, cannot "
        "be trusted until somebody acted. `rightrig watch runbook {{ $labels.xid }}` says how.",
        runbook="xid",
        sources="ours and DCGM",
    ),
    Alert(
        name="XidWarning",
        group=_XID,
        family="xid",
        severity="warning",
        expr=_warning,
        for_s=0,
        summary=_XID_SUMMARY,
        description="A request or an engine was hurt, or something wears out; an XID that no table "
        "knows is reported here too. `rightrig watch runbook {{ $labels.xid }}` says more.",
        runbook="xid",
        sources="ours and DCGM",
    ),
    Alert(
        name="XidInfo",
        group=_XID,
        family="xid",
        severity="info",
        expr=_info,
        for_s=0,
        summary=_XID_SUMMARY,
        description="It follows from another event, or is upkeep.",
        runbook="xid",
        sources="ours and DCGM",
    ),
    Alert(
        name="RecoveryNeeded",
        group=_XID,
        family="recovery",
        severity="critical",
        expr=fixed("gpu:recovery_action != 0"),
        for_s=0,
        summary=f"The driver wants {CARD} to be recovered",
        description='It asks for action {{ printf "%.0f" $value }}: 1 reset of the card, 2 reboot, '
        "3 drain of its peers, 4 drain and reset, 5 recovery of IMEX, 6 reset of the bus, 7 reboot "
        "of the system.",
        runbook="gpu-lost",
        sources="ours and DCGM",
    ),
)
"""Alerts of errors."""
