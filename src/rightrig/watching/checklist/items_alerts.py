"""Items about alerts: loaded, healthy, linked to runbooks, and sent to somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlsplit

from rightrig.watching.checklist.item import Outcome, Topic, failed, passed, unverified
from rightrig.watching.rules.alert import quoted
from rightrig.watching.rules.thresholds import Thresholds
from rightrig.watching.runbooks import RUNBOOKS

if TYPE_CHECKING:
    from rightrig.watching.checklist.evidence import Evidence, LoadedAlert, RulesSeen

_NEEDED_PAGES: Final = {
    "driver-crash": "a crash of the driver", "out-of-memory": "memory that runs out",
    "nccl-hang": "a hang of NCCL",
}  # fmt: skip
_MOST_NAMED: Final = 6


def _write(evidence: Evidence) -> str:
    """Return the command that writes the rules of this deployment."""
    return f"rightrig watch rules --deployment {evidence.words.file} > rules.yml"


def _unseen(evidence: Evidence) -> Outcome | None:
    """Return that no rules were seen; ``None`` where they were."""
    rules = evidence.rules
    if rules is None:
        return unverified(
            "no rules were named",
            "name --prometheus http://localhost:9090, or --rules rules.yml",
            _write(evidence),
        )
    if rules.trouble:
        return failed(f"{rules.source}: {rules.trouble}", "start it, or name --rules rules.yml")
    return None


def _named(names: list[str]) -> str:
    """Return names, not too many."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"


def _where(rules: RulesSeen) -> str:
    """Return where rules are, and whether they work there."""
    is_file = "a file: --prometheus says whether it is loaded"
    return rules.source if rules.is_loaded else f"{rules.source} ({is_file})"


class _Alerted:
    """Alerts of one kind are loaded and healthy."""

    def __init__(self, what: str, page: str) -> None:
        """Take what they are about, and the page that they link to."""
        self._what, self._page = what, page

    def check(self, evidence: Evidence) -> Outcome:
        """Return whether they are."""
        unseen = _unseen(evidence)
        if unseen is not None or evidence.rules is None:
            return unseen or unverified("no rules were named", "name --prometheus")
        loaded = {alert.name: alert for alert in evidence.rules.alerts}
        wanted = [one.name for one in evidence.wanted if one.runbook == self._page]
        if not wanted:
            return unverified(
                f"no alert about {self._what} is known for this plan", "plan for cards with them"
            )
        missing = [name for name in wanted if name not in loaded]
        if missing:
            return failed(
                f"{evidence.rules.source} lacks {len(missing)} of {len(wanted)} alerts about "
                f"{self._what}: {_named(missing)}",
                "write the rules and let Prometheus load them", _write(evidence),
            )  # fmt: skip
        return _healthy(evidence.rules, [loaded[name] for name in wanted])


def _healthy(rules: RulesSeen, alerts: list[LoadedAlert]) -> Outcome:
    """Return whether alerts that are there work."""
    broken = [alert for alert in alerts if alert.health == "err"]
    if broken:
        return failed(
            f"{rules.source} cannot evaluate {_named([alert.name for alert in broken])}: "
            f"{broken[0].error or 'it does not say why'}",
            "check the rules (promtool check rules rules.yml) and load them again",
        )
    young = [alert.name for alert in alerts if alert.health == "unknown"]
    if young:
        return unverified(
            f"{rules.source} has not evaluated {_named(young)} yet", "ask again in a minute"
        )
    names = _named([alert.name for alert in alerts])
    return passed(f"{len(alerts)} in {_where(rules)}: {names}")


class ThermalAlerts(_Alerted):
    """Alerts about heat that slows cards down are loaded."""

    id: ClassVar[str] = "CHECK-ALERTHEAT"
    topic: ClassVar[Topic] = "alerts"

    def __init__(self) -> None:
        """Look for them."""
        super().__init__("heat", "thermal")


class EccAlerts(_Alerted):
    """Alerts about errors of memory (ECC) are loaded."""

    id: ClassVar[str] = "CHECK-ALERTECC"
    topic: ClassVar[Topic] = "alerts"

    def __init__(self) -> None:
        """Look for them."""
        super().__init__("errors of memory", "ecc")


class LinkAlerts(_Alerted):
    """Alerts about links that drop or slow down are loaded."""

    id: ClassVar[str] = "CHECK-ALERTLINK"
    topic: ClassVar[Topic] = "alerts"

    def __init__(self) -> None:
        """Look for them."""
        super().__init__("links", "link-degraded")


class PlanAlerts:
    """Alerts about what this plan promises are loaded."""

    id: ClassVar[str] = "CHECK-ALERTPLAN"
    topic: ClassVar[Topic] = "alerts"

    def check(self, evidence: Evidence) -> Outcome:
        """Return whether they are: rules without a plan, or of another one, have none of them."""
        unseen = _unseen(evidence)
        if unseen is not None or evidence.rules is None:
            return unseen or unverified("no rules were named", "name --prometheus")
        wanted = [one.name for one in evidence.wanted if not one.expr(Thresholds())]
        if not wanted or evidence.expected is None:
            return unverified(
                "nothing is promised that an alert could hold it to", "plan with objectives"
            )
        name = quoted(evidence.expected.name)
        loaded = {
            one.name: one for one in evidence.rules.alerts if not one.query or name in one.query
        }
        missing = [one for one in wanted if one not in loaded]
        if missing:
            return failed(
                f"{evidence.rules.source} lacks {len(missing)} of {len(wanted)} alerts of this "
                f"plan: {_named(missing)}",
                "write the rules of this plan and let Prometheus load them", _write(evidence),
            )  # fmt: skip
        return _healthy(evidence.rules, [loaded[one] for one in wanted])


class Runbooks:
    """Every alert links a runbook, also those about driver crash, lack of memory, NCCL hang."""

    id: ClassVar[str] = "CHECK-RUNBOOKS"
    topic: ClassVar[Topic] = "alerts"

    def check(self, evidence: Evidence) -> Outcome:
        """Return which links lead nowhere."""
        unseen = _unseen(evidence)
        if unseen is not None or evidence.rules is None:
            return unseen or unverified("no rules were named", "name --prometheus")
        known = {alert.name for alert in evidence.wanted}
        own = [alert for alert in evidence.rules.alerts if alert.name in known]
        if not own:
            return failed(
                f"{evidence.rules.source} has none of rightrig's alerts", "write the rules",
                _write(evidence),
            )  # fmt: skip
        astray = [alert.name for alert in own if page_of(alert.runbook_url) is None]
        pages = {page_of(alert.runbook_url) for alert in own}
        lacking = [what for page, what in _NEEDED_PAGES.items() if page not in pages]
        if astray:
            return failed(
                f"{len(astray)} of {len(own)} alerts link no runbook: {_named(astray)}",
                "write the rules again: their annotation runbook_url links it", _write(evidence),
            )  # fmt: skip
        if lacking:
            return failed(
                f"no loaded alert links a page about {', '.join(lacking)}",
                "load the alerts about the driver, memory and hangs too", _write(evidence),
            )  # fmt: skip
        count = len(pages)
        others = len(evidence.rules.alerts) - len(own)
        told = f"{len(own)} alerts link {count} pages"
        more = f"; {others} alerts of others are not judged" if others else ""
        if any(is_loopback(alert.runbook_url) for alert in own):
            more += (
                "; some are on a loopback address, which opens on that machine alone: "
                "'rightrig watch rules --runbooks URL' names another place"
            )
        return passed(f"{told}, those about driver, memory and NCCL among them{more}")


def is_loopback(url: str) -> bool:
    """Return whether an address is that of whoever reads it.

    >>> is_loopback("http://127.0.0.1:9401/runbooks/ecc"), is_loopback("https://wiki/ecc")
    (True, False)
    """
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host in {"localhost", "::1"} or host.startswith("127.")


def page_of(url: str) -> str | None:
    """Return the runbook that an address leads to; ``None`` where to none.

    >>> page_of("https://example.com/runbooks/nccl-hang.html"), page_of("")
    ('nccl-hang', None)
    """
    try:
        path = urlsplit(url).path.rstrip("/")
    except ValueError:
        return None
    slug = path.rpartition("/")[2].removesuffix(".md").removesuffix(".html")
    return slug if slug in RUNBOOKS else None


class Alertmanager:
    """Prometheus sends alerts to an Alertmanager that is ready."""

    id: ClassVar[str] = "CHECK-ALERTMANAGER"
    topic: ClassVar[Topic] = "alerts"

    def check(self, evidence: Evidence) -> Outcome:
        """Return whether it does."""
        seen = evidence.alertmanagers
        if seen is None:
            return unverified("no Prometheus was named", "name --prometheus http://localhost:9090")
        if seen.trouble:
            return failed(f"{seen.source}: {seen.trouble}", "start it")
        remedy = "name it under 'alerting' of prometheus.yml"
        if seen.ready:
            more = len(seen.refused) + len(seen.silent)
            note = f"; {more} more did not answer" if more else ""
            return passed(f"{seen.source} sends to {seen.ready[0]}, which is ready{note}")
        for url, why in seen.refused.items():
            return failed(f"{url}: {why}", "start the Alertmanager", "rightrig watch alertmanager")
        for url, why in seen.silent.items():
            return unverified(
                f"{seen.source} sends to {url}, which cannot be asked from here ({why})",
                "run the checklist where Prometheus runs",
            )
        return failed(
            f"{seen.source} sends alerts to nobody", remedy, "rightrig watch alertmanager"
        )


ITEMS: Final = (
    ThermalAlerts(), EccAlerts(), LinkAlerts(), PlanAlerts(), Runbooks(), Alertmanager(),
)  # fmt: skip
