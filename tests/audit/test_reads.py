"""What a verdict rests on: records, and fields of records."""

from __future__ import annotations

from rightrig.audit.auditing import audit
from rightrig.audit.figure import figure_of
from rightrig.facts.catalog import shipped

FIELD = 'gpu("h100-sxm", "memory_bandwidth_bytes_per_s")'


def rests_on(expression: str, claimed: str = "1", unit: str = "GB/s") -> tuple[str, ...]:
    row = {"claimed": claimed, "unit": unit, "expression": expression}
    (found,) = audit((figure_of(row),), shipped())
    return found.rests_on


def test_a_field_is_noted_without_the_rest_of_its_record() -> None:
    assert rests_on(FIELD) == ("gpus/h100-sxm#memory_bandwidth_bytes_per_s",)


def test_a_record_that_a_formula_reads_is_noted_whole() -> None:
    assert rests_on('weight_bytes("llama-2-7b")', unit="GB") == ("llms/meta-llama--llama-2-7b-hf",)


def test_a_record_that_is_read_both_ways_is_noted_both_ways() -> None:
    both = f'{FIELD} / (decode_roof("llama-2-7b", "h100-sxm", "bf16") / (1/s))'
    assert rests_on(both) == (
        "gpus/h100-sxm", "gpus/h100-sxm#memory_bandwidth_bytes_per_s",
        "llms/meta-llama--llama-2-7b-hf",
    )  # fmt: skip


def test_each_claim_has_its_own() -> None:
    cards = ("l4", "rtx-4090", "l4")
    rows = [
        {"id": str(i), "claimed": "1", "unit": "W", "expression": f'gpu("{c}", "board_power_w")'}
        for i, c in enumerate(cards)
    ]
    found = audit([figure_of(row) for row in rows], shipped())
    names = [one.rests_on for one in found]
    assert names[0] == names[2] == ("gpus/l4#board_power_w",)
    assert names[1] == ("gpus/rtx-4090#board_power_w",)


def test_arithmetic_rests_on_nothing() -> None:
    assert rests_on("1*GB/s") == ()


def test_an_engine_that_was_only_looked_at_is_no_ground() -> None:
    usual = 'fits("llama-2-7b", "1xh100-sxm", 4096)'
    named = 'fits("llama-2-7b", "1xh100-sxm", 4096, 1, "f16", "", "llama.cpp")'
    engines = [
        {name for name in rests_on(text, "yes", "") if name.startswith("runtimes/")}
        for text in (usual, named, f"{named} and {usual}")
    ]
    assert engines == [
        {"runtimes/vllm"}, {"runtimes/llama.cpp"}, {"runtimes/vllm", "runtimes/llama.cpp"},
    ]  # fmt: skip
