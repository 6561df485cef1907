"""From the words of ``checklist`` to its answer: everything that is read is read here."""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.verbs.found import Found
from rightrig.verbs.price_ages import today

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.catalog import Catalog
    from rightrig.measuring.addresses import Address
    from rightrig.measuring.load.readers_plan import Planned
    from rightrig.planning.questions.lock_in import LockIn
    from rightrig.report.schema.checklist import ChecklistJson
    from rightrig.watching.checklist.evidence import Evidence, RulesSeen
    from rightrig.watching.expected import Expected

_LOGS: Final = tuple(map(Path, ("/var/log/journal", "/var/log/syslog", "/var/log/messages")))


@dataclass(frozen=True, slots=True)
class ChecklistWords:
    """The words of the question; ``None`` where one was left out."""

    deployment: str
    url: str | None = None
    prometheus: str | None = None
    exporter: str | None = None
    rules: str | None = None
    strict: bool = False


def answer_of(catalog: Catalog, words: ChecklistWords) -> Found[ChecklistJson]:
    """Return whether a deployment is ready for production.

    Raises:
        InputError: for a file that is no plan or no rules, or an address that is none.
        MissingError: where an extra is missing that an option needs.
    """
    from rightrig.report.checklist import ChecklistReport, checklist_document, checklist_json
    from rightrig.verbs.deploying import records_of
    from rightrig.watching.checklist.items import checked

    evidence = evidence_of(catalog, words)
    report = ChecklistReport(words.deployment, evidence.planned, checked(evidence), words.strict)
    deployment = evidence.deployment
    return Found(
        data=lambda: checklist_json(report),
        document=lambda: checklist_document(report),
        yes=report.is_yes,
        records=() if deployment is None else records_of(deployment),
    )


def evidence_of(catalog: Catalog, words: ChecklistWords) -> Evidence:
    """Return everything that items are checked against.

    What is wrong in the words is refused before anything is asked.
    """
    from rightrig.measuring.load.readers_plan import read_plan
    from rightrig.verbs.checking_file import price_of, said_by
    from rightrig.verbs.checking_runs import with_runs
    from rightrig.watching.checklist.evidence import Evidence, Words
    from rightrig.watching.checklist.outside import address_of
    from rightrig.watching.checklist.rules_file import read_rules_file

    if words.rules is not None and words.prometheus is not None:
        raise InputError(
            "--rules and --prometheus do not go together: Prometheus itself says which rules it "
            "has loaded; drop --rules"
        )
    planned = read_plan(words.deployment)
    named = {"--prometheus": words.prometheus, "--exporter": words.exporter, "--url": words.url}
    addresses = {o: address_of(o, url) for o, url in named.items() if url is not None}
    rules = None if words.rules is None else read_rules_file(words.rules)
    deployment, expected, why = _made(catalog, planned)
    said = said_by(words.deployment)
    file = shlex.quote(words.deployment)
    shown = Words(file) if words.url is None else Words(file, shlex.quote(words.url))
    evidence = Evidence(
        words=shown,
        today=today(),
        planned=planned,
        deployment=deployment,
        why_none=why,
        expected=expected,
        asked_requests_per_s=said.asked_requests_per_s,
        price=price_of(catalog, said, planned, deployment, expected),
        lock_in=_lock_in(catalog, planned),
        logs=next((str(path) for path in _LOGS if path.exists()), ""),
    )
    evidence = _of_machine(with_runs(evidence), catalog)
    return _of_outside(evidence, addresses, rules, words.url)


def _made(catalog: Catalog, planned: Planned) -> tuple[Deployment | None, Expected | None, str]:
    """Return one machine of a plan and what to expect of it, or why there is none."""
    from rightrig.watching.expecting import expected_of
    from rightrig.watching.shares import share_of

    try:
        return share_of(planned, catalog).deployment, expected_of(planned, catalog), ""
    except InputError as error:
        return None, None, str(error)


def _lock_in(catalog: Catalog, planned: Planned) -> LockIn | None:
    """Return what ties a deployment; ``None`` where that cannot be said of it."""
    from rightrig.verbs.deciding import Move, locked

    rate = f"{planned.peak_requests_per_s:.6g}/s"
    lengths = (planned.input_tokens, planned.output_tokens)
    runtime = (planned.choices.runtime or "vllm").partition("@")[0]
    try:
        return locked(catalog, Move(planned.rig, runtime, None, planned.model, rate, *lengths))
    except InputError:
        return None


def _of_machine(evidence: Evidence, catalog: Catalog) -> Evidence:
    """Return the evidence with what a probe of this machine finds."""
    from rightrig.measuring.probe.findings import findings
    from rightrig.measuring.probe.here import read_here
    from rightrig.measuring.probe.probed import probed

    # Not "here": what serves is asked about, so that no processor is measured in a card's place.
    found = probed(read_here(), catalog, evidence.today.isoformat(), is_here=False)
    return dataclasses.replace(evidence, probed=found, findings=findings(found))


def _of_outside(
    evidence: Evidence, addresses: dict[str, Address], rules: RulesSeen | None, url: str | None
) -> Evidence:
    """Return the evidence with what servers say; those of other machines, in the order named."""
    from rightrig.watching.checklist import prometheus
    from rightrig.watching.checklist.exporter import read_exporter
    from rightrig.watching.engines.scraping import scrape
    from rightrig.watching.rules.thresholds import thresholds_of
    from rightrig.watching.rules.writing import kept

    found = dataclasses.replace(
        evidence,
        rules=rules,
        wanted=tuple(alert for alert, _ in kept(thresholds_of(evidence.expected))),
        engine=None if url is None else scrape(url),
    )
    if (address := addresses.get("--exporter")) is not None:
        found = dataclasses.replace(found, exporter=read_exporter(address))
    if (address := addresses.get("--prometheus")) is not None:
        found = dataclasses.replace(
            found,
            prometheus=prometheus.read_metrics(address),
            rules=prometheus.read_rules(address),
            alertmanagers=prometheus.read_alertmanagers(address),
        )
    return found
