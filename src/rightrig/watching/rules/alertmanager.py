"""An example configuration of Alertmanager: who hears of what, and what silences what."""

from __future__ import annotations

from typing import Any, Final

_ROOTS: Final = "DriverDown|DriverVersionMismatch|HostSilent"
"""While one of these holds, nothing else of the host can be believed."""
_KEPT: Final = "XidCritical"
"""The event that says why a card went away is never silenced."""
RECEIVERS: Final = {"critical": "pager", "warning": "tickets", "info": "notes"}
"""Severity → who hears of it."""


def configuration(webhook: str | None) -> dict[str, Any]:
    """Return the configuration.

    Args:
        webhook: Where every receiver sends to; ``None`` leaves receivers empty, to be filled in.
    """
    return {
        "route": {
            "receiver": "tickets",
            # One message a host and trouble, not one a card.
            "group_by": ["Hostname", "family"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "4h",
            "routes": [_route(severity) for severity in RECEIVERS],
        },
        "inhibit_rules": [_inhibition(*rule) for rule in _INHIBITIONS],
        "receivers": [_receiver(name, webhook) for name in RECEIVERS.values()],
    }


def _route(severity: str) -> dict[str, Any]:
    """Return where alerts of a severity go."""
    soon = {"group_wait": "10s", "repeat_interval": "1h"} if severity == "critical" else {}
    return {"matchers": [f'severity="{severity}"'], "receiver": RECEIVERS[severity], **soon}


def _receiver(name: str, webhook: str | None) -> dict[str, Any]:
    """Return a receiver."""
    return {"name": name, **({"webhook_configs": [{"url": webhook}]} if webhook else {})}


_INHIBITIONS: Final = (
    ((f'alertname=~"{_ROOTS}"',), (f'alertname!~"{_ROOTS}|{_KEPT}"',), ("Hostname",)),
    (('alertname="GpuLost"',), (f'alertname!~"GpuLost|{_KEPT}"',), ("Hostname", "gpu")),
    (
        ('alertname="GpuLost"',),
        ('alertname=~"GpusMissing|EngineDown|EngineStalled|CollectiveHang"',),
        ("Hostname",),
    ),
    (
        ('alertname="RecoveryNeeded"',),
        ('alertname=~"EccUncorrectable|EccUncorrectableContained|RowRemapPending"',),
        ("Hostname", "gpu"),
    ),
    (
        ('alertname="CollectiveHang"',),
        ('alertname=~"EngineStalled|GpuBusyWithoutWork|GpuBusyAtIdlePower"',),
        ("Hostname",),
    ),
    (
        ('severity="critical"',),
        ('severity=~"warning|info"',),
        ("family", "Hostname", "gpu", "engine"),
    ),
    (('severity="warning"',), ('severity="info"',), ("family", "Hostname", "gpu", "engine")),
)
"""Source, target, and the labels that both must share."""


def _inhibition(
    source: tuple[str, ...], target: tuple[str, ...], equal: tuple[str, ...]
) -> dict[str, Any]:
    """Return one rule of inhibition."""
    return {"source_matchers": list(source), "target_matchers": list(target), "equal": list(equal)}
