"""From the words of ``profile`` to its answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.demand.workload import MAX_TOKENS
from rightrig.deployment.propose import Choices
from rightrig.errors import InputError
from rightrig.quantities import check_count
from rightrig.verbs.deploying import deploy, records_of
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.profiling import (
        ProfileAnswerJson,
        ProfileCountersJson,
        ProfileJson,
        ProfileRecordingJson,
    )

__all__ = ["Choices", "Words", "answer_of"]
_MOST_SEQS: Final = 1_000_000
_MOST_STEPS: Final = 100_000_000
_MAY_BE_NONE: Final = frozenset(("--batch", "--prompt-tokens"))


@dataclass(frozen=True, slots=True)
class Words:
    """The words of the command."""

    file: str | None
    model: str | None
    on: str | None
    batch: int | None
    context: int | None
    prompt_tokens: int | None
    steps: int | None
    record: str | None


def answer_of(catalog: Catalog, words: Words, choices: Choices) -> Found[ProfileAnswerJson]:
    """Return how to record a profile, or what one says.

    Raises:
        InputError: when the words do not go together, or the file is not understood.
    """
    if words.record is not None:
        return _recording(words, words.record)
    if words.file is None:
        raise InputError(
            "profile needs a file: rightrig profile step.json.gz --model MODEL --on RIG; "
            "rightrig profile --record vllm says how to make one"
        )
    _check(words, choices)
    return _profile(catalog, words, words.file, choices)


def _recording(words: Words, engine: str) -> Found[ProfileRecordingJson]:
    """Return how to record an engine."""
    from rightrig.measuring.profile.recording import recording_of
    from rightrig.report.profile import recording_document, recording_text
    from rightrig.report.profile_json import recording_json

    if words.file is not None:
        raise InputError("--record says how to make a file, and reads none; leave the file out")
    found = recording_of(engine)
    return Found(
        data=lambda: recording_json(found),
        document=lambda: recording_document(found),
        text=lambda: recording_text(found),
    )


def _profile(
    catalog: Catalog, words: Words, file: str, choices: Choices
) -> Found[ProfileJson | ProfileCountersJson]:
    """Return what a file says, beside the model's step where one is named."""
    from rightrig.measuring.profile.profile import Question, profile_of
    from rightrig.prediction.timers import timer_of
    from rightrig.report.profile import profile_document
    from rightrig.report.profile_json import profile_json

    deployment = (
        deploy(catalog, words.model, words.on, choices) if words.model and words.on else None
    )
    timer = None if deployment is None else timer_of(deployment)
    found = profile_of(
        Question(Path(file), timer, words.batch, words.prompt_tokens, words.context, words.steps)
    )
    return Found(
        data=lambda: profile_json(found),
        document=lambda: profile_document(found),
        records=() if deployment is None else records_of(deployment),
    )


def _check(words: Words, choices: Choices) -> None:
    """Refuse counts that no step has, and options of a model without one."""
    limits = {
        "--batch": (words.batch, _MOST_SEQS),
        "--context": (words.context, MAX_TOKENS),
        "--prompt-tokens": (words.prompt_tokens, MAX_TOKENS),
        "--steps": (words.steps, _MOST_STEPS),
    }
    for name, (value, limit) in limits.items():
        if value is not None and (value or name not in _MAY_BE_NONE):
            check_count(value, name=name, limit=limit)
    if (words.model is None) != (words.on is None):
        raise InputError("--model and --on belong together: which model ran, and on which rig")
    if choices != Choices() and words.model is None:
        raise InputError(
            "options of a deployment say how a model ran; add --model and --on, or leave them out"
        )
