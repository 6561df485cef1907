"""From the words and files of ``ask go-no-go``, ``criteria`` and ``lock-in`` to their answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.demand.objective import Limits, Slo
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.checking import validated
from rightrig.facts.reading import plain
from rightrig.facts.user_files import toml_table
from rightrig.planning.questions.criteria import CriteriaFile, check_file, ranked
from rightrig.planning.questions.criteria_figures import Load, filled
from rightrig.planning.questions.go_no_go import Answers, decide, parse_answers, template
from rightrig.planning.questions.lock_in import lock_in
from rightrig.planning.search import Question
from rightrig.verbs.asking import workload_of
from rightrig.verbs.naming import model_named

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.planning.questions.criteria import Ranking
    from rightrig.planning.questions.go_no_go import Decision
    from rightrig.planning.questions.lock_in import LockIn

_KIND: Final = "file of answers"


@dataclass(frozen=True, slots=True)
class Move:
    """The words of ``ask lock-in``."""

    on: str
    runtime: str
    provider: str | None
    model: str
    rate: str
    input: int
    output: int


def template_text(file: str | None, answers: str | None) -> str:
    """Return the questionnaire to fill in.

    Raises:
        InputError: when answers came with it.
    """
    if file is not None or answers is not None:
        raise InputError("--template prints a file to fill in and takes nothing else; leave it out")
    return template()


def decided(file: str | None, answers: str | None) -> Decision:
    """Return go or no-go from a file or from eight words.

    Raises:
        InputError: when there is neither, or both.
    """
    if (file is None) == (answers is None):
        raise InputError(
            "go-no-go takes a file or --answers, one of them; --template prints a file to fill in"
        )
    if answers is not None:
        return decide(parse_answers(answers))
    path = Path(file or "")
    table = toml_table(path, _KIND)
    return decide(validated(Answers, table, plain(path), strict=True))


def ranking(catalog: Catalog, file: str) -> Ranking:
    """Return the ranking that a file asks for."""
    path = Path(file)
    where = plain(path)
    asked = validated(CriteriaFile, toml_table(path, "file of criteria"), where, strict=True)
    try:
        check_file(asked)
        load = None
        if asked.traffic is not None:
            llm = model_named(asked.traffic.model, catalog)
            tokens = (asked.traffic.input_tokens, asked.traffic.output_tokens)
            workload = workload_of(llm, asked.traffic.rate, tokens, dashes="")
            load = Load.of(llm, asked.traffic, workload.rate_requests_per_s)
        values, notes = filled(catalog, asked, load)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return ranked(asked.criteria, [one.name for one in asked.options], values, notes)


def locked(catalog: Catalog, move: Move) -> LockIn:
    """Return what ties a rig, a runtime and a provider."""
    llm = model_named(move.model, catalog)
    workload = workload_of(llm, move.rate, (move.input, move.output), dashes="")
    question = Question(workload, Slo(), Limits())
    provider = move.provider
    if provider is not None:
        known = {price.provider.lower(): price.provider for price in catalog.prices()}
        provider = known.get(provider.lower(), plain(provider, 40))
    rig, runtime = parse_rig(move.on, catalog), catalog.runtime(move.runtime)
    return lock_in(catalog, rig, runtime, provider, llm, question)
