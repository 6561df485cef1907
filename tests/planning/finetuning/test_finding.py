"""Facts about the search for the cheapest rig of a training job."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rightrig.deployment.rig import parse_rig
from rightrig.deployment.training import METHODS, TrainingStates
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.models import find_llm
from rightrig.planning.finetuning.remedies import BASES
from rightrig.planning.finetuning.search import Aim, find, rigs_of
from rightrig.planning.finetuning.spending import Terms, spent
from rightrig.planning.finetuning.wishes import StepWish, Wish, jobs
from rightrig.planning.search import tariff_of
from rightrig.prediction.finetune import finetune
from rightrig.reliability.rates import rate_of

CATALOG = shipped()
LLM = find_llm("llama-3.2-3b-instruct", CATALOG)
TERMS = Terms(CATALOG.prices(), tariff_of(CATALOG), 1e8, rate_of(CATALOG.failure_rate("llama-3")))
CARDS = ("rtx-4090", "h100-sxm", "l4")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    method=st.sampled_from(METHODS),
    seq_tokens=st.sampled_from((512, 4096)),
    deadline_s=st.floats(600.0, 1e6),
    confidence=st.sampled_from(("surely", "likely")),
    gpu=st.sampled_from(CARDS),
)
def test_no_rig_that_single_jobs_allow_is_cheaper_than_the_winner(
    method: str, seq_tokens: int, deadline_s: float, confidence: str, gpu: str
) -> None:
    """By brute force: every rig, split, checkpointing and micro-batch, timed one by one."""
    wish = Wish(
        method,  # type: ignore[arg-type]
        StepWish(seq_tokens, batch_seqs=8),
        TrainingStates(base=BASES[method]),  # type: ignore[index]
    )
    surely = confidence == "surely"
    aim = Aim(deadline_s, surely=surely)
    card = CATALOG.gpu(gpu)
    found = find(LLM, wish, TERMS, aim, (card,))
    best = math.inf
    for rig in rigs_of(card):
        for row in jobs(LLM, rig, wish):
            for job in row:
                one = finetune(job)
                if one.time is None or (surely and one.verdict != "fits"):
                    continue
                cost = spent(one.time, TERMS)
                if cost.rent is None or cost.rent.total_usd is None or cost.elapsed_s is None:
                    continue
                if aim.judged_s(cost.elapsed_s) <= deadline_s:
                    best = min(best, aim.judged_usd(cost.rent.total_usd))
    if not found.doers:
        assert best == math.inf
        assert found.losers[0].why in {"too slow", "does not fit"}
        return
    (first,) = found.doers
    assert aim.judged_usd(first.total_usd) == pytest.approx(best)
    assert finetune(first.found.job).verdict in ({"fits"} if surely else {"fits", "tight"})
    assert aim.judged_s(first.elapsed_s) <= deadline_s


def test_the_whole_catalogue_is_searched_in_seconds_and_ranked_by_price() -> None:
    wish = Wish("lora", StepWish())
    started_s = time.perf_counter()
    found = find(LLM, wish, replace(TERMS, job_tokens=1e9), Aim(86_400.0), CATALOG.gpus())
    assert time.perf_counter() - started_s < 10.0  # about 1 s where nothing else runs
    prices = [doer.total_usd.mid for doer in found.doers]
    assert prices == sorted(prices)
    assert len({doer.rig.gpu.slug for doer in found.doers}) == len(prices) > 5
    assert all(doer.elapsed_s.mid <= 86_400.0 for doer in found.doers)
    assert len(found.doers) + len(found.losers) == len(CATALOG.gpus())


def test_a_shorter_deadline_never_costs_less() -> None:
    gpus = tuple(CATALOG.gpu(name) for name in CARDS)
    wish = Wish("lora", StepWish())
    usd = [
        find(LLM, wish, replace(TERMS, job_tokens=1e9), Aim(hours * 3600.0), gpus)
        .doers[0]
        .total_usd.mid
        for hours in (2.0, 8.0, 48.0, 1000.0)
    ]
    assert usd == sorted(usd, reverse=True)


def test_own_cards_cost_their_electricity() -> None:
    own = parse_rig("2xrtx-4090", CATALOG)
    found = find(LLM, Wish("lora", StepWish()), TERMS, Aim(), (CATALOG.gpu("h100-sxm"),), (own,))
    first, second = found.doers
    assert first.is_own
    assert not second.is_own
    assert first.spent.energy is not None
    assert first.total_usd == first.spent.energy.total_usd


def test_cards_say_why_they_lose() -> None:
    gpus = tuple(CATALOG.gpu(name) for name in ("l4", "m3-ultra", "rtx-3060-12gb", "h100-sxm"))
    found = find(LLM, Wish("full", StepWish()), TERMS, Aim(deadline_s=1.0), gpus)
    assert not found.doers
    why = {loser.gpu: loser.why for loser in found.losers}
    assert why == {
        "l4": "too slow", "h100-sxm": "too slow", "m3-ultra": "trains nothing",
        "rtx-3060-12gb": "not rented",
    }  # fmt: skip
    cheap = find(LLM, Wish("full", StepWish()), TERMS, Aim(budget_usd=0.01), gpus)
    assert {loser.why for loser in cheap.losers if loser.gpu == "h100-sxm"} == {"too dear"}


def test_a_search_without_work_is_refused() -> None:
    with pytest.raises(InputError, match="--tokens 100M"):
        find(LLM, Wish("lora", StepWish()), replace(TERMS, job_tokens=None), Aim(), ())
