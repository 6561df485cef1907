"""From the words of ``recipe`` to its answer, and the recipe of a plan."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.reach import is_confined
from rightrig.prediction.memory_fit import fit
from rightrig.quantities import check_count
from rightrig.recipes.making import Use, serving_of, unpredicted
from rightrig.recipes.nearest import Wanted, nearest, system_reason
from rightrig.recipes.readme import PATH as README
from rightrig.recipes.serving import Speculation
from rightrig.recipes.writing import engine_reason, recipe_of
from rightrig.verbs.deploying import (
    DEFAULT_CONTEXT,
    check_traffic,
    others,
    records_of,
)
from rightrig.verbs.found import Found
from rightrig.verbs.naming import model_named
from rightrig.watching.shares import peak_users, share_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.measuring.load.readers_plan import Planned
    from rightrig.recipes.launch import File
    from rightrig.recipes.proving.proof import Proof
    from rightrig.recipes.recipe import Recipe
    from rightrig.recipes.serving import Serving
    from rightrig.report.schema.recipe import RecipeAnswerJson, RecipeJson

__all__ = ["Asked", "Choices", "answer_of", "recipe_of_plan"]
_USUAL_LENGTHS: Final = (1000, 300)
_CELL: Final = 256
"""Engines keep whole pages: a context is rounded up to so many tokens."""
_MOST_DRAFTED: Final = 64
_WEIGHTS: Final = ("*.safetensors", "*.bin")
_MARK: Final = "\n## Check first\n"
"""A heading that the README of every recipe has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The words of one ``recipe`` command; ``None`` where one was left out."""

    model: str | None = None
    on: str | None = None
    deployment: str | None = None
    context: int | None = None
    concurrency: int | None = None
    input: int | None = None
    output: int | None = None
    checkpoint: str | None = None
    form: str | None = None
    prove: bool = False
    save: str | None = None
    choices: Choices = field(default_factory=Choices)
    prefix_cache: bool = True
    spec_tokens: int | None = None
    acceptance_ratio: float | None = None


def answer_of(catalog: Catalog, asked: Asked) -> Found[RecipeAnswerJson]:
    """Return the recipe that was asked for, or why there is none.

    Raises:
        InputError: for words that do not go together, and for what the engine does not do.
        MissingError: where files are wanted without the extra ``recipes``.
    """
    serving = _serving(catalog, asked)
    if serving.fit.verdict == "no" and not _holds_one(serving):
        return _no_recipe(catalog, serving)
    made = recipe_of(serving, partial(_proofs, catalog) if asked.prove else None)
    if asked.save is not None:
        write_files("--save", asked.save, made.files)
    return _found(made, asked)


def recipe_of_plan(catalog: Catalog, planned: Planned, asked: str) -> Recipe:
    """Return the recipe of a plan.

    Args:
        catalog: That it was planned with.
        planned: Which of its plans.
        asked: The command that made it.
    """
    return recipe_of(_of_plan(catalog, planned, Asked(), asked), None)


def write_files(option: str, folder: str, files: Sequence[File]) -> None:
    """Write the files of a recipe into a folder, which is made when it is not there.

    Args:
        option: That names the folder, for messages.
        folder: Its name.
        files: With paths below it.

    Raises:
        InputError: where it cannot be written to, and where it holds what would be lost or would be
            started with it.
    """
    from rightrig.verbs.saving import make_folder, save_bytes

    root = make_folder(folder, option)
    _check_others(option, root, files)
    for one in files:
        path = root / one.path
        save_bytes(str(path.parent), path.name, one.text.encode(), option)
        if one.is_executable:
            path.chmod(0o755)


def _check_others(option: str, root: Path, files: Sequence[File]) -> None:
    """Refuse a folder with a README of something else, or with files of another recipe.

    ``kubectl apply --filename kubernetes/`` would start those too.
    """
    readme = root / README
    if readme.is_file() and _MARK not in readme.read_text(errors="replace"):
        raise InputError(
            f"{option} {root}: its {README} is not of a recipe and would be lost; name a new folder"
        )
    written = {root / one.path for one in files}
    folders = {path.parent for path in written} - {root}
    others = (one for at in sorted(folders) if at.is_dir() for one in sorted(at.iterdir()))
    other = next((one for one in others if one.is_file() and one not in written), None)
    if other is not None:
        raise InputError(
            f"{option} {root}: {other.relative_to(root)} is not of this recipe and would be "
            "started with it; name a new folder, or remove it"
        )


def _proofs(catalog: Catalog, made: Recipe) -> tuple[Proof, ...]:
    """Return what files, an installed engine and this machine prove."""
    from rightrig.measuring.probe.here import read_here
    from rightrig.measuring.probe.probed import probed
    from rightrig.recipes.proving.manifests import manifest_proofs
    from rightrig.recipes.proving.parsers import installed_proof
    from rightrig.recipes.proving.topology import topology_proofs
    from rightrig.verbs.price_ages import today

    parsed = installed_proof(made.launch)
    seen = probed(read_here(), catalog, today().isoformat(), is_here=False)
    return (
        *(() if parsed is None else (parsed,)),
        *manifest_proofs(made.files),
        *topology_proofs(made.serving, seen),
    )


def _found(made: Recipe, asked: Asked) -> Found[RecipeAnswerJson]:
    """Return a recipe in every form."""
    from rightrig.report.recipe import recipe_document, recipe_json

    def data() -> RecipeJson:
        return recipe_json(made)

    return Found(
        data=data,
        document=lambda: recipe_document(made, asked.save),
        yes=made.is_proven,
        records=records_of(made.serving.deployment),
        text=None if asked.form is None else _one_file(made, asked.form),
    )


def _one_file(made: Recipe, name: str) -> Callable[[], str]:
    """Return what makes the text of one file."""
    found = [one for one in made.files if name in {one.path, Path(one.path).stem}]
    if len(found) == 1:
        return lambda: found[0].text
    why = next((one.why for one in made.left_out if one.place == name), None)
    if why is not None:
        raise InputError(f"--form {name[:40]}: no such file here: {why}")
    known = ", ".join(one.path for one in made.files)
    raise InputError(f"--form is {name[:40]!r}: this recipe has {known}")


def _no_recipe(catalog: Catalog, serving: Serving) -> Found[RecipeAnswerJson]:
    """Return that a model does not fit, and what would make it."""
    from rightrig.prediction.levers import levers
    from rightrig.report.document import Paragraph
    from rightrig.report.fit import fit_document, fit_json

    room, deployment = serving.fit, serving.deployment
    changes = levers(room, others(catalog, deployment))

    head = Paragraph("No recipe: an engine started so would run out of memory.", "bad")
    return Found(
        data=lambda: fit_json(room, changes),
        document=lambda: (head, *fit_document(room, changes)),
        yes=False,
        records=records_of(deployment),
    )


def _holds_one(serving: Serving) -> bool:
    """Whether an engine starts at all: its cache holds one sequence of the longest length."""
    groups = serving.deployment.parallelism.engine_seqs_groups
    return fit(serving.deployment, serving.context_tokens, groups).verdict != "no"


def _serving(catalog: Catalog, asked: Asked) -> Serving:
    """Return what the recipe is for, from words or from a plan."""
    from rightrig.measuring.load.readers_plan import read_plan

    if asked.deployment is not None:
        _check_planned(asked)
        return _of_plan(catalog, read_plan(asked.deployment), asked, _command())
    if asked.model is None or asked.on is None:
        raise InputError(
            "which model, and where? Write rightrig recipe MODEL --on 1xh100-sxm, or --deployment "
            "plan.json"
        )
    return _worded(catalog, model_named(asked.model, catalog), parse_rig(asked.on, catalog), asked)


def _worded(catalog: Catalog, llm: Llm, rig: Rig, asked: Asked) -> Serving:
    """Return the serving that words ask for, or refuse it with the nearest that works."""
    wanted = Wanted(catalog, llm, rig, asked.choices, partial(_use, asked))
    try:
        deployment = propose(catalog, llm, rig, asked.choices)
    except InputError as error:
        raise InputError(_with_nearest(str(error), wanted)) from None
    use = _use(asked, deployment)
    reason = system_reason(deployment) or engine_reason(unpredicted(deployment, use))
    if reason:
        raise InputError(_with_nearest(reason, wanted))
    return _located(serving_of(deployment, use), asked.model or "", asked.checkpoint)


def _located(serving: Serving, model: str, given: str | None) -> Serving:
    """Return a serving that loads the files from which its model was read, if it was.

    The name of a folder or file here is no id of the hub, where an engine would look for it.

    Args:
        serving: As it follows from names.
        model: As the user names it.
        given: What the user says that holds the weights.
    """
    llm = serving.deployment.llm
    is_here = not is_confined() and "\0" not in model and os.path.lexists(model)
    if given or not is_here or serving.checkpoint != llm.name:
        return serving
    path = Path(model).resolve()
    if path.suffix.lower() == ".gguf":
        return replace(serving, checkpoint=str(path))
    folder = path if path.is_dir() else path.parent
    if any(any(folder.glob(pattern)) for pattern in _WEIGHTS):
        return replace(serving, checkpoint=str(folder))
    wanted = f"a checkpoint of {llm.name} in {llm.checkpoint.format.upper()}"
    return replace(serving, checkpoint="", checkpoint_wanted=wanted)


def _with_nearest(reason: str, wanted: Wanted) -> str:
    """Return why something is refused, and what comes nearest where anything does."""
    found = nearest(wanted)
    return f"{reason}; nearest that works here: {found}" if found else reason


def _use(asked: Asked, deployment: Deployment) -> Use:
    """Return how a deployment is to be used.

    Raises:
        InputError: for lengths, users and drafts that it cannot have.
    """
    usual = min(DEFAULT_CONTEXT, deployment.llm.max_context_tokens)
    context = usual if asked.context is None else asked.context
    count = 1 if asked.concurrency is None else asked.concurrency
    check_traffic(deployment, context, count)
    prompt, answer = _lengths(asked, context)
    return Use(
        context_tokens=context, concurrency=count, input_tokens=prompt, output_tokens=answer,
        prefix_cache=asked.prefix_cache, speculation=_speculation(deployment, asked),
        acceptance_ratio=asked.acceptance_ratio, checkpoint=asked.checkpoint, asked=_command(),
    )  # fmt: skip


def _command() -> str:
    """Return the command that was given; nothing where another program asks."""
    return "rightrig " + shlex.join(sys.argv[1:]) if sys.argv[1:2] == ["recipe"] else ""


def _check_planned(asked: Asked) -> None:
    """Refuse words that a plan says itself."""
    given = {
        "MODEL": asked.model, "--on": asked.on, "--input": asked.input, "--output": asked.output,
        "--spec-tokens": asked.spec_tokens, "--acceptance": asked.acceptance_ratio,
    }  # fmt: skip
    said = next((name for name, value in given.items() if value is not None), None)
    if said is None and asked.choices != Choices():
        said = "an option that splits, stores or limits"
    if said is not None:
        raise InputError(f"--deployment says what is deployed: leave {said} out")


def _lengths(asked: Asked, context_tokens: int) -> tuple[int, int]:
    """Return the mean lengths of prompt and answer, within the longest sequence."""
    prompt, answer = _USUAL_LENGTHS
    if asked.input is None and asked.output is None and sum(_USUAL_LENGTHS) > context_tokens:
        prompt, answer = max(context_tokens - context_tokens // 4, 1), max(context_tokens // 4, 1)
    prompt = check_count(asked.input or prompt, name="--input", limit=context_tokens)
    answer = check_count(asked.output or answer, name="--output", limit=context_tokens)
    if prompt + answer > context_tokens:
        raise InputError(
            f"--input and --output are {prompt + answer:,} tokens together, and --context "
            f"{context_tokens:,}; ask for a longer context"
        )
    return prompt, answer


def _speculation(deployment: Deployment, asked: Asked) -> Speculation | None:
    """Return how tokens are drafted; ``None`` where they are not."""
    companions = deployment.companions
    has_draft = companions.draft is not None or companions.draft_ahead
    if asked.spec_tokens is None:
        if has_draft or asked.acceptance_ratio is not None:
            raise InputError("how many tokens are drafted a step? Add --spec-tokens 4")
        return None
    count = check_count(asked.spec_tokens, name="--spec-tokens", limit=_MOST_DRAFTED)
    if asked.acceptance_ratio is not None and not 0.0 <= asked.acceptance_ratio < 1.0:
        raise InputError(f"--acceptance is {asked.acceptance_ratio:g}: it lies from 0 to below 1")
    if companions.draft is not None:
        return Speculation(count, "draft", companions.draft.name)
    return Speculation(count, "mtp" if companions.draft_ahead else "ngram")


def _of_plan(catalog: Catalog, planned: Planned, asked: Asked, command: str) -> Serving:
    """Return what a plan deploys on one of its rigs.

    The longest sequence is the planned one, rounded up to whole pages; at once are as many as
    bring the planned peak (Little's law).
    """
    if planned.prefill_replicas_count:
        raise InputError(
            "this plan has engines that only read prompts, for which no recipe is written; take "
            "another plan of the file: plan.json#2"
        )
    share = share_of(planned, catalog)
    deployment = share.deployment
    tokens = planned.longest_tokens
    whole = min(-(-tokens // _CELL) * _CELL, deployment.llm.max_context_tokens)
    context = whole if asked.context is None else asked.context
    users = peak_users(share, fit(deployment, tokens, 1)) or 1
    count = users if asked.concurrency is None else asked.concurrency
    check_traffic(deployment, context, count)
    if context < tokens:
        name = "the model's most" if asked.context is None else "--context"
        raise InputError(f"{name} is {context:,}, and the plan has {tokens:,} tokens")
    serving = serving_of(deployment, Use(
        context_tokens=context, concurrency=count, input_tokens=planned.input_tokens,
        output_tokens=planned.output_tokens, slo=planned.slo, rigs_count=share.count,
        peak_requests_per_s=planned.peak_requests_per_s / share.count,
        prefix_cache=asked.prefix_cache, checkpoint=asked.checkpoint, asked=command,
    ))  # fmt: skip
    return _located(serving, planned.model, asked.checkpoint)
