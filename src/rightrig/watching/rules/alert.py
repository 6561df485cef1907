"""What an alert is: when it fires, how bad that is, and which page says what to do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import SupportsFloat

    from rightrig.watching.rules.thresholds import Thresholds

Severity = Literal["critical", "warning", "info"]
CARD_LABELS: Final = "Hostname, gpu, UUID"
"""Labels that every series of a card keeps."""
CARD: Final = "GPU {{ $labels.gpu }} of {{ $labels.Hostname }}"
ENGINE: Final = "{{ $labels.engine }} on {{ $labels.Hostname }}"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert.

    Attributes:
        name: In camel case, as Prometheus has it.
        group: Of rules, by subject.
        family: Within one, a critical alert silences warnings about the same card or engine.
        expr: Makes PromQL; empty text where the plan promises nothing of the kind, and the alert
            is left out.
        for_s: How long that must hold.
        summary, description: Templates of Prometheus.
        runbook: Slug of the page that says what to do.
        uses: Fields of ``Thresholds`` that the expression compares with.
        sources: Whose metrics make it fire: ours, or those of NVIDIA's DCGM exporter too.
    """

    name: str
    group: str
    family: str
    severity: Severity
    expr: Callable[[Thresholds], str]
    for_s: int
    summary: str
    description: str
    runbook: str
    uses: tuple[str, ...] = ()
    sources: Literal["ours", "ours and DCGM"] = "ours"


def fixed(expr: str) -> Callable[[Thresholds], str]:
    """Return an expression that compares with nothing that a plan or a person sets."""
    return lambda _thresholds: expr


def of_plan(expr: str, thresholds: Thresholds) -> str:
    """Return an expression held to the hosts of the planned deployment.

    Another deployment's rules may lie in the same Prometheus.
    """
    name = quoted(thresholds.deployment)
    return f"({expr})\nand on (Hostname) rightrig_deployment_info{{deployment={name}}}"


def quoted(text: str) -> str:
    """Return a string of PromQL; one of JSON is."""
    return json.dumps(text, ensure_ascii=False)


def promql(number: SupportsFloat) -> str:
    """Return a number of any unit as PromQL has it, to six digits.

    >>> promql(268435456.0), promql(0.05), promql(float("inf"))
    ('268435456', '0.05', 'inf')
    """
    value = float(number)
    return f"{value:.0f}" if value.is_integer() else f"{value:.6g}"
