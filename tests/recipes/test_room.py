"""Whether memory holds what a recipe promises."""

from __future__ import annotations

from servings import serving

from rightrig.recipes.proving.room import room_proofs

ON = ("llama-3.1-8b", "1xh100-sxm")


def states(context: int, concurrency: int) -> list[str]:
    return [one.state for one in room_proofs(serving(*ON, context, concurrency))]


def test_what_fits_passes_for_one_and_for_all() -> None:
    assert states(8192, 32) == ["pass", "pass"]


def test_all_promised_sequences_may_be_shorter_on_average_than_the_longest() -> None:
    held = serving(*ON, 8192, 1).fit.max_concurrency
    _, of_all = room_proofs(serving(*ON, 8192, held + 10))
    assert serving(*ON, 8192, held + 10).prediction is not None
    assert of_all.state == "pass"
    assert "at their mean of 1,300 tokens" in of_all.said


def test_more_than_memory_holds_at_the_mean_fails_with_what_it_holds() -> None:
    *_, of_all = room_proofs(serving(*ON, 8192, 5000))
    assert of_all.state == "fail"
    asked = int(of_all.remedy.partition("--concurrency ")[2].rstrip(")"))
    assert states(8192, asked) == ["pass", "pass"]


def test_an_engine_that_holds_no_longest_sequence_fails_alone() -> None:
    found = serving("llama-3.1-8b", "1xrtx-4090", 131_072, 1, weights="bf16")
    (alone,) = room_proofs(found)
    assert alone.state == "fail"
    fits = int(alone.remedy.rpartition(" ")[2])
    (again, *_) = room_proofs(serving("llama-3.1-8b", "1xrtx-4090", fits, 1, weights="bf16"))
    assert again.state == "pass"


def test_a_limit_of_a_step_below_the_promise_fails_although_memory_would_hold_all() -> None:
    _, waiting, memory = room_proofs(serving(*ON, 512, 64, max_seqs=4))
    assert (waiting.state, memory.state) == ("fail", "pass")
    assert waiting.remedy == "add --max-seqs 64, or promise --concurrency 4"
    for again in (serving(*ON, 512, 64, max_seqs=64), serving(*ON, 512, 4, max_seqs=4)):
        assert [one.state for one in room_proofs(again)] == ["pass", "pass"]


def test_slots_are_as_many_as_promised() -> None:
    found = serving("llama-3.1-8b", "1xh100-sxm", 512, 64, runtime="llama.cpp", max_seqs=4)
    assert [one.state for one in room_proofs(found)] == ["pass", "pass"]


def test_shorter_sequences_than_the_mean_are_no_remedy() -> None:
    found = serving("facebook/opt-6.7b", "1xb200-sxm", 2048, 5000, runtime="tensorrt-llm")
    assert "--context" not in room_proofs(found)[-1].remedy


def test_a_wider_step_that_memory_does_not_hold_is_no_remedy() -> None:
    _, waiting, *_ = room_proofs(serving(*ON, 8192, 1_000_000))
    assert waiting.remedy == "promise --concurrency 1024"
