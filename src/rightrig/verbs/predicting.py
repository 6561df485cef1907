"""From the words of ``predict`` to the form of its question, and its answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.quantities import parse
from rightrig.verbs.deploying import deploy, records_of
from rightrig.verbs.found import Found
from rightrig.verbs.naming import model_named
from rightrig.verbs.saving import save
from rightrig.verbs.sweeping import sweep_of
from rightrig.verbs.traffic import Traffic, concurrency_of, lengths_of, predicted

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.predicting import (
        AllReducesJson,
        GemmsJson,
        PredictAnswerJson,
        PredictExplainedJson,
        PredictJson,
        PredictSweepJson,
        SplitsJson,
    )

__all__ = ["Asked", "Choices", "Traffic", "answer_of"]
_USUAL: Final = Traffic(1000, 300, "1")
_OF_MODEL: Final = frozenset(
    (
        "--input", "--output", "--concurrency", "--runtime", "--weights", "--kv", "--max-seqs",
        "--max-batched-tokens", "--gpu-memory-utilization",
    )
)  # fmt: skip
_OF_SPLIT: Final = frozenset(
    (
        "--tp", "--pp", "--dp", "--ep", "--cp", "--replicas", "--prefix-hit", "--draft",
        "--image-patches",
        "--spec-tokens", "--acceptance",
    )
)  # fmt: skip
_TAKES: Final = {
    "": _OF_MODEL | _OF_SPLIT,
    "--explain": _OF_MODEL | _OF_SPLIT,
    "--sweep": _OF_MODEL | _OF_SPLIT | {"--save"},
    "--splits": _OF_MODEL,
    "--gemm": frozenset({"--weights"}),
    "--allreduce": frozenset({"--ranks"}),
}
"""Options that each form takes, beside ``--on``, ``--catalog`` and ``--json``."""
_OWNERS: Final = {"--save": "--sweep", "--ranks": "--allreduce"}
_WITHOUT_MODEL: Final = ("--gemm", "--allreduce")
_OF_SEVERAL_RIGS: Final = ("--splits", "--gemm", "--allreduce")
_MOST_ROWS: Final = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of the command."""

    catalog: Catalog
    model: str | None
    on: tuple[str, ...]
    traffic: Traffic
    choices: Choices
    gemm: tuple[str, ...] = ()
    allreduce: tuple[str, ...] = ()
    ranks: int | None = None
    splits: bool = False
    sweep: str | None = None
    save: str | None = None
    explain: bool = False

    @property
    def rigs(self) -> tuple[Rig, ...]:
        """The rigs of ``--on``, each once."""
        return tuple(parse_rig(text, self.catalog) for text in dict.fromkeys(self.on))

    @property
    def deployment(self) -> Deployment:
        """The deployment of the model on the only rig."""
        return deploy(self.catalog, self.model or "", self.on[0], self.choices)


def answer_of(asked: Asked) -> Found[PredictAnswerJson]:
    """Return the answer of the form that was asked for.

    Raises:
        InputError: when the options do not go together.
    """
    form = _form(asked)
    _check_form(asked, form)
    return _ANSWERS[form](asked)


def _form(asked: Asked) -> str:
    """Return the option that says which question it is; empty for the plain one."""
    said = {
        "--gemm": bool(asked.gemm), "--allreduce": bool(asked.allreduce),
        "--splits": asked.splits, "--sweep": asked.sweep is not None, "--explain": asked.explain,
    }  # fmt: skip
    forms = [name for name, is_said in said.items() if is_said]
    if len(forms) > 1:
        raise InputError(f"{forms[0]} and {forms[1]} are two questions; ask one at a time")
    return forms[0] if forms else ""


def _check_form(asked: Asked, form: str) -> None:
    """Refuse options, models and rigs that do not belong to a form."""
    for name in (name for name, value in _given(asked).items() if value is not None):
        if name not in _TAKES[form]:
            raise InputError(_misplaced(name, form))
    if form in _WITHOUT_MODEL and asked.model is not None:
        raise InputError(f"{form} asks about cards alone; leave {asked.model[:60]!r} out")
    if form not in _WITHOUT_MODEL and asked.model is None:
        raise InputError(
            "predict needs a model, such as: predict llama-3.1-8b --on 1xrtx-4090 (--gemm and "
            "--allreduce do without)"
        )
    if form not in _OF_SEVERAL_RIGS and len(asked.on) > 1:
        raise InputError(
            f"--on names {len(asked.on)} rigs; a prediction is of one, and "
            f"{', '.join(_OF_SEVERAL_RIGS)} take several"
        )


def _misplaced(name: str, form: str) -> str:
    """Return why an option does not belong to a form."""
    owner = _OWNERS.get(name)
    if owner:
        return f"{name} goes with {owner} only; leave it out, or add {owner}"
    return f"{name} does not go with {form}, which takes {', '.join(sorted(_TAKES[form]))}"


def _given(asked: Asked) -> dict[str, object]:
    """Return every option that belongs to some forms only; ``None`` where it was left out."""
    choices, traffic = asked.choices, asked.traffic
    usual = {
        "--input": (traffic.input, _USUAL.input), "--output": (traffic.output, _USUAL.output),
        "--concurrency": (traffic.concurrency, _USUAL.concurrency),
    }  # fmt: skip
    return {
        **{name: None if value == default else value for name, (value, default) in usual.items()},
        "--image-patches": traffic.image_patches,
        "--prefix-hit": traffic.prefix_hit_ratio, "--spec-tokens": traffic.spec_tokens,
        "--acceptance": traffic.acceptance_ratio, "--runtime": choices.runtime,
        "--weights": choices.weights, "--kv": choices.kv, "--tp": choices.tp, "--pp": choices.pp,
        "--dp": choices.attention_dp, "--ep": choices.expert_parallel,
        "--cp": choices.context_parallel, "--replicas": choices.replicas,
        "--draft": choices.draft, "--max-seqs": choices.max_seqs,
        "--max-batched-tokens": choices.max_batched_tokens,
        "--gpu-memory-utilization": choices.memory_ratio, "--ranks": asked.ranks,
        "--save": asked.save,
    }  # fmt: skip


def _plain(asked: Asked) -> Found[PredictJson]:
    """Return one prediction."""
    from rightrig.report.predict import predict_document, predict_json

    result = predicted(asked.deployment, asked.traffic)
    return Found(
        data=lambda: predict_json(result),
        document=lambda: predict_document(result),
        yes=result.fit.max_concurrency >= 1,
        records=records_of(result.deployment),
    )


def _explained(asked: Asked) -> Found[PredictExplainedJson]:
    """Return one prediction with its whole step, its ridge and its sensitivities."""
    from rightrig.prediction.sensitivity import ridges, sensitivities
    from rightrig.report.predict_explain import explain_document, explain_json

    result = predicted(asked.deployment, asked.traffic)
    changes, batches = sensitivities(result), ridges(result)
    return Found(
        data=lambda: explain_json(result, changes, batches),
        document=lambda: explain_document(result, changes, batches),
        yes=result.fit.max_concurrency >= 1,
        records=records_of(result.deployment),
    )


def _swept(asked: Asked) -> Found[PredictSweepJson]:
    """Return a prediction for each value of one quantity."""
    from rightrig.report.predict_sweep import sweep_document, sweep_json, sweep_lines

    sweep = sweep_of(asked.sweep or "")
    usual = getattr(_USUAL, sweep.name)
    if getattr(asked.traffic, sweep.name) != usual:
        raise InputError(f"--sweep {sweep.name}=… says what --{sweep.name} is; leave that out")
    deployment = asked.deployment
    points = tuple(
        predicted(deployment, asked.traffic.swept(sweep.name, value)) for value in sweep.values
    )
    if asked.save is not None:
        save(asked.save, "sweep.csv", sweep_lines(points))
    return Found(
        data=lambda: sweep_json(sweep.name, points),
        document=lambda: sweep_document(sweep.name, points),
        yes=any(point.fit.max_concurrency >= 1 for point in points),
        records=records_of(deployment),
    )


def _split(asked: Asked) -> Found[SplitsJson]:
    """Return the steps on 1, 2, 4 and 8 cards of each rig."""
    from rightrig.prediction.splits import cards_of, divided_steps
    from rightrig.report.splits import splits_document, splits_json

    users = concurrency_of(asked.traffic.concurrency)
    if users is None:
        raise InputError("--concurrency max differs from split to split; write a whole number")
    llm, rigs = model_named(asked.model or "", asked.catalog), asked.rigs
    found = []
    for rig in rigs:
        one = propose(asked.catalog, llm, cards_of(rig, 1), asked.choices)
        lengths = lengths_of(one, asked.traffic)
        found.append(divided_steps(asked.catalog, llm, rig, asked.choices, lengths, users))
    return Found(
        data=lambda: splits_json(llm.name, users, asked.traffic.input, found),
        document=lambda: splits_document(llm.name, users, asked.traffic.input, found),
        yes=True,
        records=(llm, *(rig.gpu for rig in rigs)),
    )


def _products(asked: Asked) -> Found[GemmsJson]:
    """Return matrix products on one card of each rig."""
    from rightrig.prediction.kernels import gemm
    from rightrig.report.kernels import gemms_document, gemms_json

    rigs = asked.rigs
    _check_rows(len(asked.gemm) * len(rigs), "--gemm")
    weights = (asked.choices.weights or "bf16").lower()
    shapes = [_shape(text) for text in asked.gemm]
    cards = [group for rig in rigs for group in rig.groups]
    found = [
        replace(gemm(card.gpu, shape, weights, card.power_cap_w), options=card.options)
        for shape in shapes
        for card in cards
    ]
    return Found(
        data=lambda: gemms_json(found),
        document=lambda: gemms_document(found),
        yes=True,
        records=tuple(card.gpu for card in cards),
    )


def _shape(text: str) -> tuple[int, int, int]:
    """Return the sides of ``M,N,K``."""
    try:
        rows, columns, inner = (int(side) for side in re.split(r"[,x×]", text))
    except ValueError:
        raise InputError(
            f"--gemm {text[:40]!r}: write M,N,K as three whole numbers (tokens, outputs, inputs), "
            "such as 1,8192,8192"
        ) from None
    return rows, columns, inner


def _reduced(asked: Asked) -> Found[AllReducesJson]:
    """Return all-reduces among cards of each rig."""
    from rightrig.prediction.kernels import MOST_MESSAGE_BYTES, allreduce
    from rightrig.report.kernels import allreduces_document, allreduces_json

    rigs = asked.rigs
    _check_rows(len(asked.allreduce) * len(rigs), "--allreduce")
    sizes_bytes = [
        parse(text, "bytes", name="--allreduce", limit=MOST_MESSAGE_BYTES)
        for text in asked.allreduce
    ]
    found = [
        allreduce(rig, size_bytes, rig.cards_count if asked.ranks is None else asked.ranks)
        for size_bytes in sizes_bytes
        for rig in rigs
    ]
    return Found(
        data=lambda: allreduces_json(found),
        document=lambda: allreduces_document(found),
        yes=True,
        records=tuple(rig.gpu for rig in rigs),
    )


def _check_rows(count: int, form: str) -> None:
    """Refuse tables that nobody reads."""
    if count > _MOST_ROWS:
        raise InputError(f"{form} and --on make {count:,} rows; ask for at most {_MOST_ROWS}")


_ANSWERS: Final[dict[str, Callable[[Asked], Found[PredictAnswerJson]]]] = {
    "": _plain,
    "--explain": _explained,
    "--sweep": _swept,
    "--splits": _split,
    "--gemm": _products,
    "--allreduce": _reduced,
}
