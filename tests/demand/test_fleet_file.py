"""Fleet files: what they say, how traffic is split by size, and one sentence for each mistake."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.demand.fleet import DemandTable, objectives_of, read_fleet, size_classes
from rightrig.errors import RightrigError

CHAT: Final = """
[[demand]]
name = "chat"
model = "qwen3-8b"
rate = "5/s"
input = 1000
output = 300
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "fleet.toml"
    path.write_text(text, encoding="utf-8")
    return path


def demand(**fields: object) -> DemandTable:
    usual = {"name": "chat", "model": "qwen3-8b", "rate": "5/s", "input": 1000, "output": 300}
    return DemandTable.model_validate({**usual, **fields})


def test_a_file_is_read_with_its_limits_in_base_units(tmp_path: Path) -> None:
    text = CHAT + (
        'ttft_p99 = "1s"\ntpot_p99 = 0.05\n[limits]\nbudget = "$5.50/h"\npower = "3kW"\n'
        'max_gpus = 16\nproviders = "runpod"\n[available]\nh100-sxm = 8\n'
    )
    file = read_fleet(written(tmp_path, text))
    limits = file.limits.parsed("here")
    assert limits.budget_usd_per_month == pytest.approx(4015.0)
    assert limits.max_power_w == 3000.0
    assert limits.max_gpus_count == 16
    assert file.limits.providers == "runpod"
    assert file.available == {"h100-sxm": 8}
    slo = objectives_of(file.demands[0], "here")
    assert (slo.ttft_p99_s, slo.tpot_p99_s) == (1.0, 0.05)


MISTAKES: Final = {
    CHAT.replace("rate", "rat"): r"\[\[demand\]\] chat: rat is no field of it; did you mean rate",
    CHAT.replace('rate = "5/s"', ""): r"chat: rate is missing",
    CHAT.replace("output = 300", ""): r"chat: give input and output, or preset, or trace",
    CHAT + 'preset = "chat"': r"chat: give input and output, or preset, or trace, and one only",
    CHAT.replace('"chat"', '"Chat 1"'): r"Chat 1: name is 'Chat 1'; gateways need a-z, 0-9 and -",
    CHAT + CHAT: r"the name chat is taken twice",
    CHAT + "buckets = [500]" + CHAT.replace('"chat"', '"chat-2"'): r"chat-2 is taken twice",
    CHAT + "buckets = [4000, 1000]": r"chat: buckets must rise",
    CHAT + "buckets = [0]": r"chat: buckets\.0 is 0",
    CHAT + "[limits]\nbudgets = 5": r"\[limits\]: budgets is no field of it; did you mean budget",
    CHAT + "[limits]\nheadroom = -1": r"\[limits\]: headroom is -1",
    CHAT + "[limits]\nheadroom = nan": r"\[limits\]: headroom",
    CHAT + "[available]\nh100-sxm = -8": r"available\.h100-sxm is -8",
    CHAT + "[available]\nh100-sxm = true": r"available\.h100-sxm is True",
    "[limits]\n": r"demand is missing",
    "demand = 5": r"demand is 5",
    "[[demand]\n": r"is no TOML",
}


@pytest.mark.parametrize("text", MISTAKES, ids=MISTAKES.values())
def test_a_mistake_is_one_sentence_with_file_table_and_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(RightrigError) as raised:
        read_fleet(written(tmp_path, text))
    said = str(raised.value)
    assert "fleet.toml" in said
    assert re.search(MISTAKES[text], said)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("tpot_p99", "1000", "here: tpot_p99 is 1000: the largest accepted is 10"),
        ("ttft_p99", "soon", "here: ttft_p99 is 'soon'"),
        ("e2e_p50", "0s", "here: e2e_p50 is 0"),
    ],
)
def test_a_wrong_objective_names_its_key(key: str, text: str, said: str) -> None:
    with pytest.raises(RightrigError, match=said):
        objectives_of(demand(**{key: text}), "here")


def test_fixed_lengths_are_one_class_without_borders(tmp_path: Path) -> None:
    found = size_classes(demand(buckets=[2000, 4000]), "here", tmp_path, 40_960)
    (only,) = found.classes
    assert (only.low_tokens, only.high_tokens) == (0, None)
    assert only.workload.rate_requests_per_s == 5.0
    assert (only.workload.input_tokens, only.workload.output_tokens) == (1000, 300)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.integers(1, 20_000), min_size=1, max_size=5, unique=True).map(sorted),
    st.floats(100.0, 5000.0),
)
def test_classes_cover_every_prompt_once_and_carry_the_whole_rate(
    borders: list[int], mean: float
) -> None:
    table = demand(input=f"lognormal:mean={mean:.0f},cv=1", buckets=borders)
    found = size_classes(table, "here", Path(), 40_960)
    classes = found.classes
    assert classes[0].low_tokens == 0
    assert classes[-1].high_tokens is None
    for one, following in itertools.pairwise(classes):
        assert one.high_tokens == following.low_tokens
    for one in classes:
        assert one.low_tokens < one.workload.input_tokens <= (one.high_tokens or 40_960)
    carried = sum(one.workload.rate_requests_per_s for one in classes)
    assert carried == pytest.approx(5.0 * (1.0 - found.too_long_ratio))


def test_a_law_is_split_at_its_quantiles(tmp_path: Path) -> None:
    table = demand(input="quantiles:0=1,0.5=1000,1=9000", buckets=[1000])
    short, long = size_classes(table, "here", tmp_path, 40_960).classes
    assert short.workload.rate_requests_per_s == pytest.approx(2.5, rel=0.05)
    # Straight lines between the logarithms: means of 999 / ln 1000 and 8000 / ln 9.
    assert short.workload.input_tokens == pytest.approx(144.6, rel=0.05)
    assert long.workload.input_tokens == pytest.approx(3641, rel=0.05)


def test_requests_that_the_model_cannot_take_are_left_out_and_counted(tmp_path: Path) -> None:
    table = demand(input="quantiles:0=1,0.9=1000,1=100000", output=100)
    found = size_classes(table, "here", tmp_path, 2048)
    # Prompts above 1,948 tokens, by a straight line between the logarithms.
    assert found.too_long_ratio == pytest.approx(0.0855, abs=0.005)
    assert found.classes[0].workload.rate_requests_per_s == pytest.approx(4.57, rel=0.01)
    with pytest.raises(RightrigError, match="1,300 tokens together at least; the model was made"):
        size_classes(demand(), "here", tmp_path, 1024)


def test_a_trace_beside_the_file_brings_its_own_rate(tmp_path: Path) -> None:
    rows = ["arrival_s,input_tokens,output_tokens"]
    rows += [f"{second / 2},{100 if second % 4 else 5000},50" for second in range(401)]
    (tmp_path / "day.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    table = demand(rate=None, input=None, output=None, trace="day.csv", buckets=[1000])
    short, long = size_classes(table, "here", tmp_path, 40_960).classes
    whole = short.workload.rate_requests_per_s + long.workload.rate_requests_per_s
    assert whole == pytest.approx(2.0, rel=0.01)
    assert (short.workload.input_tokens, long.workload.input_tokens) == (100, 5000)
    assert np.isclose(long.workload.rate_requests_per_s / whole, 101 / 401)


def test_a_preset_is_split_by_the_size_of_its_prompts(tmp_path: Path) -> None:
    table = demand(input=None, output=None, preset="chat", buckets=[500, 2000])
    assert len(size_classes(table, "here", tmp_path, 40_960).classes) == 3
