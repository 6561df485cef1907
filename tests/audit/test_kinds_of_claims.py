"""What things are called and are, as expressions ask for it."""

from __future__ import annotations

import datetime

import pytest

from rightrig.audit.functions.kinds import (
    changed_answers_per_year,
    driver_name,
    is_python,
    least_toolkit,
    model_sizes,
    rig_link_bytes_per_s,
    smi_has_memory_field,
)
from rightrig.audit.naming import Setting
from rightrig.audit.reads import Watched
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped

SETTING = Setting(shipped(), datetime.date(2026, 11, 22), {})


@pytest.mark.parametrize(
    ("model", "sizes"),
    [("qwen3-235b-a22b", "235B-A22B"), ("llama-2-70b", "69B"), ("deepseek-v4-flash", "284B-A14B")],
)
def test_models_are_named_by_counted_weights(model: str, sizes: str) -> None:
    assert model_sizes(SETTING, model) == sizes


@pytest.mark.parametrize(
    ("card", "name"),
    [
        ("h100-sxm", "NVIDIA H100 80GB HBM3"),
        ("rtx-4090", "NVIDIA GeForce RTX 4090"),
        ("h100-pcie", "NVIDIA H100 PCIe"),
        ("l40s", "NVIDIA L40S"),
    ],
)
def test_a_driver_prints_its_own_name_of_a_card(card: str, name: str) -> None:
    assert driver_name(SETTING, card) == name


def test_hopper_compiles_from_cuda_11_8_on_and_the_record_is_noted() -> None:
    watched = Watched(shipped())
    setting = Setting(watched, SETTING.today, {})
    assert least_toolkit(setting, "h100-sxm") == "CUDA 11.8"
    assert "generations/sm-9.0" in watched.seen()


def test_a_card_without_a_toolkit_is_refused() -> None:
    with pytest.raises(InputError, match="not recorded"):
        least_toolkit(SETTING, "tpu-v5e")


def test_a_board_of_four_gives_a_pair_a_third_of_what_a_switch_gives() -> None:
    assert rig_link_bytes_per_s(SETTING, "4xh100-sxm", 4) == 450e9
    assert rig_link_bytes_per_s(SETTING, "4xh100-sxm@hgx4", 2) == 150e9
    with pytest.raises(InputError, match="4 cards"):
        rig_link_bytes_per_s(SETTING, "4xh100-sxm", 5)


def test_bit_errors_change_about_one_answer_a_year_of_a_24_gb_card() -> None:
    found = changed_answers_per_year(SETTING, "rtx-4090")
    # 0.58 errors a gigabyte and year, 25.8 GB, of which 5.5 % reach an answer.
    assert found.mid == pytest.approx(0.58 * 25.8 * 0.055, rel=0.05)
    assert found.low < 0.3
    assert found.high > 2.0


@pytest.mark.parametrize(
    ("line", "answer"),
    [("x = 1  # a comment", True), ("// a comment", False), ("7 // 2", True), ("a\0b", False)],
)
def test_a_line_is_python_or_not(line: str, answer: bool) -> None:  # noqa: FBT001 - a table's cell
    assert is_python(line) is answer


def test_nvidia_smi_has_no_field_for_bandwidth() -> None:
    assert smi_has_memory_field("memory.total")
    assert not smi_has_memory_field("memory.bandwidth")
    with pytest.raises(InputError, match="no field of the memory"):
        smi_has_memory_field("power.draw")
