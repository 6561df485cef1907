"""What own machines cost and draw, as expressions ask for it."""

from __future__ import annotations

import datetime

import pytest

from rightrig.audit.functions.owning import (
    cards_power_w,
    owned_usd_per_month,
    part_price_usd,
    rig_power_w,
    transient_power_w,
)
from rightrig.audit.naming import Setting
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped

SETTING = Setting(shipped(), datetime.date(2026, 11, 22), {})


@pytest.mark.parametrize(
    ("rig", "watts"),
    [("4xrtx-4090", 1800.0), ("2xa100-sxm-80gb", 800.0), ("4xrtx-4090@300w", 1200.0),
     ("2n:8xh100-sxm", 11_200.0)],
)  # fmt: skip
def test_cards_draw_their_limits_on_all_machines(rig: str, watts: float) -> None:
    assert cards_power_w(SETTING, rig) == watts


def test_a_card_without_a_recorded_power_is_refused() -> None:
    catalog = shipped()
    silent = next(gpu for gpu in catalog.gpus() if gpu.board_power_w is None)
    with pytest.raises(InputError, match="not recorded"):
        cards_power_w(SETTING, f"1x{silent.slug}")


def test_hosts_come_on_top_of_the_cards() -> None:
    found = rig_power_w(SETTING, "4xh100-sxm")
    assert 2800.0 < found.low < found.mid < found.high < 7000.0


def test_four_h100_draw_4060_w_for_ten_milliseconds() -> None:
    # One card at 1.6 times its limit and three at 1.4 times.
    assert transient_power_w(SETTING, "4xh100-sxm", 0.01) == pytest.approx(
        700.0 * (1.6 + 3.0 * 1.4)
    )


def test_a_duration_without_an_excursion_is_refused() -> None:
    with pytest.raises(InputError, match=r"0\.1\*ms, 1\*ms, 10\*ms, 100\*ms"):
        transient_power_w(SETTING, "4xh100-sxm", 1.0)


def test_a_host_for_single_cards_has_a_published_range() -> None:
    found = part_price_usd(SETTING, "host-pcie")
    assert (found.low, found.high) == (1314.0, 10_000.0)


def test_owning_adds_interest_and_electricity_to_the_price() -> None:
    free = owned_usd_per_month(36_000.0, 3.0, 0.0, 1.0, 1.0, 0.0)
    assert free == pytest.approx(1000.0)
    lent = owned_usd_per_month(36_000.0, 3.0, 0.08, 1.0, 1.0, 0.0)
    assert lent == pytest.approx(36_000.0 * 0.388034 / 12.0, rel=1e-5)
    powered = owned_usd_per_month(36_000.0, 3.0, 0.08, 1000.0, 1.3, 0.1)
    assert powered - lent == pytest.approx(730.0 * 1.3 * 0.1)
