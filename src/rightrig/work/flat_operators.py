"""A model's operators as numbers: what each does, as coefficients of features of a step.

Every operator is ``flop = F·x`` and ``bytes = C·s + M·y`` with features ``x, s, y`` of the step
(rows, sequences times the entries that they read, experts touched …) that its form names. The
coefficients are read off ``step_operators``, which is asked with a few probing steps: its formulas
are written once, and one step of hundreds of models becomes arithmetic on a table (``flat_steps``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.facts.stored import LANGUAGE
from rightrig.work.attention_step import Reach, reach_of
from rightrig.work.ffn_step import Routing
from rightrig.work.operators import SENT, Shard, Step
from rightrig.work.step import host_launches_count, step_operators
from rightrig.work.stored import Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from numpy.typing import NDArray

    from rightrig.facts.llm import Attention, Ffn, Llm
    from rightrig.work.operators import Floats, Operator

    Column = NDArray[np.float64]
    Own = tuple[Floats, Floats, Floats, Floats]
    Features = tuple[Floats, Floats, Floats]
    Row = tuple[float, ...]
    Table: TypeAlias = NDArray[np.float64]
    """Columns of several quantities."""
    Amount: TypeAlias = float
    Amounts: TypeAlias = Floats
    """Of any one quantity."""

KERNEL_KINDS: Final = ("gemm", "head", "attention", "prefill", "experts")
"""Kinds of operators that compute, by their numbers in a table."""
SCALES: Final = (*LANGUAGE, "kv", "fixed")
"""What bytes grow with: the bits of a class of weights, of a cached value, or nothing."""
_KV, _FIXED = len(LANGUAGE), len(LANGUAGE) + 1
_BASE, _CACHED, _PROMPTS, _FIRST_CLASS = range(4)
_CHECKED: Final = _FIRST_CLASS + len(LANGUAGE)
_AGREEMENT_RATIO: Final = 1e-9
_NOTHING: Final = (0.0, 0.0, 0.0, 0.0)


def _product(step: Step) -> Features:
    rows = step.rows_count
    return rows, 1.0, rows


def _head(step: Step) -> Features:
    return step.head_rows_count, 1.0, step.head_rows_count


def _state(step: Step) -> Features:
    return step.decode_rows_count, 0.0, step.decode_seqs


def _chunk(step: Step) -> Features:
    return step.prefill_tokens, 0.0, step.prefill_tokens


def _index(step: Step) -> Features:
    scored = step.prefill_tokens * step.prefill_context_tokens
    scored = scored + step.decode_rows_count * step.context_tokens
    return scored, step.decode_seqs * step.context_tokens, step.rows_count


def _encoder(step: Step) -> Features:
    return step.patches_count, np.asarray(step.patches_count > 0.0, dtype=float), 0.0


def _rows(step: Step) -> Features:
    return 0.0, 0.0, step.rows_count


def _decoded_rows(step: Step) -> Features:
    return 0.0, 0.0, step.decode_rows_count


def _decode(own: Own, rows_count: Floats, seqs: Floats, context_tokens: Floats) -> Features:
    attended = Reach(*own[:3]).attended_tokens(context_tokens)
    return rows_count * attended, 0.0, seqs * attended


def _prompt(own: Own, prefill_tokens: Floats, context_tokens: Floats) -> Features:
    attended = Reach(*own[:3]).attended_tokens(context_tokens)
    return prefill_tokens * attended, 0.0, prefill_tokens


def _experts(own: Own, rows_count: Floats) -> Features:
    busiest, rows = Routing(*own[:3]).busiest_count(rows_count * own[3])
    return rows, busiest, rows


_OF_STEP: Final[dict[str, Callable[[Step], Features]]] = {
    "product": _product, "head": _head, "state": _state, "chunk": _chunk, "index": _index,
    "encoder": _encoder,
    "rows": _rows, "all_reduce": _rows, "all_gather": _decoded_rows, "all_to_all": _rows,
    "send": _rows,
}  # fmt: skip
"""Features that follow from a step alone."""
_OF_LAYER: Final[dict[str, tuple[Callable[..., Features], tuple[str, ...]]]] = {
    "decode": (_decode, ("decode_rows_count", "decode_seqs", "context_tokens")),
    "prompt": (_prompt, ("prefill_tokens", "prefill_context_tokens")),
    "experts": (_experts, ("rows_count",)),
}
"""Features that follow from what an operator's layers have of their own, and from these values."""
KERNEL_FORMS: Final = (
    "product", "head", "decode", "prompt", "state", "chunk", "index", "experts", "encoder",
)  # fmt: skip
"""Forms of what computes."""
OTHER_FORMS: Final = ("rows", "all_reduce", "all_gather", "all_to_all", "send")
"""Forms of what only moves bytes, by its kind."""
FORMS: Final = (*KERNEL_FORMS, *OTHER_FORMS)


def features_of(
    form: str, step: Step, own: Own, models: NDArray[np.int64] | None = None
) -> Features:
    """Return ``x, s, y`` of operators of a form.

    Args:
        form: One of ``FORMS``.
        step: A step, with numbers or an element a model.
        own: What the layers of each operator have of their own.
        models: Whose each operator is; ``None`` where the step is that of each already.
    """

    def of_each(values: Amounts) -> Amounts:
        return values if models is None or np.ndim(values) == 0 else np.asarray(values)[models]

    if form in _OF_LAYER:
        of, reads = _OF_LAYER[form]
        return of(own, *(of_each(getattr(step, name)) for name in reads))
    x, s, y = _OF_STEP[form](step)
    each_x = of_each(x)
    return each_x, of_each(s), each_x if y is x else of_each(y)


_FORM_OF_NAME: Final = {
    "head": "head", "indexer": "index", "experts": "experts", "vision encoder": "encoder",
    "attention decode": "decode", "attention prefill": "prompt",
    "recurrent state": "state", "recurrent prefill": "chunk",
}  # fmt: skip
_HELD_WHATEVER_THE_FORMAT: Final = frozenset(("index", "encoder"))
"""Forms that read something of which no class of weights decides the size."""


@dataclass(frozen=True, slots=True)
class FlatModel:
    """The operators of a model under one shard, form by form.

    Attributes:
        elements: A row an operator (``COLUMNS``).
        counts: How many of each form.
        host_launches_count: Launches of a step's host (``work.step.host_launches_count``).
        has_experts: Whether any layer has.
    """

    elements: Table
    counts: tuple[int, ...]
    host_launches_count: float
    has_experts: bool


COLUMNS: Final = (
    "flop", "held", "moved", "launches", "kind", "held_scale", "moved_scale",
    "own_0", "own_1", "own_2", "own_3",
)  # fmt: skip
"""``F, C, M`` (the latter two in bytes at 8 bits), launches, the number of the kind, those of the
scales of ``C`` and ``M``, and what its layers have of their own: a reach, or a routing."""


def flatten(llm: Llm, shard: Shard) -> FlatModel:
    """Return the operators of a model on one rank; messages between stages for one hop."""
    step, stored = _probes()
    one_hop = Shard(
        shard.tp, 2.0, shard.attention_dp, shard.expert_parallel, shard.context_parallel
    )
    found: dict[str, list[Row]] = {form: [] for form in FORMS}
    operators = step_operators(llm, stored, step, one_hop)
    for operator, form, own in _formed(llm, operators, shard):
        found[form].append(_element(operator, form, own, step))
    rows = [row for own_rows in found.values() for row in own_rows]
    counts = tuple(len(own_rows) for own_rows in found.values())
    return FlatModel(np.array(rows), counts, host_launches_count(llm), llm.has_experts)


def _probes() -> tuple[Step, Stored]:
    """Return probing steps and formats, an element a probe.

    Weights and cache of no bits; a cache of 8; without decoding sequences; each class of weights
    of 8 bits; and one of everything, which the coefficients must foretell.
    """
    count = _CHECKED + 1

    def column(usual: Amount, checked: Amount) -> Table:
        values = np.full(count, usual)
        values[_CHECKED] = checked
        return values

    step = Step(
        column(8.0, 5.0), column(4096.0, 700.0), column(512.0, 300.0), column(1024.0, 90.0),
        column(9.0, 7.0), column(1.0, 2.0), column(64.0, 32.0),
    )  # fmt: skip
    for values in (step.decode_seqs, step.patches_count):
        np.asarray(values)[_PROMPTS] = 0.0
    bits = {kind: column(0.0, 4.0 + place) for place, kind in enumerate(LANGUAGE)}
    for place, kind in enumerate(LANGUAGE):
        bits[kind][_FIRST_CLASS + place] = 8.0
    cached = column(0.0, 5.0)
    cached[_CACHED] = 8.0
    return step, Stored(dict(bits), cached)


def _formed(
    llm: Llm, operators: tuple[Operator, ...], shard: Shard
) -> Iterator[tuple[Operator, str, Own]]:
    """Yield each operator with its form and what its layers have of their own."""
    blocks = [block for block, _ in llm.block_counts]
    reaches = (_reach(block.attention) for block in blocks if block.attention is not None)
    routings = (_routing(b.ffn, shard) for b in blocks if b.ffn is not None and b.ffn.expert_count)
    reach = _NOTHING
    for operator in operators:
        form, own = _FORM_OF_NAME.get(operator.name, "product"), _NOTHING
        if operator.kind in OTHER_FORMS:
            form = operator.kind
        elif form == "decode":
            own = reach = next(reaches)
        elif form == "prompt":
            own = reach
        elif form == "experts":
            own = next(routings)
        yield operator, form, own


def _reach(attention: Attention) -> tuple[float, float, float, float]:
    """Return which entries a layer's queries read, as columns."""
    reach = reach_of(attention)
    return float(reach.near_tokens), float(reach.joined_tokens), float(reach.chosen_tokens), 0.0


def _routing(ffn: Ffn, shard: Shard) -> tuple[float, float, float, float]:
    """Return how tokens spread over a layer's experts, as columns."""
    return (
        float(ffn.expert_count),
        float(ffn.experts_per_token),
        float(shard.expert_parallel),
        float(shard.attention_dp),
    )


def _element(operator: Operator, form: str, own: Own, step: Step) -> Row:
    """Return the coefficients of an operator, which must foretell the last probe."""
    count = _CHECKED + 1
    x, s, y = (np.broadcast_to(f, count) for f in features_of(form, step, own))
    flop = np.broadcast_to(operator.flop, count)
    moved = operator.message_bytes if operator.kind in SENT else operator.moved_bytes
    moved = np.broadcast_to(moved, count)
    per_x = _over(flop[_BASE], x[_BASE])
    per_y, moved_scale = _moved(form, moved, y)
    per_s, held_scale = _held(form, moved, s, moved[_BASE] - per_y * y[_BASE])
    bits = np.append(np.arange(len(LANGUAGE)) + 4.0, (5.0, 8.0)) / 8.0
    told = per_s * bits[held_scale] * s[_CHECKED] + per_y * bits[moved_scale] * y[_CHECKED]
    for value, expected in ((per_x * x[_CHECKED], flop[_CHECKED]), (told, moved[_CHECKED])):
        if abs(value - expected) > _AGREEMENT_RATIO * abs(expected):
            raise AssertionError(f"{operator.name} is not of the form {form}: a fault of this file")
    kind = KERNEL_KINDS.index(operator.kind) if operator.kind in KERNEL_KINDS else 0
    launches = float(operator.launches_count)
    return (per_x, per_s, per_y, launches, kind, held_scale, moved_scale, *map(float, own))


def _moved(form: str, moved_bytes: Column, features_count: Column) -> tuple[float, int]:
    """Return the bytes that each ``y`` moves, and what they grow with."""
    cached = moved_bytes[_CACHED] - moved_bytes[_BASE]
    if cached > 0.0:
        return cached / features_count[_CACHED], _KV
    at = _PROMPTS if form in _HELD_WHATEVER_THE_FORMAT else _BASE
    return _over(moved_bytes[at], features_count[at]), _FIXED


def _held(
    form: str, moved_bytes: Column, features_count: Column, left_bytes: float
) -> tuple[float, int]:
    """Return the bytes that each ``s`` reads, and what they grow with."""
    by_class = moved_bytes[_FIRST_CLASS:_CHECKED] - moved_bytes[_BASE]
    place = int(np.argmax(by_class))
    if by_class[place] > 0.0:
        return by_class[place] / features_count[_BASE], place
    if form in _HELD_WHATEVER_THE_FORMAT:
        return _over(left_bytes, features_count[_BASE]), _FIXED
    return 0.0, _FIXED


def _over(total: Amount, features: Amount) -> Amount:
    """Return a coefficient; 0 of a feature that is 0."""
    return float(total / features) if features else 0.0
