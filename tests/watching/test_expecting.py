"""From a planned deployment to what a machine should show."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rightrig.demand.objective import Slo
from rightrig.deployment.propose import Choices
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.interval import Interval
from rightrig.measuring.load.readers_plan import Planned
from rightrig.prediction.predict import predict
from rightrig.prediction.regimes import Lengths
from rightrig.quantities import MIB
from rightrig.verbs.deploying import deploy
from rightrig.watching.deriving import rate_at_tokens_per_s, read_bytes_per_output_token
from rightrig.watching.expecting import expected_in, expected_of
from rightrig.watching.rules.thresholds import thresholds_of

if TYPE_CHECKING:
    from pathlib import Path

    from program import Program


def planned(rig: str = "1xh100-sxm", **changes: object) -> Planned:
    one = Planned(
        origin="plan", model="llama-3.1-8b", rig=rig, choices=Choices("vllm"),
        prefill_replicas_count=0, peak_requests_per_s=9.0, input_tokens=1_000, output_tokens=300,
        longest_tokens=1_300,
        slo=Slo(ttft_p99_s=1.0), capacity_requests_per_s=Interval.exact(12.0),
        cost_usd_per_hour=3.6, words="",
    )  # fmt: skip
    return replace(one, **changes)  # type: ignore[arg-type] # one of its fields


def written(text: str, path: Path) -> str:
    path.write_text(text, "utf-8")
    return str(path)


def test_speed_is_that_of_the_users_who_bring_the_planned_peak() -> None:
    found = expected_of(planned(), shipped())
    assert found.output_tokens_per_s is not None
    # 9 requests of 300 tokens a second are 2,700 tokens a second: Little's law, to a whole user.
    assert found.output_tokens_per_s.mid == pytest.approx(2_700.0, rel=0.05)
    assert found.ttft_s is not None
    assert found.tpot_s is not None
    assert found.tpot_s.low < found.tpot_s.mid < found.tpot_s.high


def test_the_plan_s_own_figures_are_kept() -> None:
    found = expected_of(planned(), shipped())
    assert found.name == "llama-3.1-8b on 1xh100-sxm, vllm"
    assert (found.runtime, found.rig, found.slo.ttft_p99_s) == ("vllm", "1xh100-sxm", 1.0)
    assert (found.peak_requests_per_s, found.cost_usd_per_hour) == (9.0, 3.6)
    assert found.capacity_requests_per_s == Interval.exact(12.0)
    assert found.machines_count == 1


def test_cost_is_rent_over_tokens() -> None:
    found = expected_of(planned(), shipped())
    assert found.cost_usd_per_output_token is not None
    assert found.output_tokens_per_s is not None
    assert found.cost_usd_per_output_token.mid == pytest.approx(
        3.6 / 3600.0 / found.output_tokens_per_s.mid
    )


def test_without_a_rent_the_cheapest_offer_counts() -> None:
    found = expected_of(planned(cost_usd_per_hour=None), shipped())
    assert found.cost_usd_per_hour is not None
    assert 0.5 < found.cost_usd_per_hour < 20.0


def test_predictions_at_other_users_are_those_of_predict() -> None:
    found = expected_of(planned(), shipped())
    users = [one.users_count for one in found.rates]
    assert users[:5] == [1, 2, 4, 8, 16]
    assert users == sorted(set(users))
    deployment = deploy(shipped(), "llama-3.1-8b", "1xh100-sxm", Choices("vllm"))
    again = predict(deployment, Lengths(1_000.0, 300.0), 16)
    assert rate_at_tokens_per_s(found, 16.0) == again.output_tokens_per_s
    assert found.concurrent_count == users[-1]


def test_an_engine_that_pages_takes_its_share_of_memory_whatever_is_asked() -> None:
    found = expected_of(planned(), shipped())
    gpu = shipped().gpu("h100-sxm")
    assert found.memory_used_bytes is not None
    share = found.memory_used_bytes.mid / gpu.memory_bytes.mid
    assert 0.89 < share < 0.96
    assert found.concurrent_count is not None
    assert found.kv_capacity_tokens == pytest.approx(found.concurrent_count * 1_300, rel=0.01)


def test_a_token_moves_the_weights_over_the_batch_and_its_own_cache() -> None:
    found = expected_of(planned(), shipped())
    # Of one user, all 15 GB of weights that a step reads (16 GB less the table of inputs); of
    # about 30, a thirtieth, and prompts beside it.
    assert read_bytes_per_output_token(found, 1.0) == pytest.approx(15.15e9, rel=0.01)
    assert read_bytes_per_output_token(found, 30.0) == pytest.approx(0.7e9, rel=0.1)


def test_cards_have_the_figures_of_the_catalogue_and_of_the_rig() -> None:
    found = expected_of(planned("1xh100-sxm@500w@pcie4x8"), shipped())
    one = found.cards[0]
    assert (one.slug, one.count, found.cards_count) == ("h100-sxm", 1, 1)
    assert (one.pcie_generation, one.pcie_lanes, one.power_limit_w) == (4, 8, 500.0)
    assert one.memory_total_bytes == 81_559 * MIB
    assert one.bandwidth_bytes_per_s == 3.35e12
    usual = expected_of(planned(), shipped()).cards[0]
    assert (usual.pcie_generation, usual.pcie_lanes, usual.power_limit_w) == (5, 16, 700.0)


@pytest.mark.parametrize(
    ("rig", "links"),
    [
        ("8xh100-sxm", 18), ("8xa100-sxm-80gb", 12), ("8xb200-sxm", 18), ("4xv100-sxm-32gb", 6),
        ("8xa800-sxm-80gb", 8), ("2xa100-pcie-80gb@nvlink", 12), ("2xa100-pcie-80gb", None),
        ("2xrtx-3090@nvlink", None), ("2xrtx-4090", None), ("1xh100-sxm", None),
    ],
)  # fmt: skip
def test_links_are_the_card_s_rate_over_that_of_one_link(rig: str, links: int | None) -> None:
    runtime = "llama.cpp" if "v100" in rig else "vllm"
    found = expected_of(planned(rig, choices=Choices(runtime)), shipped())
    assert found.cards[0].links_count == links


def test_replicas_on_machines_of_their_own_are_told_of_one_machine() -> None:
    choices = Choices("vllm", tp=1, pp=1, replicas=3)
    found = expected_of(planned(choices=choices, peak_requests_per_s=27.0), shipped())
    assert found.name.endswith("vllm, one of 3")
    assert (found.cards_count, found.peak_requests_per_s) == (1, 9.0)
    assert found.cost_usd_per_hour == pytest.approx(1.2)
    assert found.capacity_requests_per_s == Interval.exact(4.0)
    alone = expected_of(planned(), shipped())
    assert found.output_tokens_per_s == alone.output_tokens_per_s


def test_replicas_that_are_watched_together_are_expected_together() -> None:
    """Else all tokens would be set against one machine's rent."""
    choices = Choices("vllm", tp=1, pp=1, replicas=3)
    plan = planned(choices=choices, peak_requests_per_s=27.0)
    one, two, all_ = (expected_of(plan, shipped(), count) for count in (1, 2, 5))
    assert [each.name.partition("vllm")[2] for each in (one, two, all_)] == [
        ", one of 3", ", 2 of 3", ", 3 of 3",
    ]  # fmt: skip
    assert [each.cost_usd_per_hour for each in (one, two, all_)] == pytest.approx([1.2, 2.4, 3.6])
    assert (two.peak_requests_per_s, all_.peak_requests_per_s) == (18.0, 27.0)
    assert (two.cards_count, two.machines_count) == (1, 2)
    assert one.output_tokens_per_s is not None
    assert two.output_tokens_per_s == one.output_tokens_per_s.scaled(2.0)
    assert two.cost_usd_per_output_token == one.cost_usd_per_output_token
    rate = rate_at_tokens_per_s(one, 8.0)
    assert rate is not None
    assert rate_at_tokens_per_s(two, 16.0) == rate.scaled(2.0)
    assert read_bytes_per_output_token(two, 16.0) == read_bytes_per_output_token(one, 8.0)
    assert thresholds_of(two).cards_count == 1


def test_replicas_on_one_machine_are_expected_of_it_however_many_are_watched() -> None:
    plan = planned("2xh100-sxm", choices=Choices("vllm", tp=1, pp=1, replicas=2))
    assert expected_of(plan, shipped(), 2) == expected_of(plan, shipped(), 1)


def test_an_engine_over_machines_shows_the_cards_of_one() -> None:
    found = expected_of(planned("2n:8xh100-sxm", choices=Choices("vllm", tp=8, pp=2)), shipped())
    assert (found.machines_count, found.cards_count) == (2, 8)
    assert thresholds_of(found).cards_count == 8


def test_replicas_that_only_read_prompts_leave_the_speed_unpredicted() -> None:
    choices = Choices("vllm", tp=1, pp=1, replicas=2)
    found = expected_of(planned("2xh100-sxm", choices=choices, prefill_replicas_count=1), shipped())
    assert found.output_tokens_per_s is None
    assert found.cost_usd_per_output_token is None
    assert found.rates == ()
    assert found.memory_used_bytes is not None


def test_an_engine_whose_speed_is_not_modelled_keeps_the_rest() -> None:
    found = expected_of(planned(choices=Choices("lmdeploy")), shipped())
    assert found.output_tokens_per_s is None
    assert found.cost_usd_per_hour == 3.6
    assert found.cards_count == 1


@pytest.mark.parametrize(
    "changes", [{"model": "no-such-model-1b"}, {"rig": "1xno-such-card"}, {"rig": "1xgtx-0"}]
)
def test_what_the_catalogue_does_not_know_is_refused_with_the_remedy(
    changes: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InputError, match=r"plan's deployment cannot be made.*plan again"):
        expected_of(planned(**changes), shipped())


def test_a_plan_of_the_command_is_expected(program: Program, tmp_path: Path) -> None:
    text = program.lines("plan llama-3.1-8b --rate 5/s --gpu rtx-4090 --ttft-p99 1s --json")
    expected = expected_in(written(text, tmp_path / "plan.json"), shipped())
    assert expected.cards[0].slug == "rtx-4090"
    assert expected.peak_requests_per_s == pytest.approx(6.5)
    assert expected.slo.ttft_p99_s == 1.0
    assert expected.output_tokens_per_s is not None


@pytest.mark.parametrize("runtime", ["vllm", "sglang", "llama.cpp", "tensorrt-llm"])
def test_a_prediction_of_every_engine_is_expected(
    runtime: str, program: Program, tmp_path: Path
) -> None:
    weights = "q4_k_m" if runtime == "llama.cpp" else "checkpoint"
    words = f"--runtime {runtime} --weights {weights} --concurrency 4 --json"
    text = program.lines(f"predict qwen3-8b --on 1xrtx-3090 {words}")
    expected = expected_in(written(text, tmp_path / "one.json"), shipped())
    assert expected.runtime == runtime
    assert expected.output_tokens_per_s is not None
    assert read_bytes_per_output_token(expected, 4.0) is not None
    assert expected.memory_used_bytes is not None
