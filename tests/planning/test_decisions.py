"""Decisions: go or no-go, criteria and their weights, lock-in, the software around cards."""

from __future__ import annotations

import functools
import tomllib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import rightrig
from rightrig.errors import InputError
from rightrig.facts.explanation import Explainable
from rightrig.planning.questions.criteria import (
    CriteriaFile,
    CriterionLine,
    Ranking,
    check_file,
    ranked,
)
from rightrig.planning.questions.ecosystem import ecosystems
from rightrig.planning.questions.go_no_go import (
    CRITERIA,
    Answers,
    decide,
    parse_answers,
    template,
)
from rightrig.planning.questions.lock_in import LockIn, lock_in
from rightrig.planning.search import Question

CATALOG = rightrig.shipped()


def line(name: str, weight: float, better: str = "more") -> CriterionLine:
    return CriterionLine.model_validate({"name": name, "weight_ratio": weight, "better": better})


def answers(**replies: str) -> Answers:
    return Answers.model_validate({"answers": {k.replace("_", "-"): v for k, v in replies.items()}})


# Go or no-go.


def test_eight_criteria_have_weights_that_sum_to_one() -> None:
    assert len(CRITERIA) == 8
    assert sum(one.weight_ratio for one in CRITERIA) == pytest.approx(1.0)
    assert len({one.id for one in CRITERIA}) == 8


def test_all_yes_is_a_go_and_one_blocking_no_is_not() -> None:
    assert decide(parse_answers(",".join(["yes"] * 8))).is_go
    found = decide(parse_answers("no" + ",yes" * 7))
    assert not found.is_go
    assert [one.id for one in found.blocking] == ["bottleneck"]
    assert found.score_ratio == pytest.approx(0.8)


def test_three_quarters_of_the_weight_are_enough_and_less_is_not() -> None:
    all_but = {one.id: "yes" for one in CRITERIA}
    enough = all_but | {"volume": "no", "profiled": "no"}
    assert decide(Answers.model_validate({"answers": enough})).is_go
    less = enough | {"settled": "no"}
    found = decide(Answers.model_validate({"answers": less}))
    assert not found.blocking
    assert not found.is_go


def test_what_is_not_answered_counts_as_no_and_is_named() -> None:
    found = decide(answers(bottleneck="yes"))
    assert {one.id for one in found.open} == {one.id for one in CRITERIA} - {"bottleneck"}
    assert found.score_ratio == pytest.approx(0.2)


def test_the_template_is_a_file_that_says_no_go() -> None:
    found = decide(Answers.model_validate(tomllib.loads(template())))
    assert not found.is_go
    assert set(found.replies) == {"unknown"}


def test_a_criterion_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match="'cost', which is no criterion"):
        decide(answers(cost="yes"))


# Criteria.


def scores(found: Ranking) -> dict[str, float]:
    return {one.name: one.score_ratio for one in found.options}


def test_a_score_is_the_weighted_sum_of_shares_between_worst_and_best() -> None:
    criteria = (line("speed", 0.75), line("cost", 0.25, "less"))
    found = ranked(criteria, ("a", "b", "c"), ((100.0, 4.0), (50.0, 1.0), (0.0, 5.0)))
    assert scores(found) == pytest.approx({"a": 0.8125, "b": 0.625, "c": 0.0})
    assert found.dominated == (("c", "a"),)


def test_the_weight_that_levels_two_options_is_the_closed_form() -> None:
    criteria = (line("speed", 0.75), line("cost", 0.25, "less"))
    found = ranked(criteria, ("a", "b"), ((100.0, 4.0), (50.0, 1.0)))
    speed, cost = found.swings
    # a leads by 1 in speed, b by 1 in cost: level at a half each.
    assert speed.winner == cost.winner == "b"
    assert speed.weight_ratio == pytest.approx(0.5)
    assert cost.weight_ratio == pytest.approx(0.5)


VALUES = st.lists(
    st.tuples(*[st.integers(0, 20).map(float)] * 3), min_size=2, max_size=5, unique=True
)
WEIGHTS = st.tuples(*[st.integers(1, 20)] * 3)


@given(VALUES, WEIGHTS)
def test_at_its_swing_a_weight_makes_the_winner_level_with_the_named_rival(
    values: list[tuple[float, float, float]], parts: tuple[int, int, int]
) -> None:
    weights = [part / sum(parts) for part in parts]
    names = [f"option {number}" for number in range(len(values))]
    found = ranked([line(f"c{n}", w) for n, w in enumerate(weights)], names, values)
    best = found.options[0].name
    for place, swing in enumerate(found.swings):
        if swing.weight_ratio is None:
            continue
        assert 0.0 <= swing.weight_ratio <= 1.0
        rest = (1.0 - swing.weight_ratio) / (1.0 - weights[place])
        moved = [w * rest for w in weights]
        moved[place] = swing.weight_ratio
        again = scores(ranked([line(f"c{n}", w) for n, w in enumerate(moved)], names, values))
        assert again[best] == pytest.approx(again[swing.winner], abs=1e-9)


@given(VALUES, WEIGHTS, st.floats(0.0, 1.0), st.integers(0, 2))
def test_a_weight_short_of_its_swing_keeps_the_winner(
    values: list[tuple[float, float, float]], parts: tuple[int, int, int], share: float, place: int
) -> None:
    weights = [part / sum(parts) for part in parts]
    names = [f"option {number}" for number in range(len(values))]
    found = ranked([line(f"c{n}", w) for n, w in enumerate(weights)], names, values)
    swing = found.swings[place]
    end = swing.weight_ratio
    assume(end is not None)
    assert end is not None
    now = weights[place] + 0.999 * share * (end - weights[place])
    rest = (1.0 - now) / (1.0 - weights[place])
    moved = [w * rest for w in weights]
    moved[place] = now
    again = scores(ranked([line(f"c{n}", w) for n, w in enumerate(moved)], names, values))
    assert again[found.options[0].name] >= max(again.values()) - 1e-9


def test_a_dominant_option_wins_whatever_the_weights() -> None:
    found = ranked((line("x", 0.3), line("y", 0.7)), ("a", "b"), ((2.0, 2.0), (1.0, 1.0)))
    assert all(swing.weight_ratio is None for swing in found.swings)
    assert found.dominated == (("b", "a"),)


def test_a_ranking_explains_itself() -> None:
    found = ranked((line("x", 0.3), line("y", 0.7)), ("a", "b"), ((2.0, 2.0), (1.0, 1.0)))
    assert isinstance(found, Explainable)
    told = found.explain()
    assert told.sentences[0] == "a wins with 1.000 before b with 0.000."
    assert all(sentence.endswith(".") for sentence in told.sentences)


def file(**changes: object) -> CriteriaFile:
    table: dict[str, object] = {
        "criteria": [{"name": "x", "weight_ratio": 0.4}, {"name": "y", "weight_ratio": 0.6}],
        "options": [
            {"name": "a", "values": {"x": 1.0, "y": 2.0}},
            {"name": "b", "values": {"x": 2.0, "y": 1.0}},
        ],
    }
    return CriteriaFile.model_validate(table | changes)


def test_weights_must_sum_to_one() -> None:
    check_file(file())
    low = [{"name": "x", "weight_ratio": 0.4}, {"name": "y", "weight_ratio": 0.5}]
    with pytest.raises(InputError, match=r"the weights sum to 0\.9: they must sum to 1"):
        check_file(file(criteria=low))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([{"name": "a", "values": {"x": 1.0}}] * 2, "option 'a' occurs twice"),
        ([{"name": "a", "values": {"x": 1.0}}, {"name": "b"}], "option 'a' has no value of 'y'"),
        (
            [{"name": "a", "values": {"x": 1.0, "z": 1.0}}, {"name": "b"}],
            "option 'a' states 'z', which is no criterion",
        ),
    ],
)
def test_options_that_cannot_be_ranked_are_refused(options: list[object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        check_file(file(options=options))


# Lock-in and ecosystem.


def question() -> Question:
    workload = rightrig.Workload(rate_requests_per_s=1.0, input_tokens=1000, output_tokens=300)
    return Question(workload, rightrig.Slo(), rightrig.Limits())


@functools.cache
def tied(runtime: str) -> LockIn:
    llm = CATALOG.llm("llama-3.3-70b")
    rig = rightrig.parse_rig("4xh100-sxm", CATALOG)
    return lock_in(CATALOG, rig, CATALOG.runtime(runtime), None, llm, question())


def test_a_runtime_of_one_maker_ties_and_one_of_three_does_not() -> None:
    states = {}
    for name in ("tensorrt-llm", "vllm"):
        found = tied(name)
        states[name] = {item.name: item.state for item in found.items}
        assert all(item.source for item in found.items)
        assert isinstance(found, Explainable)
    assert states["tensorrt-llm"]["runtime"] == states["tensorrt-llm"]["weight formats"] == "tied"
    assert states["tensorrt-llm"]["engine build"] == "free"
    assert states["vllm"]["runtime"] == states["vllm"]["weight formats"] == "free"
    assert states["vllm"]["provider"] == "free"


def test_leaving_names_every_other_maker_and_the_fewest_cards_without_a_price() -> None:
    found = tied("vllm")
    assert found.own is not None
    assert found.own.gpu == "h100-sxm"
    exits = {one.vendor: one for one in found.exits}
    assert set(exits) == {gpu.vendor for gpu in CATALOG.gpus()} - {"NVIDIA"}
    for one in exits.values():
        if one.plan is None:
            assert one.engine_text
        else:
            change = one.plan.rent_usd_per_month - found.own.rent_usd_per_month
            assert one.difference_usd_per_month == pytest.approx(change)


@pytest.mark.parametrize(
    ("on", "runtime", "provider", "sentence"),
    [
        ("1xm4-max", "vllm", None, "runs on NVIDIA, AMD, Intel; m4-max is Apple"),
        ("1xrtx-4090+1xrtx-3090", "vllm", None, "mixes cards"),
        ("1xrtx-4090", "vllm", "aws", "aws has no price of rtx-4090; those that have: runpod"),
    ],
)
def test_what_cannot_be_locked_in_is_refused(
    on: str, runtime: str, provider: str | None, sentence: str
) -> None:
    llm, rig = CATALOG.llm("llama-3.1-8b"), rightrig.parse_rig(on, CATALOG)
    with pytest.raises(InputError, match=sentence):
        lock_in(CATALOG, rig, CATALOG.runtime(runtime), provider, llm, question())


def test_a_score_is_the_mean_of_the_shown_components() -> None:
    gpus = [CATALOG.gpu(name) for name in ("mi300x", "h100-sxm", "m4-max")]
    found = ecosystems(CATALOG, gpus)
    for card in found.cards:
        shares = [len(one.names) / one.most_count for one in card.components]
        assert card.score_ratio == pytest.approx(sum(shares) / len(shares))
        assert all(0.0 <= share <= 1.0 for share in shares)
    assert found.cards[0].gpu.slug == "h100-sxm"
    assert isinstance(found, Explainable)


def test_counts_are_those_of_the_records() -> None:
    (card,) = ecosystems(CATALOG, [CATALOG.gpu("v100-sxm-16gb")]).cards
    counts = {one.name: one.names for one in card.components}
    assert "vllm" not in counts["engines"]
    assert "vllm needs 7.5" in card.below_floor
    rented = {p.provider for p in CATALOG.prices() if p.gpu == "v100-sxm-16gb"}
    assert set(counts["providers with a price"]) <= rented
    assert "macos" not in card.systems_count
