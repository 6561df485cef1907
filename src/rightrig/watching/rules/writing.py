"""Rules and routes as the files that Prometheus and Alertmanager read."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from rightrig.errors import MissingError
from rightrig.watching.rules.alerts import ALERTS
from rightrig.watching.rules.recorded import RECORDED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rightrig.watching.rules.alert import Alert
    from rightrig.watching.rules.recorded import Recorded
    from rightrig.watching.rules.thresholds import Thresholds

RUNBOOKS_URL: Final = "http://127.0.0.1:9401/runbooks"
"""Where ``rightrig watch export`` serves its pages."""


def kept(thresholds: Thresholds) -> tuple[tuple[Alert, str], ...]:
    """Return the alerts that these thresholds allow, each with its PromQL."""
    made = ((alert, alert.expr(thresholds)) for alert in ALERTS)
    return tuple((alert, expr) for alert, expr in made if expr)


def rules(thresholds: Thresholds, runbooks_url: str = RUNBOOKS_URL) -> dict[str, Any]:
    """Return a file of rules: what is recorded first, then alerts by group."""
    recorded = [
        {"name": group, "rules": [_recorded(one) for one in some]} for group, some in RECORDED
    ]
    alerting = [
        {"name": group, "rules": [_alerting(*one, thresholds, runbooks_url) for one in some]}
        for group, some in groupby(kept(thresholds), key=lambda one: one[0].group)
    ]
    return {"groups": recorded + alerting}


def _recorded(one: Recorded) -> dict[str, Any]:
    """Return one recording rule."""
    labels = {"labels": dict(one.labels)} if one.labels else {}
    return {"record": one.name, "expr": one.expr, **labels}


def _alerting(alert: Alert, expr: str, thresholds: Thresholds, runbooks_url: str) -> dict[str, Any]:
    """Return one alerting rule."""
    waits = {"for": f"{alert.for_s}s"} if alert.for_s else {}
    return {
        "alert": alert.name,
        "expr": expr,
        **waits,
        "labels": {"severity": alert.severity, "family": alert.family},
        "annotations": annotated(alert, thresholds, runbooks_url),
    }


def annotated(alert: Alert, thresholds: Thresholds, runbooks_url: str) -> dict[str, str]:
    """Return what a person reads of an alert."""
    why = "; ".join(thresholds.origin(name) for name in alert.uses)
    return {
        "summary": alert.summary,
        "description": alert.description,
        **({"threshold": why} if why else {}),
        "runbook": f"rightrig watch runbook {alert.runbook}",
        "runbook_url": f"{runbooks_url.rstrip('/')}/{alert.runbook}",
    }


def yaml_text(document: Mapping[str, Any], comments: Sequence[str]) -> str:
    """Return a file of YAML with comments above.

    Raises:
        MissingError: without the extra ``watch``.
    """
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise MissingError("YAML takes an extra: pip install 'rightrig[watch]'") from error

    class Readable(yaml.SafeDumper):
        """Writes text of several lines as lines."""

    def text_of(dumper: Any, text: str) -> Any:  # noqa: ANN401 - yaml's
        style = "|" if "\n" in text else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Readable.add_representer(str, text_of)
    body = yaml.dump(document, Dumper=Readable, sort_keys=False, width=100, allow_unicode=True)
    return "\n".join((*(_comment(line) for line in comments), body))


def _comment(line: str) -> str:
    """Return one line of comment, whatever a plan is called."""
    return f"# {' '.join(line.split())}".rstrip()


def header(
    thresholds: Thresholds, version: str, command: str, runbooks_url: str = RUNBOOKS_URL
) -> Iterator[str]:
    """Yield what stands above the rules: of what they are, and where thresholds come from."""
    yield f"Alert rules of rightrig {version}, written by: {command}"
    yield f"Plan: {thresholds.deployment}" if thresholds.deployment else "Plan: none was given"
    left_out = [alert.name for alert in ALERTS if not alert.expr(thresholds)]
    if left_out:
        yield f"Left out, for want of a plan that promises such a thing: {', '.join(left_out)}"
    if runbooks_url == RUNBOOKS_URL:
        yield (
            "Links lead to the exporter of the reader's own machine: --runbooks URL names where "
            "everybody finds the pages"
        )
    yield "They read rightrig's exporter and NVIDIA's DCGM exporter, its old names and its new."
    yield ""
