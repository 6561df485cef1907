"""What the kernel looks up in a table of step times is what the operators say."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
from small_clusters import COST, cluster, engines, fixed, traits

from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.prediction.drafting import timer_for
from rightrig.prediction.regimes import Lengths
from rightrig.prediction.step_table import StepTable, step_table
from rightrig.simulation.cluster import Cluster, Engines
from rightrig.simulation.step_cost import decode_piece, step_s
from rightrig.simulation.world import World, new_world
from rightrig.work.operators import Step

if TYPE_CHECKING:
    from rightrig.prediction.step_time import StepTimer

LENGTHS: Final = Lengths(1000.0, 300.0)
DEPLOYMENTS: Final = {
    "8B on one H100": ("llama-3.1-8b", "1xh100-sxm"),
    "70B on four H100": ("llama-3.3-70b", "4xh100-sxm"),
    "experts on eight H200": ("qwen3-235b-a22b", "8xh200-sxm"),
}


@cache
def known(name: str) -> tuple[StepTimer, StepTable, World]:
    model, rig = DEPLOYMENTS[name]
    catalog = shipped()
    deployment = propose(catalog, catalog.llm(model), parse_rig(rig, catalog), Choices())
    timer = timer_for(deployment, LENGTHS)
    table = step_table(timer, LENGTHS, 64, 32_768.0)
    own = Engines(traits(max_seqs=64, max_batched_tokens=int(table.prompts_tokens[-1])), table)
    return timer, table, new_world(Cluster((own,)), fixed([0.0], 1, 1), 1)


def decode_s(w: World, seqs: int, context: float) -> tuple[Any, Any, Any]:
    return decode_piece(w["tables"], w["kinds"][0], seqs, context)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_decode_steps_are_those_of_the_timer_at_knots(name: str) -> None:
    timer, table, w = known(name)
    for seqs in (1, 7, 64):
        for context in table.knots_tokens[1::3]:
            exact = float(timer.step_s(Step(float(seqs), context, 0.0, 0.0, float(seqs))))
            assert decode_s(w, seqs, context)[0] == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_steps_with_prompts_are_those_of_the_timer_at_knots(name: str) -> None:
    timer, table, w = known(name)
    groups = table.groups_seqs[[0, 3, -1]]
    for seqs in groups.astype(int):
        for prompt in table.prompts_tokens[4::9].astype(int):
            for attended in table.knots_tokens[1::6]:
                step = Step(float(seqs), 1000.0, float(prompt), attended, seqs + 1.0)
                load = (int(seqs), 1000.0, int(prompt), attended, int(prompt))
                found = step_s(w["tables"], w["kinds"][0], load)
                assert found == pytest.approx(float(timer.step_s(step)), rel=0.003)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_between_knots_a_table_is_within_half_a_percent(name: str) -> None:
    timer, table, w = known(name)
    random = np.random.default_rng(1)
    for _ in range(200):
        seqs = int(random.integers(1, 65))
        context = float(random.uniform(1.0, 30_000.0))
        exact = float(timer.step_s(Step(float(seqs), context, 0.0, 0.0, float(seqs))))
        assert decode_s(w, seqs, context)[0] == pytest.approx(exact, rel=0.005)
        prompt = int(random.integers(1, int(table.prompts_tokens[-1])))
        attended = float(random.uniform(1.0, 30_000.0))
        step = Step(float(seqs), context, float(prompt), attended, seqs + 1.0)
        found = step_s(w["tables"], w["kinds"][0], (seqs, context, prompt, attended, prompt))
        assert found == pytest.approx(float(timer.step_s(step)), rel=0.02)


def test_a_slope_holds_up_to_the_next_knot_and_beyond_the_last() -> None:
    _, table, w = known("8B on one H100")
    for context in (10.0, 1000.0, float(table.knots_tokens[-2])):
        took_s, slope, room = decode_s(w, 8, context)
        ahead = min(room, 5000.0)
        there_s = decode_s(w, 8, context + ahead)[0]
        assert there_s == pytest.approx(took_s + slope * ahead, rel=1e-9)
    assert decode_s(w, 8, float(table.knots_tokens[-2]))[2] == np.inf


def test_an_affine_table_is_exact_everywhere() -> None:
    own = traits()
    w = new_world(cluster(engines(own=own)), fixed([0.0], 1, 1), 1)
    for seqs, context, prompt, attended in ((1, 17.0, 33, 5.0), (63, 9999.5, 2000, 12_345.0)):
        sequences_s = seqs * (COST.per_seq_s + COST.per_context_token_s * context)
        plain_s = COST.fixed_s + sequences_s
        assert decode_s(w, seqs, context)[0] == pytest.approx(plain_s, rel=1e-12)
        mixed_s = plain_s + COST.per_prefill_token_s * prompt
        load = (seqs, context, prompt, attended, prompt)
        assert step_s(w["tables"], w["kinds"][0], load) == pytest.approx(mixed_s, rel=1e-12)
