"""All models of a rig at once get the answers that they get one by one."""

from __future__ import annotations

import math
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rightrig.deployment.propose import Choices
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.planning.fits import ModelFit, models_that_fit
from rightrig.planning.survey.fits import VERDICTS, Book, Held, survey_fits

CATALOG = shipped()
BOOK = Book(CATALOG)
SOME = Book(CATALOG, BOOK.llms[::12])
"""Every twelfth model: for engines that are slow to work out."""
PAGED = Book(CATALOG, [llm for llm in SOME.llms if llm.config_kind != "gguf_header"])
FEW = Book(CATALOG, [CATALOG.llm(name) for name in ("llama-3.1-8b", "gpt-oss-20b", "gemma-3-12b")])
CARDS = ("rtx-4090", "rtx-3090", "h100-sxm", "a100-sxm-80gb", "l4", "t4", "rtx-5090", "b200-sxm")


def told(held: Held, place: int) -> tuple[object, ...]:
    """Return what a survey says of one model."""
    deployment = held.deployment(place)
    return (
        VERDICTS[held.verdict[place]], held.reason(place), deployment,
        int(held.max_context_tokens[place]), int(held.max_concurrency[place]),
    )  # fmt: skip


def expected(model: ModelFit) -> tuple[object, ...]:
    """Return what the scalar fit says of it."""
    found = model.fit
    if found is None:
        return model.verdict, model.reason, None, 0, 0
    return (
        found.verdict, "", found.deployment, found.max_context_tokens, found.max_concurrency,
    )  # fmt: skip


def check(book: Book, rig_text: str, choices: Choices, tokens: int, users: int) -> Held:
    """Compare a survey with the scalar fits, model by model."""
    rig = parse_rig(rig_text, CATALOG)
    held = survey_fits(book, rig, choices, tokens, users)
    wanted = models_that_fit(CATALOG, rig, tokens, users, choices, book.llms)
    assert [book.llms[place].name for place in held.order()] == [m.llm.name for m in wanted]
    for place, model in zip(held.order(), wanted, strict=True):
        assert told(held, place) == expected(model), (rig_text, model.llm.name)
        if model.fit is None:
            assert math.isnan(held.headroom_ratio[place])
            continue
        card = model.fit.binding
        sizes = (
            held.headroom_ratio[place], held.required_bytes[place], held.budget_bytes[place],
            held.weights_bytes[place],
        )  # fmt: skip
        wanted_sizes = (
            card.headroom_ratio, card.required_bytes.mid, card.budget_bytes.mid,
            model.fit.weights_bytes,
        )  # fmt: skip
        assert sizes == pytest.approx(wanted_sizes, rel=1e-9, abs=1e-12), model.llm.name
    return held


@pytest.mark.parametrize(
    ("rig", "tokens", "users"),
    [
        ("1xrtx-4090", 8192, 1),
        ("4xrtx-4090", 4096, 32),
        ("8xh100-sxm", 131_072, 32),
        ("2n:8xh200-sxm", 131_072, 1),
        ("4xrtx-3090@220w", 1, 32),
        ("7xh100-sxm@mig=1g.10gb", 8192, 8),
        ("1xmi300x", 8192, 32),
    ],
)
def test_every_model_gets_the_answer_of_the_scalar_fit(rig: str, tokens: int, users: int) -> None:
    check(BOOK, rig, Choices(), tokens, users)


@pytest.mark.parametrize(
    "choices",
    [
        Choices(runtime="sglang"),
        Choices(runtime="tensorrt-llm", kv="fp8"),
        Choices(runtime="lmdeploy"),
        Choices(runtime="vllm@0.19.0"),
        Choices(runtime="ollama"),
        Choices(weights="awq"),
        Choices(kv="fp8"),
        Choices(operating_system="windows"),
        Choices(operating_system="macos"),
        Choices(tp=2, max_seqs=64, memory_ratio=0.85),
        Choices(replicas=2),
        Choices(lora_rank=16, loras=2),
        Choices(attention_dp=2),
    ],
)
def test_what_the_user_fixed_is_kept(choices: Choices) -> None:
    check(SOME, "4xa100-sxm-40gb", choices, 8192, 32)


@pytest.mark.parametrize(
    ("rig", "tokens", "users", "choices"),
    [
        ("1xm3-max", 8192, 4, Choices()),
        ("1xp40", 131_072, 1, Choices()),
        ("1xp40", 300, 2, Choices()),
        ("4xrtx-4090+1xa100-sxm-80gb", 4096, 4, Choices()),
        ("2xrtx-4090+2xrtx-3090", 8192, 8, Choices(runtime="vllm")),
        ("2xrtx-4090", 8192, 4, Choices(weights="q4_k_m", kv="q8_0")),
        ("2xrtx-4090", 8192, 4, Choices(runtime="llama.cpp", tensor_split="3,1")),
        ("1xtpu-v5e", 8192, 4, Choices()),
    ],
)
def test_layers_lie_where_the_scalar_fit_puts_them(
    rig: str, tokens: int, users: int, choices: Choices
) -> None:
    check(SOME, rig, choices, tokens, users)


@pytest.mark.parametrize(
    ("rig", "choices", "verdict"),
    [
        ("1xt4", Choices(gpu_layers=20, weights="q4_k_m"), "offload"),
        ("1xrtx-3060-ti@ram=64GiB", Choices(weights="q8_0"), "offload"),
        ("1xrtx-3060-ti@ram=2GiB", Choices(weights="q8_0"), "no"),
    ],
)
def test_layers_in_host_memory_are_those_of_the_scalar_fit(
    rig: str, choices: Choices, verdict: str
) -> None:
    held = check(FEW, rig, replace(choices, runtime="llama.cpp"), 8192, 4)
    assert verdict in {VERDICTS[code] for code in held.verdict}


def test_layers_in_host_memory_are_worked_out_once() -> None:
    """A second answer takes what the first one found."""
    book = Book(CATALOG, FEW.llms)
    rig = parse_rig("1xrtx-3060-ti@ram=64GiB", CATALOG)
    choices = Choices(runtime="llama.cpp", weights="q8_0")
    first, again = (survey_fits(book, rig, choices, 8192, 4) for _ in range(2))
    assert first.fits
    assert all(again.fits[place] is whole for place, whole in first.fits.items())
    np.testing.assert_array_equal(again.verdict, first.verdict)


def test_rigs_of_one_kind_share_a_slate_and_not_an_answer() -> None:
    """The memory of the card differs, and so do names in reasons."""
    book = Book(CATALOG, BOOK.llms[::12])
    small, large = (parse_rig(f"2x{name}", CATALOG) for name in ("rtx-3090", "rtx-a6000"))
    assert book.slate(small, Choices()) is book.slate(large, Choices())
    for name in ("rtx-3090", "rtx-a6000"):
        check(book, f"2x{name}", Choices(), 8192, 4)


def test_a_reason_names_the_card_that_was_asked_about() -> None:
    for name in ("rtx-3090", "rtx-a6000"):
        held = survey_fits(BOOK, parse_rig(f"1x{name}", CATALOG), Choices(), 8192, 1)
        reasons = [held.reason(place) for place in range(len(BOOK.llms))]
        assert any(f"on {name} (8.6)" in reason for reason in reasons)
        assert not any("«" in reason for reason in reasons)


@settings(max_examples=16, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    card=st.sampled_from(CARDS),
    count=st.integers(1, 9),
    nodes=st.integers(1, 3),
    tokens=st.integers(1, 300_000),
    users=st.integers(1, 600),
    choices=st.sampled_from([Choices(), Choices(weights="fp8"), Choices(runtime="sglang")]),
)
def test_any_rig_gets_the_answers_of_the_scalar_fit(
    card: str, count: int, nodes: int, tokens: int, users: int, choices: Choices
) -> None:
    check(PAGED, f"{nodes}n:{count}x{card}", choices, tokens, users)


@settings(max_examples=12, deadline=None)
@given(
    sizes=st.lists(st.sampled_from(["rtx-4090", "p40", "rtx-3090", "t4"]), min_size=1, max_size=3),
    tokens=st.integers(1, 140_000),
)
def test_layers_on_any_cards_get_the_answers_of_the_scalar_fit(
    sizes: list[str], tokens: int
) -> None:
    check(FEW, "+".join(f"1x{name}" for name in sizes), Choices(runtime="llama.cpp"), tokens, 2)


def test_more_memory_never_lowers_a_verdict() -> None:
    found = [
        survey_fits(BOOK, parse_rig(f"1x{name}", CATALOG), Choices(), 8192, 4)
        for name in ("rtx-3090", "rtx-a6000")
    ]
    assert (found[1].verdict <= found[0].verdict).all()
    assert (found[1].verdict < found[0].verdict).any()


def test_the_whole_fit_of_one_model_says_what_the_table_says() -> None:
    held = survey_fits(BOOK, parse_rig("2xl40s", CATALOG), Choices(), 8192, 16)
    for place in held.order()[:5]:
        whole = held.fit(place)
        assert whole is not None
        assert whole.verdict == VERDICTS[held.verdict[place]]
        assert whole.binding.headroom_ratio == pytest.approx(held.headroom_ratio[place], rel=1e-9)
    barred = next(place for place in range(len(BOOK.llms)) if held.reason(place))
    assert held.fit(barred) is None


def test_an_unknown_runtime_is_refused() -> None:
    with pytest.raises(InputError, match="no runtime"):
        survey_fits(BOOK, parse_rig("1xl40s", CATALOG), Choices(runtime="nonsense"), 8192, 1)


def test_threads_that_ask_at_once_get_one_answer() -> None:
    book = Book(CATALOG, BOOK.llms[::20])
    rig = parse_rig("2xl40s", CATALOG)
    found: list[Held] = []

    def ask() -> None:
        found.append(survey_fits(book, rig, Choices(), 8192, 4))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(threads)
    for held in found[1:]:
        np.testing.assert_array_equal(held.verdict, found[0].verdict)
        np.testing.assert_array_equal(held.headroom_ratio, found[0].headroom_ratio)
