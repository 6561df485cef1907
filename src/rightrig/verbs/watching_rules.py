"""From the words of ``watch rules`` and its like to files."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, Final, Literal

from rightrig import __version__
from rightrig.measuring.addresses import address_in
from rightrig.report.document import Paragraph
from rightrig.verbs.found import Found
from rightrig.watching.dashboard.board import dashboard
from rightrig.watching.rules.alertmanager import configuration
from rightrig.watching.rules.alerts import ALERTS
from rightrig.watching.rules.counters import counters, counters_text
from rightrig.watching.rules.recorded import RECORDED
from rightrig.watching.rules.thresholds import thresholds_of
from rightrig.watching.rules.writing import (
    RUNBOOKS_URL,
    annotated,
    header,
    kept,
    yaml_text,
)
from rightrig.watching.rules.writing import rules as rules_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.watch_rules import (
        AlertRoutesJson,
        AlertRuleJson,
        AlertRulesJson,
        CountersJson,
        DashboardJson,
    )
    from rightrig.watching.rules.alert import Alert
    from rightrig.watching.rules.thresholds import Thresholds

_PATHS: Final = {"--runbooks": "/runbooks", "--webhook": "/hooks/alerts"}


def rules_found(
    catalog: Catalog, deployment: str | None, runbooks: str | None
) -> Found[AlertRulesJson]:
    """Return the rules of a plan, or of hardware and engines alone."""
    url = RUNBOOKS_URL if runbooks is None else _address(runbooks, "--runbooks")
    thresholds = _thresholds(catalog, deployment)
    command = _command("rules", {"--deployment": deployment, "--runbooks": runbooks})
    head = tuple(header(thresholds, __version__, command, url))
    text = yaml_text(rules_file(thresholds, url), head)
    alerts = [_alert(*one, thresholds, url) for one in kept(thresholds)]
    made = {alert["alert"] for alert in alerts}
    return _file(
        lambda: {
            "deployment": thresholds.deployment,
            "alerts": alerts,
            "left_out": [alert.name for alert in ALERTS if alert.name not in made],
            "recorded": [one.name for _, some in RECORDED for one in some],
            "text": text,
        },
        text,
    )


def _alert(alert: Alert, expr: str, thresholds: Thresholds, url: str) -> AlertRuleJson:
    """Return one alert as JSON has it."""
    return {
        "alert": alert.name,
        "group": alert.group,
        "severity": alert.severity,
        "expr": expr,
        "for_s": alert.for_s,
        "summary": alert.summary,
        "threshold": annotated(alert, thresholds, url).get("threshold", ""),
        "runbook": alert.runbook,
        "sources": alert.sources,
    }


def routes_found(webhook: str | None) -> Found[AlertRoutesJson]:
    """Return an example of routes."""
    url = None if webhook is None else _address(webhook, "--webhook")
    command = _command("alertmanager", {"--webhook": webhook})
    comments = [f"Alertmanager configuration of rightrig {__version__}, written by: {command}"]
    if url is None:
        comments.append("Receivers are empty: say in each how it is reached, such as a webhook.")
    made = configuration(url)
    text = yaml_text(made, (*comments, ""))
    return _file(lambda: {"configuration": made, "text": text}, text)


def dashboard_found(catalog: Catalog, deployment: str | None) -> Found[DashboardJson]:
    """Return the dashboard."""
    thresholds = _thresholds(catalog, deployment)
    made = dashboard(thresholds)
    text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    return _file(lambda: {"deployment": thresholds.deployment, "dashboard": made}, text)


def counters_found(names: Literal["old", "new"]) -> Found[CountersJson]:
    """Return the list of counters."""
    rows = counters(names)
    command = _command("counters", {"--names": names})
    comments = (
        f"Counters of rightrig {__version__} for NVIDIA's DCGM exporter, written by: {command}",
        "An exporter does not start with a name that it does not know: take that line out then.",
        "DCGM field, type, help",
    )
    text = counters_text(names, comments)
    return _file(
        lambda: {
            "counters": [{"name": name, "kind": kind, "help": words} for name, kind, words in rows],
            "text": text,
        },
        text,
    )


def _file(data: Callable[[], Any], text: str) -> Found[Any]:
    """Return an answer that is a file."""
    return Found(data=data, document=lambda: (Paragraph(text),), text=lambda: text)


def _thresholds(catalog: Catalog, file: str | None) -> Thresholds:
    """Return the thresholds of what a file says was planned."""
    if file is None:
        return thresholds_of(None)
    from rightrig.watching.expecting import expected_in

    return thresholds_of(expected_in(file, catalog))


def _address(url: str, option: str) -> str:
    """Return an address as it was given.

    Raises:
        InputError: where it is none of HTTP, or holds a password.
    """
    address_in(url, option=option, example=f"https://example.com{_PATHS[option]}")
    return url


def _command(verb: str, options: Mapping[str, str | None]) -> str:
    """Return the command that writes the file again."""
    given = [word for name, value in options.items() if value is not None for word in (name, value)]
    return shlex.join(["rightrig", "watch", verb, *given])
