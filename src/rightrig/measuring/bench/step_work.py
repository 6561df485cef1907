"""The work of a step of the stack, operator by operator, as predictions count it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.facts.stored import LANGUAGE
from rightrig.work.operators import SENT, Step
from rightrig.work.step import step_operators
from rightrig.work.stored import Stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.facts.llm import Llm
    from rightrig.measuring.bench.values import Label


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of work of a step, summed over the layers that do it."""

    kind: str
    flop: float
    moved_bytes: float
    launches_count: float


def step_work(llm: Llm, labels: Mapping[str, Label]) -> tuple[Work, ...]:
    """Return the work of the first layers of a model, on one card, in 16 bits.

    Args:
        llm: The whole model.
        labels: Of a figure: ``layers``, ``head``, and ``batch`` with ``context_tokens`` or
            ``prompt_tokens``.
    """
    first = [(index, 1) for index in llm.layer_order[: int(labels["layers"])]]
    cut = llm.model_copy(update={"layout": tuple(first)})
    if "prompt_tokens" in labels:
        tokens = float(labels["prompt_tokens"])
        step = Step(0.0, 0.0, tokens, tokens / 2.0, 1.0)
    else:
        sequences = float(labels["batch"])
        step = Step(sequences, float(labels["context_tokens"]), head_rows_count=sequences)
    stored = Stored(dict.fromkeys(LANGUAGE, 16.0), 16.0)
    return tuple(
        Work(one.kind, float(one.flop), float(one.moved_bytes), float(one.launches_count))
        for one in step_operators(cut, stored, step)
        if one.kind not in SENT and (one.kind != "head" or labels["head"])
    )
