"""From the options of ``finetune`` to the form of its question, and its answer."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.quantities import check_count, parse
from rightrig.verbs.finetune_words import (
    AimWords,
    JobWords,
    TermWords,
    WorkWords,
    aim_of,
    method_of,
    one_of,
    terms_of,
    wish_of,
)
from rightrig.verbs.found import Found
from rightrig.verbs.naming import model_named
from rightrig.verbs.risk_saving import written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.failure_rate import FailureRate
    from rightrig.facts.llm import Llm
    from rightrig.facts.source import Record
    from rightrig.planning.finetuning.spending import Terms
    from rightrig.planning.finetuning.wishes import Wish
    from rightrig.report.schema.finetune import (
        TrainingAnswerJson,
        TrainingDiagnosisJson,
        TrainingMethodsJson,
        TrainingRecipeJson,
        TrainingRunJson,
        TrainingSearchJson,
    )

T = TypeVar("T")
_OF_FIND: Final = ("deadline", "budget", "own", "gpu")
_USUAL_FOUND: Final = "lora"
"""What is searched for where no method is named."""
_USUAL_FRAMEWORK: Final = "pytorch"
_MOST_TOKENS_PER_S: Final = 1e12
_MOST_TOP: Final = 1000


@dataclass(frozen=True, slots=True)
class Mode:
    """Which question it is."""

    on: str | None
    find: bool
    own: list[str] | None
    gpu: str | None
    top: int
    measured: str | None
    measured_one: str | None
    recipe: str | None
    save: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of a command, and what they name."""

    catalog: Catalog
    llm: Llm
    work: WorkWords
    job: JobWords
    mode: Mode
    aim: AimWords
    terms: Terms
    failures: FailureRate | None

    @property
    def rig(self) -> Rig:
        """The rig of ``--on``."""
        return parse_rig(self.mode.on or "", self.catalog)

    def records(self, *rigs: Rig) -> tuple[Record, ...]:
        """Return the records that an answer rests on."""
        cards = [group.gpu for rig in rigs for group in rig.groups]
        used = {card.slug for card in cards}
        prices = [price for price in self.terms.prices if price.gpu in used]
        rate = () if self.failures is None else (self.failures,)
        return (self.llm, *cards, *prices, *rate)


def answer_given(catalog: Catalog, given: Mapping[str, Any]) -> Found[TrainingAnswerJson]:
    """Return the answer of one ``finetune`` command."""
    work, mode = _picked(WorkWords, given), _picked(Mode, given)
    _check_mode(mode, given)
    terms, failures = terms_of(catalog, work, _picked(TermWords, given))
    llm = model_named(given["model"], catalog)
    asked = Asked(
        catalog, llm, work, _picked(JobWords, given), mode, _picked(AimWords, given), terms,
        failures,
    )  # fmt: skip
    if mode.find:
        return _find(asked)
    if mode.measured is not None:
        return _diagnosed(asked)
    if mode.recipe is not None:
        return _recipe(asked, mode.recipe)
    return _methods(asked) if method_of(asked.job) is None else _run(asked)


def _picked(kind: type[T], given: Mapping[str, Any]) -> T:
    """Return a dataclass from the options that are called like its fields."""
    return kind(**{one.name: given[one.name] for one in fields(kind)})  # type: ignore[arg-type]


def _check_mode(mode: Mode, given: Mapping[str, Any]) -> None:
    """Refuse questions that do not go together, and a question about no rig.

    Raises:
        InputError: saying what to leave out.
    """
    if mode.find and mode.on is not None:
        raise InputError("--find looks for a rig and --on names one: give one of them")
    if not mode.find and mode.on is None:
        raise InputError(
            "finetune needs a rig, --on 8xh100-sxm, or --find, which looks for the cheapest"
        )
    foreign = ("measured", "recipe", "save") if mode.find else _OF_FIND
    for name in foreign:
        if given[name]:
            need = "about one rig: name it with --on" if mode.find else "for --find: leave it out"
            raise InputError(f"--{name} is {need}")
    if mode.recipe is not None and mode.measured is not None:
        raise InputError("--recipe prints files and no answer: leave --measured out")
    if mode.measured_one is not None and mode.measured is None:
        raise InputError("--measured-one goes with --measured, the speed of all cards")


def _wish(asked: Asked, *rigs: Rig) -> Wish:
    """Return what is said of the job."""
    method = method_of(asked.job) or _USUAL_FOUND
    cards = [group.gpu for rig in rigs for group in rig.groups]
    return wish_of(
        asked.work, asked.job, one_of(method, ("full", "lora", "qlora"), "--method"), cards
    )


def _methods(asked: Asked) -> Found[TrainingMethodsJson]:
    """Return every method on a rig."""
    from rightrig.planning.finetuning.methods import methods_of
    from rightrig.report.charts_finetune import memory_chart
    from rightrig.report.finetune import methods_document
    from rightrig.report.finetune_json import methods_json

    rig = asked.rig
    found = methods_of(asked.llm, rig, _wish(asked, rig), asked.terms)
    files = written(asked.mode.save, {"memory": memory_chart(found.runs)})
    return Found(
        data=lambda: methods_json(found, files),
        document=lambda: methods_document(found, files),
        yes=found.fits,
        records=asked.records(rig),
    )


def _run(asked: Asked) -> Found[TrainingRunJson]:
    """Return one method on a rig."""
    from rightrig.planning.finetuning.methods import run_of, scaled
    from rightrig.report.charts_finetune import memory_chart, scaling_chart
    from rightrig.report.finetune import run_document
    from rightrig.report.finetune_json import run_json

    rig = asked.rig
    run = run_of(asked.llm, rig, _wish(asked, rig), asked.terms)
    curve = scaled(run.found)
    charts = {"memory": memory_chart((run,))}
    if curve is not None:
        charts["scaling"] = scaling_chart(curve.curve)
    files = written(asked.mode.save, charts)
    return Found(
        data=lambda: run_json(run, curve, files),
        document=lambda: run_document(run, curve, files),
        yes=run.fits,
        records=asked.records(rig),
    )


def _recipe(asked: Asked, name: str) -> Found[TrainingRecipeJson | TrainingRunJson]:
    """Return the files of a job for a framework, or the refusal where no job fits."""
    from rightrig.planning.finetuning.choosing import chosen
    from rightrig.recipes.shell import Data
    from rightrig.recipes.training import FRAMEWORKS, recipe_of

    name = one_of(name, (*FRAMEWORKS,), "--recipe")
    words = asked.job
    words = replace(words, method=words.method or _USUAL_FOUND)
    if words.framework == _USUAL_FRAMEWORK:
        words = replace(words, framework=FRAMEWORKS[name])
    # Frameworks recompute whole layers or nothing.
    tried = ("none", "full") if words.checkpointing is None else (words.checkpointing,)
    rig = asked.rig
    ways = [replace(asked, job=replace(words, checkpointing=how)) for how in tried]
    found = [chosen(way.llm, rig, _wish(way, rig)) for way in ways]
    timed = [
        (one.verdict == "fits", one.time.tokens_per_s.mid, one.job) for one in found if one.time
    ]
    if not timed:
        return _run(ways[-1])
    *_, job = max(timed, key=lambda each: each[:2])
    text = recipe_of(name, job, Data(asked.work.epochs_count))
    return Found(
        data=lambda: {"recipe": text},
        document=tuple,
        records=asked.records(rig),
        text=lambda: text,
    )


def _find(asked: Asked) -> Found[TrainingSearchJson]:
    """Return the cheapest rig that does a job."""
    from rightrig.planning.finetuning.search import find
    from rightrig.report.finetune_find import search_document
    from rightrig.report.finetune_json import search_json

    top = check_count(asked.mode.top, name="--top", limit=_MOST_TOP)
    catalog, mode = asked.catalog, asked.mode
    gpus = (catalog.gpu(mode.gpu),) if mode.gpu else catalog.gpus()
    own = tuple(parse_rig(text, catalog) for text in mode.own or ())
    found = find(asked.llm, _wish(asked), asked.terms, aim_of(asked.aim), gpus, own)
    return Found(
        data=lambda: search_json(found),
        document=lambda: search_document(found, top),
        yes=bool(found.doers),
        records=asked.records(*(doer.rig for doer in found.doers[:top])),
    )


def _diagnosed(asked: Asked) -> Found[TrainingDiagnosisJson]:
    """Return why a job is slower than predicted."""
    from rightrig.planning.finetuning.choosing import chosen
    from rightrig.prediction.training.diagnosis import diagnose
    from rightrig.report.finetune_find import diagnosis_document
    from rightrig.report.finetune_json import diagnosis_json

    rig = asked.rig
    if method_of(asked.job) is None:
        asked = replace(asked, job=replace(asked.job, method=_USUAL_FOUND))
    job = chosen(asked.llm, rig, _wish(asked, rig)).job
    found = diagnose(
        job,
        _speed_per_s(asked.mode.measured or "", "--measured"),
        None
        if asked.mode.measured_one is None
        else _speed_per_s(asked.mode.measured_one, "--measured-one"),
    )
    return Found(
        data=lambda: diagnosis_json(found),
        document=lambda: diagnosis_document(found),
        yes=True,
        records=asked.records(rig),
    )


def _speed_per_s(text: str, name: str) -> float:
    """Return tokens a second, written bare or with tok/s."""
    bare = text.strip().removesuffix("/s").removesuffix("tokens").removesuffix("tok")
    return parse(bare, "count", name=name, limit=_MOST_TOKENS_PER_S)
