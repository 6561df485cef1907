"""From the words of ``load`` to its answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.deployment.propose import Choices
from rightrig.errors import InputError
from rightrig.verbs.deploying import deploy, records_of
from rightrig.verbs.found import Found
from rightrig.verbs.objectives import slo_of
from rightrig.verbs.requesting import Words, check_words

if TYPE_CHECKING:
    from rightrig.demand.objective import Slo
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.catalog import Catalog
    from rightrig.measuring.load.readers_plan import Planned
    from rightrig.measuring.load.target import Api
    from rightrig.report.loaded import Loaded
    from rightrig.report.schema.loading import LoadJson
    from rightrig.report.values import Json

__all__ = ["Asked", "Choices", "Files", "Server", "Words", "answer_of"]
_TRAFFIC: Final = (
    "--rate", "--concurrency", "--think", "--trace", "--preset", "--input", "--output",
    "--arrivals",
)  # fmt: skip
_OF_SERVER: Final = (
    "--name", "--requests", "--seconds", "--warmup", "--timeout", "--tokenizer", "--api-key-env",
    "--ramp",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Server:
    """What a command says of the server.

    Attributes:
        tokenizer: A file that counts tokens; ``None`` for the server's own counts.
        api_key_env: The variable of the environment that holds the key.
        fixes_length: Whether answers of exactly their length are asked for.
    """

    url: str | None
    name: str | None
    api: Api
    tokenizer: str | None
    api_key_env: str | None
    timeout: str | None
    fixes_length: bool


@dataclass(frozen=True, slots=True)
class Files:
    """Files that a command names."""

    plan: str | None
    read: str | None
    csv: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of the command; ``limits`` are its objectives, by metric and percentile."""

    catalog: Catalog
    server: Server
    words: Words
    concurrency: str | None
    limits: tuple[str | None, ...]
    files: Files
    model: str | None
    on: str | None
    choices: Choices
    is_ramp: bool
    seconds: str | None
    warmup: str | None
    price: str | None
    keeps: bool
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tested, and by which limits.

    Attributes:
        deployment: What serves, where that was said.
        notes: Why nothing is predicted.
    """

    slo: Slo
    is_usual_slo: bool = False
    deployment: Deployment | None = None
    planned: Planned | None = None
    notes: tuple[str, ...] = ()


def answer_of(asked: Asked) -> Found[LoadJson]:
    """Return what a server did under load, what a plan expects of it, or what a file says it did.

    Raises:
        InputError: when the options do not go together, or a file is wrong.
        MissingError: when the server does not answer, or an extra is missing.
    """
    _check(asked)
    subject = _subject(asked)
    if asked.files.read is not None:
        from rightrig.verbs.loading_files import read_back

        seen = read_back(asked, subject, Path(asked.files.read))
    elif asked.server.url is None:
        from rightrig.verbs.loading_files import planned_only

        seen = planned_only(asked, subject)
    else:
        from rightrig.verbs.loading_measuring import measured

        seen = measured(asked, subject, asked.server.url)
    if asked.files.csv is not None:
        seen = _written(seen, asked.files.csv)
    return _found(seen)


def _found(seen: Loaded) -> Found[LoadJson]:
    """Return an answer in every form."""
    from rightrig.report.load import load_document
    from rightrig.report.load_json import load_json

    return Found(
        data=lambda: load_json(seen),
        document=lambda: load_document(seen),
        yes=seen.met != "not",
        records=() if seen.deployment is None else records_of(seen.deployment),
        charts=lambda: _charts(seen),
        interrupted=seen.interrupted,
    )


def _charts(seen: Loaded) -> tuple[Json, ...]:
    """Return what shows a load test."""
    from rightrig.report.charts_load import load_charts

    return tuple(load_charts(seen).values())


def _written(seen: Loaded, file: str) -> Loaded:
    """Write every request into a file."""
    from rightrig.report.load_requests import request_lines
    from rightrig.verbs.saving import write_file

    write_file("--csv", file, request_lines(seen.outcomes))
    return replace(seen, notes=(*seen.notes, f"every request is in {file[:200]}"))


def _said(asked: Asked) -> dict[str, object]:
    """Return every option that some forms do not take; ``None`` where it was left out."""
    words, server = asked.words, asked.server
    return {
        "--rate": words.rate, "--concurrency": asked.concurrency, "--think": words.think,
        "--trace": words.trace, "--preset": words.preset, "--input": words.input,
        "--output": words.output, "--arrivals": words.arrivals, "--requests": words.requests,
        "--seconds": asked.seconds, "--warmup": asked.warmup, "--timeout": server.timeout,
        "--tokenizer": server.tokenizer, "--api-key-env": server.api_key_env,
        "--name": server.name, "--ramp": asked.is_ramp or None, "--plan": asked.files.plan,
        "--model": asked.model, "--on": asked.on, "--csv": asked.files.csv,
        "a URL": server.url,
    }  # fmt: skip


def _check(asked: Asked) -> None:
    """Refuse options that contradict each other, or that would do nothing."""
    given = {name for name, value in _said(asked).items() if value is not None}
    if asked.files.read is not None:
        _refuse(given, "--read", (*_TRAFFIC, *_OF_SERVER, "--plan", "a URL"), "the file says it")
    if asked.files.plan is not None:
        _refuse(given, "--plan", (*_TRAFFIC, "--model", "--on"), "the plan says it")
    if asked.server.url is None and not {asked.files.plan, asked.files.read} - {None}:
        raise InputError(
            "load needs the address of a server, such as http://localhost:8000 (or --plan FILE, "
            "to print its test, or --read FILE)"
        )
    if asked.server.url is None and asked.files.read is None:
        _refuse(given, "--plan without a URL", ("--csv", "--api-key-env"), "nothing is measured")
    if (asked.model is None) != (asked.on is None):
        raise InputError(
            "--model and --on belong together: what the server serves, and on which rig"
        )
    if asked.is_ramp and asked.concurrency is not None:
        raise InputError(
            "--ramp and --concurrency do not go together: a breaking point is a rate, and in a "
            "closed loop the answers set it; drop one, or give --concurrency levels: 1,4,16"
        )
    users = None if asked.concurrency is None else 1
    check_words(replace(asked.words, concurrency=users), finds_limit=False)


def _refuse(given: set[str], form: str, others: tuple[str, ...], why: str) -> None:
    """Refuse options that a form does not take."""
    wrong = next((other for other in others if other in given), None)
    if wrong is not None:
        raise InputError(f"{form} and {wrong} do not go together: {why}; drop one")


def _subject(asked: Asked) -> Subject:
    """Return what is tested, and by which limits."""
    # Here, not above: with NumPy they would slow every other command down.
    from rightrig.measuring.load.levels import USUAL_SLO

    slo = slo_of(asked.limits)
    planned: Planned | None = None
    deployment: Deployment | None = None
    notes: tuple[str, ...] = ()
    if asked.files.plan is not None:
        planned, deployment, notes = _planned(asked, asked.files.plan)
        slo = slo if slo.objectives() else planned.slo
    elif asked.model is not None and asked.on is not None:
        deployment = deploy(asked.catalog, asked.model, asked.on, asked.choices)
    is_usual = not slo.objectives() and (asked.is_ramp or planned is not None)
    return Subject(USUAL_SLO if is_usual else slo, is_usual, deployment, planned, notes)


def _planned(asked: Asked, file: str) -> tuple[Planned, Deployment | None, tuple[str, ...]]:
    """Return a plan, and its deployment where this catalogue can make it."""
    from rightrig.measuring.load.readers_plan import read_plan

    planned = read_plan(file)
    try:
        return planned, deploy(asked.catalog, planned.model, planned.rig, planned.choices), ()
    except InputError as error:
        return planned, None, (f"nothing is simulated of the plan: {error}",)
