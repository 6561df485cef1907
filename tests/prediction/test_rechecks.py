"""Published figures computed again: known ones hold, known mistakes are found."""

from __future__ import annotations

import pytest

from rightrig.facts.catalog import shipped
from rightrig.prediction.held_out import families_of_runs, held_out
from rightrig.prediction.kv_cases import kv_tools
from rightrig.prediction.rechecks import Recheck, rechecks


def found(subject: str, claim: str, by: str = "") -> Recheck:
    """Return the one figure of a subject."""
    (one,) = [
        one
        for one in rechecks(shipped())
        if one.subject == subject and claim in one.claim and by in one.by
    ]
    return one


def test_the_bandwidth_of_a_card_follows_from_its_bus() -> None:
    """384 bits of 21 Gb/s make the 1,008 GB/s of an RTX 4090."""
    one = found("rtx-4090", "bandwidth")
    assert one.computed == pytest.approx(384 * 21 / 8)
    assert one.word == "holds"


def test_the_parameters_of_a_model_are_counted() -> None:
    """Llama-3.1-8B has 8.03 billion."""
    one = found("meta-llama/Llama-3.1-8B-Instruct", "total parameters")
    assert one.computed == pytest.approx(8.030261248)
    assert one.word == "holds"


def test_a_cache_without_latents_is_off() -> None:
    """A tool that does not know DeepSeek's latents says 24.9 times too much, and why is told."""
    one = found("deepseek-ai/DeepSeek-V3", "cache", "hf-mem")
    assert one.computed == pytest.approx(0.287834112)
    assert one.off_ratio == pytest.approx(23.9)
    assert one.word == "off"
    assert "no latent" in one.why


def test_every_answer_of_every_tool_is_there() -> None:
    """None is dropped, and only right ones hold."""
    answers = [r for tool in kv_tools() for r in tool.answers_ratio if r is not None]
    of_caches = [one for one in rechecks(shipped()) if one.kind == "KV cache"]
    assert len(of_caches) == len(answers)
    assert sum(one.word == "holds" for one in of_caches) == sum(
        abs(r - 1) < 0.0201 for r in answers
    )


def test_groups_that_were_left_out_are_those_of_the_intervals() -> None:
    """Every group has runs and ends around 1; every era names cards and sources."""
    groups = held_out()
    assert len(groups) > 100
    assert all(one.rows_count > 0 and one.low_ratio < one.high_ratio for one in groups)
    assert all(one.cards and one.sources for one in families_of_runs())
    (vllm,) = [one for one in families_of_runs() if one.era == "vllm-1"]
    assert "rtx-3090" in vllm.cards
