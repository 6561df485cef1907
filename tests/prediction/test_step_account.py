"""The account of one step: one row a kind of work, and nothing lost."""

from __future__ import annotations

import pytest

import rightrig
from rightrig.deployment.propose import propose
from rightrig.deployment.rig import parse_rig
from rightrig.prediction.step_time import account
from rightrig.prediction.timers import timer_of
from rightrig.work.operators import Step

CATALOG = rightrig.shipped()
MODELS = ("step-3.7-flash", "deepseek-v4-flash", "gpt-oss-120b", "llama-3.3-70b")


@pytest.mark.parametrize("model", MODELS)
def test_layers_of_several_kinds_make_one_row_a_name(model: str) -> None:
    rig = parse_rig("8xh200-sxm", CATALOG)
    timer = timer_of(propose(CATALOG, CATALOG.llm(model), rig))
    step = Step(decode_seqs=16.0, context_tokens=2048.0, prefill_tokens=512.0)
    parts = account(timer, step)
    names = [part.name for part in parts]
    assert len(names) == len(set(names))
    assert sum(part.time_s for part in parts) == pytest.approx(float(timer.step_s(step)))
    assert [part.time_s for part in parts] == sorted((p.time_s for p in parts), reverse=True)


def test_a_row_of_two_kinds_of_layers_takes_the_time_of_both() -> None:
    """Half of gpt-oss' layers look at a window, half at everything."""
    rig = parse_rig("1xh200-sxm", CATALOG)
    timer = timer_of(propose(CATALOG, CATALOG.llm("gpt-oss-120b"), rig))
    step = Step(decode_seqs=16.0, context_tokens=32_768.0)
    times = [
        float(timer.operator_s(o)) for o in timer.operators(step) if o.name == "attention decode"
    ]
    assert len(times) == 2
    found = next(part for part in account(timer, step) if part.name == "attention decode")
    assert found.time_s == pytest.approx(sum(times))
