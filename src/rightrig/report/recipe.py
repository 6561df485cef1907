"""The report of a recipe: the command, why each word, what to expect, what was proven."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

from rightrig.deployment.limits import LAYERED
from rightrig.quantities import show_number, show_seconds, show_users
from rightrig.recipes.first_start import command_text, flag_text
from rightrig.recipes.meaning import translated
from rightrig.recipes.proving.room import running_limit
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.values import deployment_json, deployment_text, interval_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.interval import Interval
    from rightrig.prediction.predict import Prediction
    from rightrig.recipes.launch import Launch
    from rightrig.recipes.proving.proof import Proof, State
    from rightrig.recipes.recipe import Recipe
    from rightrig.report.document import Block
    from rightrig.report.schema.recipe import ExpectedJson, ProofJson, RecipeJson, TranslationJson

_MARKS: Final[dict[State, str]] = {"pass": "PASS", "fail": "FAIL", "unverifiable": "OPEN"}
_STYLES: Final[dict[State, Literal["good", "bad", "warn"]]] = {
    "pass": "good", "fail": "bad", "unverifiable": "warn",
}  # fmt: skip
_MOST_LINES: Final = 3
"""Of passes of one kind."""


def recipe_document(recipe: Recipe, saved: str | None) -> Document:
    """Return a recipe as a document.

    Args:
        recipe: What was made.
        saved: The folder that its files were written into, if any.
    """
    return tuple(_blocks(recipe, saved))


def _blocks(recipe: Recipe, saved: str | None) -> Iterator[Block]:
    """Yield its blocks."""
    serving, launch = recipe.serving, recipe.launch
    yield Paragraph(deployment_text(serving.deployment), "title")
    if serving.checkpoint_wanted:
        is_file = serving.runtime.slug in LAYERED
        name = "FILE.gguf" if is_file else "ORG/NAME"
        said = f"Needs {serving.checkpoint_wanted}: name it with --checkpoint {name}."
        yield Paragraph(said, "warn")
    yield Paragraph(command_text(serving, launch))
    yield Grid(("option", "why"), _reasons(launch), title="Why:")
    yield from _expected(recipe)
    yield from _translations(recipe)
    yield from (Paragraph(f"- {note}") for note in launch.notes)
    yield from _proofs(recipe)
    yield from _files(recipe, saved)


def _reasons(launch: Launch) -> tuple[tuple[str, ...], ...]:
    """Return a row for each option and variable that says why."""
    named = [(f"{one.name}={one.value}", one.why) for one in launch.environment]
    flags = (*launch.flags, *launch.node_flags, *launch.worker_flags)
    return (*named, *((flag_text(flag), flag.why) for flag in flags if flag.why))


def _expected(recipe: Recipe) -> Iterator[Paragraph]:
    """Yield what to expect of it."""
    serving = recipe.serving
    speed = serving.prediction
    if speed is not None:
        yield Paragraph(
            f"Expect, with {show_users(speed.concurrency)} of {serving.input_tokens:,} + "
            f"{serving.output_tokens:,} tokens: TTFT {_seconds(speed.ttft_s)}, TPOT "
            f"{_seconds(speed.tpot_s)}, {_rate(speed.output_tokens_per_s)} output tokens/s "
            f"({speed.evidence})."
        )
    room = serving.fit
    held, most = room.max_concurrency, running_limit(serving)
    holds = f"At most {held:,} run at once" if held == most else f"Memory holds {held:,} sequences"
    yield Paragraph(
        f"{holds} of {serving.context_tokens:,} tokens; {serving.concurrency:,} are promised."
    )
    if serving.rigs_count > 1:
        yield Paragraph(f"The plan has {serving.rigs_count} such rigs: start it on each.")


def _seconds(span_s: Interval) -> str:
    """Return a time with its ends."""
    return f"{show_seconds(span_s.mid)} ({show_seconds(span_s.low)} … {show_seconds(span_s.high)})"


def _rate(rate_tokens_per_s: Interval) -> str:
    """Return a rate with its ends."""
    one = rate_tokens_per_s
    return f"{show_number(one.mid)} ({show_number(one.low)} … {show_number(one.high)})"


def _translations(recipe: Recipe) -> Iterator[Paragraph]:
    """Yield what means the same in other engines; what differs is in the recipe's README."""
    rows = translated(recipe.serving)
    own = recipe.serving.runtime.slug
    engines = dict.fromkeys(name for one in rows for name in one.words if name != own)
    for name in engines:
        words = (one.words.get(name, "") for one in rows)
        told: list[str] = []
        for word in words:
            if word.startswith("-") and f" {word} " not in f" {' '.join(told)} ":
                told.append(word)
        options = "  ".join(told)
        is_refused = any(one.words.get(name, "").startswith("no: ") for one in rows)
        if options and not is_refused:
            yield Paragraph(f"The same in {name}: {options}", "dim")


def _proofs(recipe: Recipe) -> Iterator[Paragraph]:
    """Yield what was checked; many passes of one kind in one line."""
    several = Counter(proof.id for proof in recipe.proofs if proof.state == "pass")
    for name, count in several.items():
        if count > _MOST_LINES:
            yield Paragraph(f"PASS  {count} × {name}: --json lists them", "good")
    for proof in recipe.proofs:
        if proof.state == "pass" and several[proof.id] > _MOST_LINES:
            continue
        yield Paragraph(
            f"{_MARKS[proof.state]}  {proof.subject}: {proof.said.rstrip('.')}. [{proof.id}]",
            _STYLES[proof.state],
        )
        if proof.remedy:
            yield Paragraph(f"→ {proof.remedy}", "dim")


def _files(recipe: Recipe, saved: str | None) -> Iterator[Block]:
    """Yield the files, and where they are."""
    where = "Files, with --save DIR:" if saved is None else f"Written into {saved}:"
    rows = tuple((one.path, one.about) for one in recipe.files)
    yield Grid(("file", "what"), rows, title=where)
    for one in recipe.left_out:
        yield Paragraph(f"No file for {one.place}: {one.why}", "dim")


def recipe_json(recipe: Recipe) -> RecipeJson:
    """Return a recipe as JSON."""
    serving, launch = recipe.serving, recipe.launch
    return {
        "deployment": deployment_json(serving.deployment),
        "verdict": serving.fit.verdict,
        "context_tokens": serving.context_tokens,
        "concurrency": serving.concurrency,
        "checkpoint": serving.checkpoint,
        "checkpoint_wanted": serving.checkpoint_wanted,
        "engines_count": serving.deployment.parallelism.replicas,
        "rigs_count": serving.rigs_count,
        "engine": launch.engine,
        "engine_version": launch.version,
        "command": command_text(serving, launch),
        "arguments": list(launch.arguments),
        "environment": [
            {"name": one.name, "value": one.value, "why": one.why} for one in launch.environment
        ],
        "flags": [
            {"name": flag.name, "value": flag.value, "why": flag.why} for flag in launch.flags
        ],
        "image": launch.image,
        "port": launch.port,
        "health": launch.health,
        "metrics": launch.metrics,
        "expected": None if serving.prediction is None else _expected_json(serving.prediction),
        "translations": _translations_json(recipe),
        "files": [{"path": one.path, "about": one.about, "text": one.text} for one in recipe.files],
        "left_out": [{"place": one.place, "why": one.why} for one in recipe.left_out],
        "notes": list(launch.notes),
        "proofs": [_proof_json(one) for one in recipe.proofs],
        "proven": recipe.is_proven,
    }


def _expected_json(speed: Prediction) -> ExpectedJson:
    """Return a prediction as a recipe needs it."""
    return {
        "concurrency": speed.concurrency,
        "ttft_s": interval_json(speed.ttft_s),
        "tpot_s": interval_json(speed.tpot_s),
        "output_tokens_per_s": interval_json(speed.output_tokens_per_s),
        "evidence": speed.evidence,
    }


def _translations_json(recipe: Recipe) -> list[TranslationJson]:
    """Return the translations as JSON."""
    return [
        {
            "quantity": one.quantity, "meaning": one.meaning, "note": one.note,
            "words": [{"engine": name, "text": words} for name, words in one.words.items()],
        }
        for one in translated(recipe.serving)
    ]  # fmt: skip


def _proof_json(proof: Proof) -> ProofJson:
    """Return one proof as JSON."""
    return {
        "id": proof.id,
        "state": proof.state,
        "subject": proof.subject,
        "said": proof.said,
        "remedy": proof.remedy,
    }
