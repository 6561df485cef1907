"""What ``plan`` answers: traffic, a batch job, an upgrade of own cards, or a sweep of many."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from rightrig.demand.objective import OBJECTIVES
from rightrig.errors import InputError
from rightrig.quantities import check_count, parse
from rightrig.verbs.asking import Asked, Bounds, Posed, posed, records_of, search
from rightrig.verbs.found import Found
from rightrig.verbs.requesting import Words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.facts.catalog import Catalog
    from rightrig.planning.planned import Plan
    from rightrig.report.document import Document, Paragraph
    from rightrig.report.plan import Extra
    from rightrig.report.schema.planning import (
        PlanAnswerJson,
        PlanJobJson,
        PlanJson,
        PlanUpgradeJson,
    )

T = TypeVar("T")
_MOST_TOKENS: Final = 1e18
_LONGEST_JOB_S: Final = 3.2e8
_USUAL_DEADLINE: Final = "24h"
_MOST_WASTE_RATIO: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """Which of its questions ``plan`` was asked, and what is shown.

    Attributes:
        own, job, sweep: What makes it another question.
        spot_waste: Of a job on spot instances, the share of the time that is lost.
        by: Deadline of a job.
        growth, start: Growth of the rate, and from when.
        engine, jobs, save: How a sweep is run.
        recipe_folder: Where the recipe of the first plan goes.
    """

    own: str | None = None
    job: str | None = None
    spot_waste: float | None = None
    by: str | None = None
    why: bool = False
    explain: bool = False
    growth: str | None = None
    start: str | None = None
    sweep: str | None = None
    engine: str = "local"
    jobs: int | None = None
    save: str | None = None
    recipe_folder: str | None = None


def answer_given(catalog: Catalog, given: Mapping[str, Any]) -> Found[PlanAnswerJson]:
    """Return the answer of one ``plan`` command from its options by name."""
    words = Words(
        given["rate"], None, None, given["trace"], given["preset"], given["input"],
        given["output"], None, None, given["seed"],
    )  # fmt: skip
    asked = Asked(
        model=given["model"] or "",
        traffic=words,
        objectives=tuple(given[name] for name in OBJECTIVES),
        bounds=_picked(Bounds, given),
        weights=given["weights"],
        kv=given["kv"],
        runtime=given["runtime"],
        top=given["top"],
        simulate=given["simulate"],
    )
    return answer_of(catalog, asked, _picked(Mode, given))


def _picked(kind: type[T], given: Mapping[str, Any]) -> T:
    """Return a dataclass from the options that are called like its fields."""
    return kind(**{one.name: given[one.name] for one in fields(kind)})  # type: ignore[arg-type]


def answer_of(catalog: Catalog, asked: Asked, mode: Mode) -> Found[PlanAnswerJson]:
    """Return the answer of one ``plan`` command."""
    _check_mode(asked, mode)
    if mode.sweep is not None:
        from rightrig.verbs.sweep import swept_of

        return swept_of(mode.sweep, mode.engine, mode.jobs, mode.save, catalog)
    if mode.job is not None:
        return _job(catalog, asked, mode)
    if mode.own is not None:
        return _upgrade(catalog, asked, mode.own)
    return _plan(catalog, asked, mode)


def _check_mode(asked: Asked, mode: Mode) -> None:
    """Refuse questions that do not go together, and a question about nothing."""
    modes = {"--sweep": mode.sweep, "--job": mode.job, "--own": mode.own}
    given = [name for name, value in modes.items() if value is not None]
    if len(given) > 1:
        raise InputError(f"{given[0]} and {given[1]} are two questions; ask one at a time")
    if mode.sweep is None and not asked.model:
        raise InputError("which model? Write rightrig plan MODEL --rate 5/s")
    if mode.sweep is not None and asked.model:
        raise InputError("--sweep takes its models from the file; leave MODEL out")
    _check_details(asked, mode)
    _check_bounds(asked.bounds, mode)
    shown = {
        "--explain": mode.explain, "--growth": mode.growth, "--simulate": asked.simulate,
        "--recipe": mode.recipe_folder,
    }  # fmt: skip
    wrong = next((name for name, value in shown.items() if value), None)
    if given and wrong is not None:
        raise InputError(f"{wrong} is about a plan for traffic; drop it, or {given[0]}")


def _check_bounds(bounds: Bounds, mode: Mode) -> None:
    """Refuse limits that a batch, or an upgrade, does not read."""
    usual = Bounds()
    names: tuple[str, ...]
    if mode.job is not None:
        names = ("budget", "capex", "buy", "headroom", "spare", "min_engines", "rank_by")
        why = "a batch is rented for the time that it takes"
    elif mode.own is not None:
        names = ("budget", "max_machines", "available", "provider", "region", "country", "spot",
                 "spare", "min_engines", "rank_by", "max_power")  # fmt: skip
        why = "an upgrade is bought, as many engines as its cards take"
    else:
        return
    for name in names:
        if getattr(bounds, name) != getattr(usual, name):
            option = "--" + name.replace("_", "-")
            raise InputError(f"{option} plays no part here: {why}; drop it")


def _check_details(asked: Asked, mode: Mode) -> None:
    """Refuse details of questions that were not asked."""
    if mode.by is not None and mode.job is None:
        raise InputError("--by is the deadline of a batch; add --job 10B-tokens")
    if mode.spot_waste is not None and not (mode.job is not None and asked.bounds.spot):
        raise InputError("--spot-waste is about a batch on spot instances; add --job and --spot")
    if mode.sweep is None and (mode.engine != "local" or mode.jobs is not None):
        option = "--jobs" if mode.jobs is not None else "--engine"
        raise InputError(f"{option} says how a sweep is run; add --sweep FILE")
    if mode.start is not None and mode.growth is None:
        raise InputError("--start says when growth begins; add --growth 10%/month")
    if mode.growth is not None and asked.bounds.buy:
        raise InputError("--growth adds rented engines, and --buy buys; drop one")
    if mode.sweep is None and mode.save is not None:
        raise InputError("--save keeps the results of a sweep; add --sweep FILE")


def _plan(catalog: Catalog, asked: Asked, mode: Mode) -> Found[PlanJson]:
    """Return the plans for some traffic."""
    from rightrig.report.charts_plan import plan_charts
    from rightrig.report.plan import Extra, plan_document
    from rightrig.report.plan_json import plan_json

    if asked.simulate:
        from rightrig.verbs.progress import watcher

        watcher().compiling()
    found, question = search(catalog, asked)
    told: Document = ()
    if mode.recipe_folder is not None and found.plans:
        # By the words that were asked: a model of a file has no name that is known elsewhere.
        kept: PlanJson = {**plan_json(found), "model": asked.model}
        told = (_keep_recipe(catalog, kept, mode.recipe_folder),)
    extra = _explained(found, question, mode) if mode.explain or mode.growth else Extra()
    extra = replace(
        extra, source=question.source, every_reason=mode.why, longest_tokens=_longest(question)
    )
    return Found(
        charts=lambda: plan_charts(plan_json(found, extra)),
        data=lambda: plan_json(found, extra),
        document=lambda: (*plan_document(found, extra), *told),
        yes=bool(found.plans),
        records=records_of(found, catalog),
    )


def _keep_recipe(catalog: Catalog, found: PlanJson, folder: str) -> Paragraph:
    """Write the recipe of the first plan that has one into a folder; return what to tell of it.

    A plan stays an answer where its engine cannot be started by a recipe.
    """
    from rightrig.measuring.load.readers_plan import plan_in
    from rightrig.report.document import Paragraph
    from rightrig.verbs.recipe_answer import recipe_of_plan, write_files

    refused = []
    for number in range(1, len(found["plans"]) + 1):
        name = "the first plan" if number == 1 else f"plan {number}"
        try:
            planned = plan_in(found, number)
            made = recipe_of_plan(catalog, planned, f"rightrig plan {found['model']} …")
        except InputError as error:
            refused.append(f"There is no recipe of {name}: {error}.")
            continue
        write_files("--recipe", folder, made.files)
        failed = [proof for proof in made.proofs if proof.state == "fail"]
        told = f"The recipe of {name}: {folder}/README.md."
        said = [*refused, told, *(f"{proof.subject}: {proof.said}." for proof in failed)]
        return Paragraph(" ".join(said), "warn" if refused or failed else "plain")
    return Paragraph(" ".join(refused), "bad")


def _longest(question: Posed) -> int:
    """Return the longest prompt and answer together of a trace or preset; 0 for fixed lengths."""
    drawn = question.requests
    return 0 if drawn is None else int((drawn.input_tokens + drawn.output_tokens).max())


def _explained(found: Plan, question: Posed, mode: Mode) -> Extra:
    """Return what the answer hangs on, and how long it lasts."""
    from rightrig.planning.explain import hinges
    from rightrig.planning.least import least_objectives
    from rightrig.planning.questions.growth import Span, runway
    from rightrig.planning.questions.measure_next import measure_next
    from rightrig.report.plan import Extra
    from rightrig.verbs.asking_layout import growth_ratio_per_month, start_of

    hung = hinges(found, question.space) if mode.explain else None
    least = least_objectives(found, question.space) if mode.explain else ()
    measure = measure_next(found, question.space) if mode.explain and found.plans else None
    lasts = None
    if mode.growth is not None and found.plans:
        lasts = runway(
            question.llm, question.question, question.space, found.plans[0],
            growth_ratio_per_month(mode.growth), Span(start_of(mode.start)),
        )  # fmt: skip
    return Extra(hinges=hung, least=least, measurement=measure, runway=lasts)


def _job(catalog: Catalog, asked: Asked, mode: Mode) -> Found[PlanJobJson]:
    """Return the cheapest engines for a batch."""
    from rightrig.planning.job import Job, plan_job
    from rightrig.report.plan_job import job_document, job_json

    if any(asked.objectives):
        raise InputError("nobody waits for a batch: drop the objectives, or --job")
    # How many come a second plays no part; the lengths of a request do.
    words = replace(asked.traffic, rate="1/s") if asked.traffic.trace is None else asked.traffic
    question = posed(catalog, replace(asked, traffic=words))
    deadline = parse(mode.by or _USUAL_DEADLINE, "time", name="--by", limit=_LONGEST_JOB_S)
    check_count(asked.top, name="--top", limit=1000)
    job = Job(_tokens(mode.job or ""), deadline, _waste_ratio(mode.spot_waste))
    found = plan_job(question.llm, question.question, question.space, job, asked.top)
    cards = (catalog.gpu(rig.gpu) for rig in found.rigs)
    prices = (rig.purchase.price for rig in found.rigs)
    return Found(
        data=lambda: job_json(found),
        document=lambda: job_document(found),
        yes=bool(found.rigs),
        records=(question.llm, *cards, *prices),
    )


def _waste_ratio(share_ratio: float | None) -> float:
    """Return the share of the time on spot instances that is lost."""
    from rightrig.planning.job import SPOT_WASTE_RATIO

    if share_ratio is None:
        return SPOT_WASTE_RATIO
    if not 0.0 <= share_ratio <= _MOST_WASTE_RATIO:
        raise InputError(
            f"--spot-waste is {share_ratio:g}: it lies between 0 and {_MOST_WASTE_RATIO:g}"
        )
    return share_ratio


def _tokens(text: str) -> float:
    """Return a number of tokens from ``10B-tokens``, ``500M`` or ``2e9``."""
    number = text.strip().lower().removesuffix("tokens").rstrip(" -")
    units = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
    factor = units.get(number[-1:], 1.0)
    try:
        count = float(number[:-1] if factor != 1.0 else number) * factor
    except ValueError:
        count = 0.0
    if not 1.0 <= count <= _MOST_TOKENS:
        raise InputError(f"--job is {text[:40]!r}: write the tokens as 10B-tokens or 500M-tokens")
    return count


def _upgrade(catalog: Catalog, asked: Asked, own: str) -> Found[PlanUpgradeJson]:
    """Return what to add to own cards."""
    from rightrig.deployment.rig import parse_rig
    from rightrig.planning.upgrade import upgrades
    from rightrig.report.plan_upgrade import upgrade_document, upgrade_json

    if asked.bounds.capex is None:
        raise InputError("--own says what you have; add --capex $5000 for what you may spend")
    rig = parse_rig(own, catalog)
    check_count(asked.top, name="--top", limit=1000)
    bounds = replace(asked.bounds, buy=True)
    question = posed(catalog, replace(asked, bounds=bounds))
    found = upgrades(question.llm, question.question, catalog, rig, top=asked.top)
    return Found(
        data=lambda: upgrade_json(found),
        document=lambda: upgrade_document(found),
        yes=found.own.is_enough or any(one.is_enough for one in found.found),
        records=(question.llm, *(group.gpu for group in rig.groups)),
    )
