"""Links of cards and messages over them, as expressions of a claims table ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from audited_text import amount, found, in_unit
from user_records import CARD

from rightrig.errors import InputError
from rightrig.facts.user_catalog import load_catalog

if TYPE_CHECKING:
    from pathlib import Path


def test_the_rtx_3090_has_nvlink_and_the_rtx_4090_and_the_mi300x_do_not() -> None:
    assert found('has_nvlink("rtx-3090")') is True
    assert found('has_nvlink("h100-sxm")') is True
    assert found('has_nvlink("rtx-4090")') is False
    assert found('has_nvlink("mi300x")') is False


def test_a_card_sends_over_its_fabric_and_without_one_over_pcie_in_one_direction() -> None:
    assert in_unit('card_link_bytes_per_s("h100-sxm")', "GB/s") == pytest.approx(450.0)
    assert in_unit('card_link_bytes_per_s("rtx-4090")', "GB/s") == pytest.approx(31.5)


def test_the_rtx_3090_ti_came_after_the_rtx_3090_and_not_the_other_way_round() -> None:
    assert found('is_later("rtx-3090-ti", "rtx-3090")') is True
    assert found('is_later("rtx-3090", "rtx-3090-ti")') is False


def test_a_message_is_two_bytes_a_value_of_every_token() -> None:
    assert in_unit('message_bytes("llama-2-7b", 1)', "KiB") == pytest.approx(8.0)
    assert in_unit('message_bytes("llama-2-70b", 8192)', "MiB") == pytest.approx(128.0)


@pytest.mark.parametrize("model", ["llama-2-70b", "mixtral-8x7b"])
def test_a_layer_has_an_all_reduce_after_attention_and_one_after_the_feed_forward_part(
    model: str,
) -> None:
    assert amount(f'all_reduces_per_layer_count("{model}")').mid == 2.0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('message_bytes("llama-2-7b", 0)', "tokens is 0"),
        ('card_link_bytes_per_s("mine")', "has no link"),
        ('is_later("mine", "h100-sxm")', "is not recorded"),
    ],
)
def test_what_a_function_of_links_cannot_answer_is_said(
    tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "gpus").mkdir()
    (tmp_path / "gpus" / "mine.toml").write_text(CARD)
    with pytest.raises(InputError, match=reason):
        found(text, load_catalog((tmp_path,)))
