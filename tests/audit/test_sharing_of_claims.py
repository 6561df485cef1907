"""Instances of a partitioned card, as expressions of a claims table ask for them."""

from __future__ import annotations

import pytest
from audited_text import amount, found, in_unit

from rightrig.errors import InputError


@pytest.mark.parametrize(
    ("profile", "sms"), [("1g.10gb", 16), ("2g.20gb", 32), ("3g.40gb", 60), ("7g.80gb", 132)]
)
def test_an_instance_has_its_own_sms_and_not_its_slices_over_seven(profile: str, sms: int) -> None:
    share = amount(f'mig_compute_ratio("h100-sxm", "{profile}")').mid
    assert share == pytest.approx(sms / 132)


def test_a_seventh_instance_has_120_of_989_tflops() -> None:
    peak = in_unit('mig_peak_flop_per_s("h100-sxm", "1g.10gb", "fp16")', "TFLOPS")
    assert peak == pytest.approx(119.93, abs=0.005)


def test_seven_tenants_pay_a_seventh_of_the_card_each() -> None:
    price = in_unit('mig_tenant_usd("h100-sxm", "1g.10gb", 30000*USD)', "USD")
    assert price == pytest.approx(30_000.0 / 7.0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('mig_compute_ratio("rtx-4090", "1g.10gb")', "no table of MIG profiles"),
        ('mig_compute_ratio("h100-sxm", "1g.5gb")', "no MIG profile"),
        ('mig_peak_flop_per_s("h100-sxm", "1g.10gb", "fp4")', "no peak rate"),
        ('mig_peak_flop_per_s("h100-sxm", "1g.10gb", "speed")', "no peak rate"),
        ('mig_tenant_usd("h100-sxm", "1g.10gb", 0*USD)', "positive"),
    ],
)
def test_what_a_card_cannot_be_cut_into_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        found(text)
