"""llama.cpp's buffers between contexts that are known are exact, and none is worked out twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.planning.survey.fits_working import Working
from rightrig.prediction.layered_engines import placement_of, working_bytes_of
from rightrig.prediction.memory_fit import engine_of
from rightrig.work import llama_cpp
from rightrig.work.llama_cpp_options import Options, place

if TYPE_CHECKING:
    import pytest

CATALOG = shipped()
NAMES = ("gpt-oss-20b", "kimi-k2-instruct", "gemma-3-12b-it", "qwen3-next-80b-a3b-instruct")


def working_of(name: str, cards: int) -> tuple[Working, object, object]:
    """Return the buffers of a model on some cards, with its engine and placement."""
    deployment = propose(
        CATALOG, CATALOG.llm(name), parse_rig(f"{cards}xp40", CATALOG), Choices(weights="q4_k_m")
    )
    engine = engine_of(deployment)
    placement = placement_of(engine, (1.0,) * cards)
    return Working(engine, placement), engine, placement


WORKINGS = {(name, cards): working_of(name, cards) for name in NAMES for cards in (1, 2)}


@settings(max_examples=80, deadline=None)
@given(
    key=st.sampled_from(sorted(WORKINGS)),
    tokens=st.one_of(st.integers(1, 600), st.integers(513, 131_072)),
)
def test_buffers_are_those_of_the_allocator(key: tuple[str, int], tokens: int) -> None:
    """Contexts that came before leave knots behind, so many answers are from a line."""
    working, engine, placement = WORKINGS[key]
    exact = working_bytes_of(engine, tokens, placement)  # type: ignore[arg-type]
    assert working.sizes_bytes(tokens) == tuple(exact.get(card, 0.0) for card in range(key[1]))


def test_a_context_between_two_alike_is_not_worked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    working, engine, placement = working_of("kimi-k2-instruct", 1)
    low, high = working.sizes_bytes(80_000), working.sizes_bytes(100_000)
    wanted = working_bytes_of(engine, 90_000, placement)[0]  # type: ignore[arg-type]

    def refuse(*_: object) -> None:
        raise AssertionError("the allocator ran again")

    monkeypatch.setattr(llama_cpp, "compute_path", refuse)
    found = working.sizes_bytes(90_000)
    assert found == (wanted,)
    assert low[0] < found[0] < high[0]


def test_marks_tell_apart_what_is_on_no_line() -> None:
    """Kimi K2's buffer falls where the mask of its context outgrows a free block."""
    llm = CATALOG.llm("kimi-k2-instruct")
    found = [
        llama_cpp.compute_path(
            llm, "q4_0", Options(tokens, mixes_batches=False), place(llm.layer_count, (1.0,))
        )
        for tokens in (80_000, 100_000, 120_000)
    ]
    (low, first), (middle, second), (high, third) = found
    assert first == second != third
    assert high[0] < low[0] < middle[0]
