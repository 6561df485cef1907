"""Each run differs from the baseline in exactly one field, and nothing runs without a baseline."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.errors import InputError
from rightrig.measuring.tune.matrix import steps_of
from rightrig.measuring.tune.settings import Knob, Setting, baseline_of, is_same, knobs_of

NAMES = ("max_num_seqs", "max_batched_tokens", "tp", "kv_dtype", "prefix_cache")
VALUES = st.sampled_from(("1", "2", "4", "8", "0.9", "fp8", "auto", "on", "off"))


@st.composite
def experiments(draw: st.DrawFn) -> tuple[Setting, tuple[Knob, ...]]:
    """Return a baseline and knobs with at least one other value each."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    baseline = baseline_of(",".join(f"{name}={draw(VALUES)}" for name in names))
    knobs = []
    for name in names:
        others = draw(st.lists(VALUES, min_size=1, max_size=6, unique=True))
        wanted = [value for value in others if not is_same(value, baseline[name])]
        knobs += [f"{name}={','.join(others)}"] if wanted else []
    return baseline, knobs_of(knobs, baseline) if knobs else ()


@given(experiments())
def test_each_run_differs_from_the_baseline_in_exactly_one_field(
    experiment: tuple[Setting, tuple[Knob, ...]],
) -> None:
    baseline, knobs = experiment
    for step in steps_of(baseline, knobs):
        assert step.setting.names == baseline.names
        assert step.setting.differences(baseline) == (step.knob,)
        assert step.setting[step.knob] == step.value


@given(experiments())
def test_every_other_value_of_every_knob_is_run_once(
    experiment: tuple[Setting, tuple[Knob, ...]],
) -> None:
    baseline, knobs = experiment
    tried = [(step.knob, step.value) for step in steps_of(baseline, knobs)]
    assert sorted(tried) == sorted((knob.name, value) for knob in knobs for value in knob.values)
    assert len({step.setting for step in steps_of(baseline, knobs)}) == len(tried)


def test_numbers_go_up_from_the_baseline_and_then_down() -> None:
    baseline = baseline_of("max_num_seqs=8")
    steps = steps_of(baseline, knobs_of(["max_num_seqs=64,1,16,4,8"], baseline))
    assert [(step.value, step.direction) for step in steps] == [
        ("16", "up"), ("64", "up"), ("4", "down"), ("1", "down"),
    ]  # fmt: skip


def test_words_are_tried_as_they_are_written_and_none_stops_another() -> None:
    baseline = baseline_of("kv_dtype=auto")
    steps = steps_of(baseline, knobs_of(["kv_dtype=fp8,int8"], baseline))
    assert [step.value for step in steps] == ["fp8", "int8"]
    assert len({step.direction for step in steps}) == 2


@pytest.mark.parametrize("text", [None, "", "  "])
def test_nothing_runs_without_a_baseline(text: str | None) -> None:
    with pytest.raises(InputError, match="add --baseline"):
        baseline_of(text)


@pytest.mark.parametrize(
    ("baseline", "knobs", "message"),
    [
        ("a=1,a=2", ["a=3"], "says a twice"),
        ("a", ["a=3"], "write it as"),
        ("A=1", ["A=3"], "write it as"),
        ("port=8000", ["port=1"], "chosen by rightrig"),
        ("a=1", [], "needs a knob"),
        ("a=1", None, "needs a knob"),
        ("a=1", ["b=2"], "has no baseline"),
        ("a=1", ["a=1.0"], "other than the baseline"),
        ("a=1", ["a=2", "a=3"], "there twice"),
        ("a=1", ["a=2"] * 40, "at most 32"),
        ("a=1", ["a=" + ",".join(str(n) for n in range(2, 40))], "from 1 to 32"),
        ("a=\x1b[2J", ["a=2"], "printable"),
    ],
)
def test_what_makes_no_experiment_is_refused(
    baseline: str, knobs: list[str] | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        knobs_of(knobs, baseline_of(baseline))
