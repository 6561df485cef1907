"""What a Prometheus has: metrics, the rules that it evaluates, the Alertmanagers that it sends to.

Its HTTP API is stable: https://prometheus.io/docs/prometheus/latest/querying/api/ (read 2026-11).
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlencode, urlsplit

from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.watching.asking import ABSENT, LATE
from rightrig.watching.checklist.evidence import (
    AlertmanagersSeen,
    LoadedAlert,
    MetricsSeen,
    RulesSeen,
    Sample,
)
from rightrig.watching.checklist.names import NAMES
from rightrig.watching.checklist.outside import address_of, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.measuring.addresses import Address

_SPAN: Final = "5m"
"""How far back the newest value is looked for: what is older counts as absent."""
_MOST_MANAGERS: Final = 8
_MOST_QUERY: Final = 10_000
_NOT_JSON: Final = "its answer is none of Prometheus"
_HEALTHS: Final[dict[str, Literal["ok", "err", "unknown"]]] = {"ok": "ok", "err": "err"}


def read_metrics(address: Address) -> MetricsSeen:
    """Return the newest values of the metrics that the checklist is about."""
    data, trouble = _asked(address, "/api/v1/query?query=time()")
    if trouble:
        return MetricsSeen(address.shown, trouble=trouble)
    now_s = _clock_s(data)
    names = "|".join(sorted(NAMES))
    query = urlencode({"query": f'{{__name__=~"{names}"}}[{_SPAN}]'})
    data, trouble = _asked(address, f"/api/v1/query?{query}")
    if trouble or now_s is None:
        return MetricsSeen(address.shown, trouble=trouble or _NOT_JSON)
    return MetricsSeen(address.shown, tuple(_samples(data, now_s)))


def read_rules(address: Address) -> RulesSeen:
    """Return the alert rules that a Prometheus evaluates."""
    data, trouble = _asked(address, "/api/v1/rules?type=alert")
    if trouble:
        return RulesSeen(address.shown, is_loaded=True, trouble=trouble)
    return RulesSeen(address.shown, tuple(_alerts(data)), is_loaded=True)


def read_alertmanagers(address: Address) -> AlertmanagersSeen:
    """Return the Alertmanagers that a Prometheus sends to, and which of them are ready."""
    data, trouble = _asked(address, "/api/v1/alertmanagers")
    if trouble:
        return AlertmanagersSeen(address.shown, trouble=trouble)
    ready: list[str] = []
    silent: dict[str, str] = {}
    refused: dict[str, str] = {}
    for url in list(_manager_urls(data))[:_MOST_MANAGERS]:
        why = _why_not_ready(url)
        if not why:
            ready.append(url)
        else:
            (silent if why in {LATE, ABSENT} else refused)[url] = why
    return AlertmanagersSeen(address.shown, tuple(ready), silent, refused)


def _asked(address: Address, path: str) -> tuple[Any, str]:
    """Return the data of an answer, or why there is none."""
    reply = read(address, path)
    if reply.trouble:
        return None, reply.trouble
    try:
        found = json.loads(reply.text)
    except (ValueError, RecursionError):
        return None, _NOT_JSON
    if not isinstance(found, dict) or found.get("status") != "success":
        return None, _NOT_JSON
    return found.get("data"), ""


def _clock_s(data: Any) -> float | None:  # noqa: ANN401 - JSON
    """Return the time of a Prometheus, which may differ from ours."""
    try:
        return float(data["result"][1])
    except (TypeError, KeyError, IndexError, ValueError):
        return None


def _samples(data: Any, now_s: float) -> Iterator[Sample]:  # noqa: ANN401 - JSON
    """Yield the newest value of each series."""
    for one in _list(data, "result"):
        labels = one.get("metric") if isinstance(one, dict) else None
        try:
            at_s, text = one["values"][-1]
            value, age_s = float(text), max(now_s - float(at_s), 0.0)
        except (TypeError, KeyError, IndexError, ValueError):
            continue
        if isinstance(labels, dict) and math.isfinite(value):
            own = {str(key): str(label) for key, label in labels.items()}
            yield Sample(own.pop("__name__", ""), own, value, age_s)


def _alerts(data: Any) -> Iterator[LoadedAlert]:  # noqa: ANN401 - JSON
    """Yield alert rules."""
    for group in _list(data, "groups"):
        for rule in _list(group, "rules"):
            if isinstance(rule, dict) and rule.get("type", "alerting") == "alerting":
                notes = rule.get("annotations")
                url = notes.get("runbook_url", "") if isinstance(notes, dict) else ""
                yield LoadedAlert(
                    plain(rule.get("name", ""), 100),
                    _HEALTHS.get(str(rule.get("health")), "unknown"),
                    plain(rule.get("lastError", ""), 120),
                    str(url)[:500],
                    str(rule.get("query", ""))[:_MOST_QUERY],
                )


def _manager_urls(data: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield the addresses of active Alertmanagers."""
    for one in _list(data, "activeAlertmanagers"):
        url = one.get("url") if isinstance(one, dict) else None
        if isinstance(url, str):
            yield url[:500]


def _why_not_ready(url: str) -> str:
    """Return why an Alertmanager does not say that it is ready; empty where it does."""
    parts = urlsplit(url)
    base = parts.path.partition("/api/")[0]
    try:
        address = address_of("the Alertmanager", f"{parts.scheme}://{parts.netloc}{base}")
    except InputError as error:
        return str(error)
    return read(address, "/-/ready").trouble


def _list(data: Any, key: str) -> list[Any]:  # noqa: ANN401 - JSON
    """Return a list of an object; an empty one where there is none."""
    found = data.get(key) if isinstance(data, dict) else None
    return found if isinstance(found, list) else []
