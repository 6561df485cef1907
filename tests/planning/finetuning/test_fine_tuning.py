"""Facts about which fine-tuning fits which cards, what it costs, and what is chosen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.deployment.rig import parse_rig
from rightrig.deployment.training import METHODS, TrainingStates
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.models import find_llm
from rightrig.planning.finetuning.choosing import chosen, held
from rightrig.planning.finetuning.methods import methods_of, run_of, scaled
from rightrig.planning.finetuning.remedies import BASES
from rightrig.planning.finetuning.spending import Terms, spent
from rightrig.planning.finetuning.wishes import StepWish, Wish, batches_of
from rightrig.planning.search import tariff_of
from rightrig.prediction.finetune import finetune
from rightrig.reliability.rates import rate_of, stated_rate

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.deployment.training import Method
    from rightrig.facts.llm import Llm

CATALOG = shipped()
TERMS = Terms(CATALOG.prices(), tariff_of(CATALOG), 1e8, rate_of(CATALOG.failure_rate("llama-3")))


def wish(method: Method, seq_tokens: int = 2048, **rest: Any) -> Wish:
    step = StepWish(seq_tokens=seq_tokens)
    return Wish(method, step, TrainingStates(base=BASES[method]), **rest)


def llm(name: str) -> Llm:
    return find_llm(name, CATALOG)


def rig(text: str) -> Rig:
    return parse_rig(text, CATALOG)


def test_all_weights_of_70b_on_eight_cards_of_80_gb_need_1104_gb_and_are_refused() -> None:
    run = run_of(llm("llama-2-70b"), rig("8xh100-sxm"), wish("full"), TERMS)
    assert run.found.verdict == "no"
    assert run.found.time is None
    assert run.spent is None
    assert run.found.memory.whole_state_bytes / 1e9 == pytest.approx(1104, abs=0.5)
    assert run.nearest is not None
    assert run.nearest.found.verdict != "no"
    assert any(remedy.helps and "2n:8xh100-sxm" in remedy.name for remedy in run.remedies)


def test_qlora_of_70b_is_refused_on_24_gb_and_accepted_on_48_gb() -> None:
    asked = wish("qlora", 512)
    assert run_of(llm("llama-2-70b"), rig("1xrtx-4090"), asked, TERMS).found.verdict == "no"
    assert run_of(llm("llama-2-70b"), rig("1xrtx-a6000"), asked, TERMS).found.verdict == "fits"
    assert run_of(llm("llama-3.1-70b"), rig("1xl40s"), asked, TERMS).fits


def test_lora_of_7b_is_borderline_on_24_gb() -> None:
    """It stands on what is kept: all of it no, without what is cheap to repeat tight, less fits."""
    verdicts = [
        chosen(llm("llama-2-7b"), rig("1xrtx-4090"), wish("lora", checkpointing=how)).verdict
        for how in ("none", "selective", "full")
    ]
    assert verdicts == ["no", "tight", "fits"]


def test_lighter_methods_need_less_memory() -> None:
    found = methods_of(llm("llama-3.1-8b"), rig("1xrtx-4090"), wish("lora"), TERMS)
    assert [run.found.job.method for run in found.runs] == list(METHODS)
    assert [run.fits for run in found.runs] == [False, True, True]
    least = [
        held(llm("llama-3.1-8b"), rig("1xrtx-4090"), wish(method)).least.required_bytes.mid
        for method in METHODS
    ]
    assert least == sorted(least, reverse=True)


def test_the_chosen_job_is_the_fastest_of_all_that_fit_with_room() -> None:
    asked = wish("lora")
    model, cards = llm("llama-3.1-8b"), rig("2xrtx-4090")
    best = chosen(model, cards, asked)
    assert best.time is not None
    for memory in held(model, cards, asked).candidates("preferred"):
        other = finetune(memory.job)
        assert other.time is not None
        assert other.time.tokens_per_s.mid <= best.time.tokens_per_s.mid


def test_what_is_said_is_kept() -> None:
    asked = replace(
        wish("full", sharing="zero-3", checkpointing="full"),
        step=StepWish(seq_tokens=1024, micro_seqs=2, accumulation_count=3),
    )
    job = chosen(llm("llama-3.1-8b"), rig("8xh100-sxm"), asked).job
    assert (job.split.sharing, job.checkpointing) == ("zero-3", "full")
    assert job.step_tokens == 8 * 2 * 3 * 1024


def test_a_batch_that_disagrees_with_its_parts_is_refused() -> None:
    step = StepWish(batch_seqs=64, micro_seqs=2, accumulation_count=5)
    with pytest.raises(InputError, match="80 sequences, and --batch is 64"):
        list(batches_of(step, 8))


@given(batch=st.integers(1, 300), ranks=st.integers(1, 32), micro=st.integers(1, 16))
def test_no_rank_gets_less_than_its_share_of_a_step(batch: int, ranks: int, micro: int) -> None:
    for one in batches_of(StepWish(batch_seqs=batch), ranks):
        assert ranks * one.micro_seqs * one.accumulation_count >= batch
    (one,) = batches_of(StepWish(batch_seqs=batch, micro_seqs=micro), ranks)
    assert one.micro_seqs == micro
    assert ranks * one.micro_seqs * (one.accumulation_count - 1) < batch


def test_an_apple_card_is_refused_in_one_sentence() -> None:
    with pytest.raises(InputError, match="not on Apple"):
        run_of(llm("llama-3.1-8b"), rig("1xm3-ultra"), wish("lora"), TERMS)


def test_dollars_are_hours_times_the_rent_and_hours_are_tokens_over_lasting_speed() -> None:
    found = chosen(llm("llama-3.1-8b"), rig("8xh100-sxm"), wish("lora"))
    assert found.time is not None
    cost = spent(found.time, TERMS)
    assert cost.elapsed_s is not None
    assert cost.rent is not None
    assert cost.rent.total_usd is not None
    hours = 1e8 / found.time.tokens_per_s.mid / cost.upkeep.useful_ratio.mid / 3600
    assert cost.elapsed_s.mid / 3600 == pytest.approx(hours)
    assert cost.rent.total_usd.mid == pytest.approx(hours * cost.rent.usd_per_hour)
    assert cost.rent.usd_per_token.mid * 1e8 == pytest.approx(cost.rent.total_usd.mid)
    assert cost.energy is not None
    assert cost.energy.use_kwh is not None
    watts = cost.energy.cards_power_w.mid + cost.energy.host_power_w.mid
    assert cost.energy.use_kwh.mid == pytest.approx(watts * hours / 1000)


@settings(max_examples=25, deadline=None)
@given(per_year=st.floats(1e-3, 1e3), more=st.floats(1.01, 100.0), hours=st.floats(0.5, 100.0))
def test_more_failures_never_help(per_year: float, more: float, hours: float) -> None:
    time = finetune(chosen(llm("llama-3.1-8b"), rig("8xh100-sxm"), wish("lora")).job).time
    assert time is not None
    rare, often = (
        spent(
            time,
            replace(TERMS, fails=stated_rate(rate, "GPU"), preempted_s=hours * 3600.0),
        )
        for rate in (per_year, per_year * more)
    )
    assert often.upkeep.useful_ratio.mid <= rare.upkeep.useful_ratio.mid <= 1.0
    assert rare.elapsed_s is not None
    assert often.elapsed_s is not None
    assert often.elapsed_s.mid >= rare.elapsed_s.mid
    for one in (rare, often):
        if one.spot is not None:  # withdrawals come on top of failures
            assert one.spot.useful_ratio.mid <= one.upkeep.useful_ratio.mid


def test_a_spot_rig_that_is_withdrawn_loses_more_time() -> None:
    spot = next(p for p in CATALOG.prices() if p.spot_usd_per_hour and p.gpu == "h100-sxm")
    time = chosen(llm("llama-3.1-8b"), rig(f"{spot.gpu_count}xh100-sxm"), wish("lora")).time
    assert time is not None
    never = spent(time, TERMS).spot
    hourly = spent(time, replace(TERMS, preempted_s=3600.0)).spot
    assert never is not None
    assert hourly is not None
    assert hourly.useful_ratio.mid < never.useful_ratio.mid
    assert hourly.usd_per_token.mid > never.usd_per_token.mid


def test_scaling_starts_on_one_card_and_names_what_memory_does_not_hold() -> None:
    found = scaled(chosen(llm("llama-3.1-8b"), rig("8xa100-pcie-80gb"), wish("full")))
    assert found is not None
    assert [point.cards_count for point in found.curve.points] == [1, 2, 4, 8, 16, 32]
    assert 1 not in found.holding  # all states on one card
    assert 8 in found.holding
    waits = {point.name: point.time.communication_ratio for point in found.links}
    assert waits["PCIe, through host memory"] > waits["as it is"] > 0.0
