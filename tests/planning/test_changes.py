"""What changes from one rig to another: the models whose verdict differs, each with a reason."""

from __future__ import annotations

import functools

import rightrig
from rightrig.deployment.propose import Choices
from rightrig.deployment.rig import parse_rig
from rightrig.planning.fits import Change, ModelFit, changes, models_that_fit
from rightrig.prediction.memory_fit import VERDICT_RANK

CATALOG = rightrig.shipped()
LLMS = tuple(CATALOG.llm(slug) for slug in CATALOG.slugs("llms"))


@functools.cache
def held(rig: str, runtime: str | None = None) -> tuple[ModelFit, ...]:
    choices = Choices(runtime=runtime)
    return models_that_fit(CATALOG, parse_rig(rig, CATALOG), 8192, 1, choices, LLMS)


def verdicts(rig: str, runtime: str | None = None) -> dict[str, str]:
    return {model.llm.name: model.verdict for model in held(rig, runtime)}


@functools.cache
def from_four_to_two() -> tuple[Change, ...]:
    return changes(held("4xrtx-4090"), held("2xrtx-4090"))


def test_from_four_4090_to_two_exactly_those_whose_verdict_differs_are_listed() -> None:
    four, two = verdicts("4xrtx-4090"), verdicts("2xrtx-4090")
    found = {c.before.llm.name: (c.before.verdict, c.after.verdict) for c in from_four_to_two()}
    assert found == {name: (four[name], two[name]) for name in four if four[name] != two[name]}
    lost = {name for name, (_, after) in found.items() if after == "no"}
    assert "openai/gpt-oss-120b" in lost
    assert all(four[name] != "no" for name in lost)


def test_every_change_has_a_reason_that_names_card_need_and_budget() -> None:
    assert from_four_to_two()
    for change in from_four_to_two():
        assert change.reason
        if change.after.fit is not None:
            assert "rtx-4090" in change.reason
            assert " GiB of " in change.reason
            if change.after.verdict == "no":
                assert "too much" in change.reason


def test_losses_come_first() -> None:
    steps = [
        VERDICT_RANK[c.before.verdict] - VERDICT_RANK[c.after.verdict] for c in from_four_to_two()
    ]
    assert steps == sorted(steps)


def test_half_the_cards_let_nothing_in_and_ease_nothing_but_a_smaller_format() -> None:
    assert from_four_to_two()
    for change in from_four_to_two():
        assert change.before.verdict != "no"
        if VERDICT_RANK[change.after.verdict] < VERDICT_RANK[change.before.verdict]:
            # Tight in a large format on four, it fits with ease in a smaller one on two.
            assert change.before.fit is not None
            assert change.after.fit is not None
            assert change.after.fit.weights_bytes < 0.7 * change.before.fit.weights_bytes


def test_the_way_back_lists_the_same_models() -> None:
    back = changes(held("2xrtx-4090"), held("4xrtx-4090"))
    there = {(c.before.llm.name, c.before.verdict, c.after.verdict) for c in from_four_to_two()}
    assert {(c.before.llm.name, c.after.verdict, c.before.verdict) for c in back} == there


def test_nothing_changes_between_a_rig_and_itself() -> None:
    assert changes(held("2xrtx-4090"), held("2xrtx-4090")) == ()


def test_a_card_added_beside_is_weighed_like_any_other_rig() -> None:
    runtime = "vllm"
    one, mixed = verdicts("1xrtx-4090", runtime), verdicts("1xrtx-4090+1xrtx-3060-12gb", runtime)
    found = changes(held("1xrtx-4090", runtime), held("1xrtx-4090+1xrtx-3060-12gb", runtime))
    assert {c.before.llm.name for c in found} == {n for n in one if one[n] != mixed[n]}


def test_a_runtime_that_does_not_run_there_is_the_reason() -> None:
    found = changes(held("1xrtx-4090"), held("1xm4-max", "vllm"))
    assert found
    assert all("m4-max is Apple" in change.reason for change in found)
