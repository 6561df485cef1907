"""Steps of many models side by side do the same work as ``step_operators`` for each alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.facts.quantization import KV_BITS
from rightrig.prediction.network import bus_bytes
from rightrig.work import flat_operators
from rightrig.work.flat_steps import FlatKey, FlatTables
from rightrig.work.operators import SENT, Operator, Shard, Step
from rightrig.work.step import step_operators
from rightrig.work.stored import Stored
from rightrig.work.weights import class_bits

if TYPE_CHECKING:
    from collections.abc import Sequence

CATALOG: Final = rightrig.shipped()
MODELS: Final = (
    "llama-3.1-8b", "deepseek-v3", "deepseek-v3.2", "gpt-oss-120b", "gemma-3-27b-it",
    "Qwen/Qwen3-Next-80B-A3B-Instruct",
)  # fmt: skip
LAYOUTS: Final = (
    ((1, 1, 1, 1), 1), ((4, 1, 1, 1), 1), ((1, 1, 1, 1), 4), ((2, 4, 8, 1), 1), ((4, 1, 1, 2), 2),
)  # fmt: skip
SAME: Final = 1e-9
KEYS: Final = [
    FlatKey(llm, weights, kv, divided, stages)
    for llm in map(CATALOG.llm, MODELS)
    for weights, kv in (("checkpoint", "bf16"), ("awq", "fp8"))
    for divided, stages in LAYOUTS
]
TABLES: Final = FlatTables()


def alone(key: FlatKey, step: Step) -> tuple[list[Operator], Shard]:
    tp, groups, experts_over, context = (float(count) for count in key.divided)
    shard = Shard(tp, float(key.stages_count), groups, experts_over, context)
    stored = Stored(class_bits(key.llm, key.weights), KV_BITS[key.kv])
    return list(step_operators(key.llm, stored, step, shard)), shard


def totals(tables: FlatTables, keys: Sequence[FlatKey], step: Step) -> dict[str, list[float]]:
    """Return what the engines do in one step: flop, bytes moved, bytes on links."""
    flat = tables.steps(keys)
    found = {name: np.zeros(len(keys)) for name in ("flop", "moved", "rows", "sent")}
    for part in flat.parts:
        operator = part.operator(step)
        if part.kind in SENT:
            found["sent"] += flat.totals(part, np.asarray(bus_bytes(operator, part.shard)))
        elif part.kind == "rows":
            found["rows"] += flat.totals(part, np.asarray(operator.moved_bytes))
        else:
            found["flop"] += flat.totals(part, np.asarray(operator.flop))
            found["moved"] += flat.totals(part, np.asarray(operator.moved_bytes))
    return {name: values.tolist() for name, values in found.items()}


steps = st.builds(
    Step,
    st.integers(0, 500).map(float), st.integers(1, 200_000).map(float),
    st.integers(0, 8192).map(float), st.floats(0.5, 100_000.0), st.floats(1.0, 500.0),
    st.sampled_from((1.0, 4.0)), st.sampled_from((0.0, 0.0, 900.0)),
)  # fmt: skip


@settings(deadline=None, max_examples=25)
@given(steps)
def test_every_engine_does_the_work_of_its_own_operators(step: Step) -> None:
    found = totals(TABLES, KEYS, step)
    for place, key in enumerate(KEYS):
        operators, shard = alone(key, step)
        kernels = [op for op in operators if op.kind not in SENT and op.kind != "rows"]
        expected = {
            "flop": sum(float(op.flop) for op in kernels),
            "moved": sum(float(op.moved_bytes) for op in kernels),
            "rows": sum(float(op.moved_bytes) for op in operators if op.kind == "rows"),
            "sent": sum(float(bus_bytes(op, shard)) for op in operators if op.kind in SENT),
        }
        for name, value in expected.items():
            assert found[name][place] == pytest.approx(value, rel=SAME), (key.llm.name, name)


def test_an_operator_of_another_form_is_a_fault_that_shows_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def squared(*of: object) -> tuple[Operator, ...]:
        step = next(one for one in of if isinstance(one, Step))
        return (Operator("new", "gemm", flop=step.rows_count**2, launches_count=1.0),)

    monkeypatch.setattr(flat_operators, "step_operators", squared)
    with pytest.raises(AssertionError, match="new is not of the form product"):
        flat_operators.flatten(CATALOG.llm(MODELS[0]), Shard())


def test_tables_that_forget_answer_the_same() -> None:
    step = Step(7.0, 900.0, 100.0, 50.0, 8.0)
    small = FlatTables(most_elements=1)
    first = totals(small, KEYS[:3], step)
    assert totals(small, KEYS[3:], step) == totals(TABLES, KEYS[3:], step)
    assert totals(small, KEYS[:3], step) == first


def test_tables_answer_several_threads() -> None:
    step = Step(7.0, 900.0, 100.0, 50.0, 8.0)
    shared = FlatTables(most_elements=40)
    asked = [KEYS[start : start + 3] for start in range(0, len(KEYS), 3)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda keys: totals(shared, keys, step), asked))
    assert found == [totals(TABLES, keys, step) for keys in asked]
