"""The state of the configurator lives in its URL: the same text for the same state, for years."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.web.state import DEFAULT_RIG, SORTS, STATUSES, Reading, State, canonical, read

_CARDS = st.sampled_from(["rtx-4090", "h100-sxm", "a100-sxm-80gb", "rtx-3090@nvlink", "m3-ultra"])
_RIGS = st.builds(
    lambda nodes, first, others: f"{nodes}n:{first}{others}" if nodes > 1 else f"{first}{others}",
    st.integers(1, 4),
    st.builds(lambda n, card: f"{n}x{card}", st.integers(1, 8), _CARDS),
    st.sampled_from(["", "+1xl40s", "+2xrtx-3090@220w@pcie3x8"]),
)
_STATES = st.builds(
    State,
    rig=_RIGS,
    context=st.integers(1024, 1_000_000),
    output=st.integers(1, 512),
    users=st.integers(1, 1000),
    rate_requests_per_s=st.sampled_from([0.0, 0.5, 12.0]),
    runtime=st.sampled_from(["", "vllm", "vllm@0.19.0", "llama.cpp"]),
    weights=st.sampled_from(["", "fp8", "q4_k_m"]),
    kv=st.sampled_from(["", "fp8"]),
    os=st.sampled_from(["", "windows"]),
    ttft_s=st.sampled_from([0.0, 0.25, 2.0]),
    tpot_s=st.sampled_from([0.0, 0.05]),
    max_seqs=st.sampled_from([0, 64]),
    utilization_ratio=st.sampled_from([0.0, 0.85]),
    model=st.sampled_from(["", "qwen--qwen3-8b"]),
    status=st.sampled_from(["", *STATUSES]),
    licence=st.sampled_from(["", "open"]),
    sort=st.sampled_from(SORTS),
    descends=st.booleans(),
    every=st.booleans(),
)


def _read(query: str) -> Reading:
    return read(parse_qs(query, keep_blank_values=True), shipped())


@given(_STATES)
def test_a_link_opens_the_state_that_wrote_it(state: State) -> None:
    found = _read(canonical(state))
    assert not found.wrong
    assert not found.notices
    assert found.state == state


def test_what_has_its_usual_value_is_left_out() -> None:
    assert canonical(_read("v=1&rig=4xrtx-4090&context=8192&users=1&sort=verdict").state) == (
        "v=1&rig=4xrtx-4090"
    )


def test_the_rig_is_written_in_the_notation_of_the_command_line() -> None:
    query = canonical(_read("rig=4x4090+1xA100-SXM-80GB".replace("+", "%2B")).state)
    assert query == "v=1&rig=4xrtx-4090%2B1xa100-sxm-80gb"


def test_the_fields_of_a_form_say_the_same_rig() -> None:
    fields = [
        ("card", "rtx-3090"), ("count", "2"), ("link", "nvlink"), ("slot", "pcie3x8"),
        ("watts", "220"), ("mig", ""),
        ("card", "a100-sxm-80gb"), ("count", "1"), ("link", ""), ("slot", ""), ("watts", ""),
        ("mig", ""),
        ("card", ""), ("count", "1"), ("link", ""), ("slot", ""), ("watts", ""), ("mig", ""),
        ("nodes", "2"), ("ram", "128GiB"), ("net", "25GB/s"),
    ]  # fmt: skip
    found = _read(urlencode(fields))
    text = "2n:2xrtx-3090@220w@pcie3x8@nvlink@ram=128GiB@net=25GB/s+1xa100-sxm-80gb"
    assert found.state.rig == text
    assert found.rig == parse_rig(text, shipped())
    assert found.is_form
    assert not found.wrong


def test_a_link_of_the_card_before_goes_without_a_word() -> None:
    found = _read("card=rtx-4090&count=2&link=nvlink&slot=&watts=&mig=")
    assert found.state.rig == "2xrtx-4090"
    assert found.words.is_redrawn
    assert not found.wrong


def test_a_kind_of_card_is_removed_by_its_number() -> None:
    found = _read("card=rtx-4090&count=4&card=a100-sxm-80gb&count=1&without=0")
    assert found.state.rig == "1xa100-sxm-80gb"


def test_a_machine_by_its_name_becomes_its_cards() -> None:
    assert _read("rig=dgx-spark-pair").state.rig == "2n:1xgb10@net=25GB/s"


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ("context=abc", "context", "whole number from 1 to 100,000,000"),
        ("context=0", "context", "from 1 to"),
        ("context=²", "context", "whole number"),
        ("users=" + "9" * 300, "users", "from 1 to 1,000,000"),
        ("rate=fast", "rate", "5/s"),
        ("ttft=-3s", "ttft", "positive"),
        ("weights=q9", "weights", "q4_k_m"),
        ("runtime=tgi", "runtime", "vllm"),
        ("runtime=vllm@", "runtime", "vllm"),
        ("gpu-memory-utilization=2", "gpu-memory-utilization", "0.1 to 1"),
        ("gpu-memory-utilization=nan", "gpu-memory-utilization", "0.1 to 1"),
        ("model=nobody/knows", "model", "no model is called"),
        ("output=9000", "output", "no room for a prompt"),
        ("rig=3xnope", "rig", "no GPU is called"),
        ("rig=99999xrtx-4090", "rig", "1 to 72"),
        ("card=rtx-4090&count=many", "card-0", "whole number"),
        ("card=rtx-4090&count=1&watts=9999", "card-0", "power cap"),
        ("card=rtx-4090&count=1&ram=lots", "ram", "24GiB"),
        ("card=rtx-4090&count=1&nodes=²", "nodes", "whole number"),
        ("card=rtx-4090%2B9xrtx-4090&count=1", "card-0", "one kind"),
    ],
)
def test_a_wrong_value_is_told_beside_its_field_and_the_rest_is_read(
    query: str, field: str, says: str
) -> None:
    found = _read(f"{query}&kv=fp8")
    assert says in found.wrong[field]
    assert found.state.kv == "fp8"


def test_of_a_rig_with_an_unknown_card_the_known_ones_remain() -> None:
    found = _read("v=1&rig=2xrtx-4090%2B1xnope")
    assert found.state.rig == "2xrtx-4090"
    assert "left out" in found.wrong["rig"]


def test_a_version_to_come_and_unknown_words_are_told() -> None:
    found = _read("v=7&rig=2xrtx-4090&colour=red")
    assert found.state.rig == "2xrtx-4090"
    assert any("version '7'" in notice for notice in found.notices)
    assert any("'colour'" in notice for notice in found.notices)


@given(
    st.dictionaries(
        st.sampled_from(["v", "rig", "card", "count", "context", "rate", "model", "ram", "nodes",
                         "watts", "sort", "x"]),
        st.lists(st.text(max_size=30), min_size=1, max_size=3),
        max_size=6,
    )
)  # fmt: skip
def test_whatever_a_link_says_there_is_a_state(query: dict[str, list[str]]) -> None:
    found = read(query, shipped())
    again = _read(canonical(found.state))
    assert again.state == found.state
    assert not again.wrong
    assert found.rig == parse_rig(found.state.rig or DEFAULT_RIG, shipped())
