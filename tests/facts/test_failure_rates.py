"""Records of failure rates: what a record must hold, and users' own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from rightrig.errors import RecordError
from rightrig.facts.catalog import shipped
from rightrig.facts.failure_rate import FailureRate
from rightrig.facts.user_catalog import load_catalog
from rightrig.reliability.rates import YEAR_S, rate_of

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = {"reference": "https://example.org", "kind": "page"}
COUNTED: dict[str, Any] = {
    "slug": "mine", "name": "Mine", "kind": "interruption", "device": "gpu",
    "gpus_per_device_count": 1, "hardware": "cards", "devices_count": 100, "hours_count": 8766.0,
    "causes": [{"name": "lost", "part": "gpu", "events_count": 4}], "sources": [SOURCE],
}  # fmt: skip
MINE = """slug = "mine"
name = "Mine"
kind = "interruption"
device = "gpu"
gpus_per_device_count = 1
hardware = "cards"
devices_count = 100
hours_count = 8766.0
[[causes]]
name = "lost"
part = "gpu"
events_count = 4
[[sources]]
reference = "https://example.org"
kind = "page"
"""


def test_counts_make_a_rate() -> None:
    record = FailureRate.model_validate(COUNTED)
    assert record.exposure_s == pytest.approx(100.0 * YEAR_S)
    assert rate_of(record).events_per_year.mid == pytest.approx(0.04)
    assert record.events_of_count("memory") == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hours_count": None}, "belong together"),
        ({"published": {"low_count": 1, "high_count": 1}}, "either counts of events or"),
        ({"causes": [], "devices_count": None, "hours_count": None}, "either counts of events or"),
        ({"gpus_per_device_count": None}, "belongs to devices that are cards"),
        ({"device": "memory-gb"}, "belongs to devices that are cards"),
        ({"devices_with_any_count": 5}, "above the events or the devices"),
        ({"sources": []}, "at least 1 item"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FailureRate.model_validate(COUNTED | changes)


def test_a_user_adds_a_rate_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "failure_rates"
    folder.mkdir()
    (folder / "mine.toml").write_text(MINE, encoding="utf-8")
    catalog = load_catalog([tmp_path])
    assert catalog.failure_rate("Mine").events_count == 4
    assert "mine" in [record.slug for record in catalog.failure_rates()]
    (folder / "mine.toml").write_text(MINE.replace("8766.0", "-1.0"), encoding="utf-8")
    with pytest.raises(RecordError, match="hours_count"):
        load_catalog([tmp_path])


@pytest.mark.parametrize("record", shipped().failure_rates(), ids=lambda record: record.slug)
def test_a_shipped_rate_is_plausible(record: FailureRate) -> None:
    """A device fails at most a few times in a year; no rate is a bare percentage."""
    if record.published is not None and record.published.hours_count is None:
        assert record.kind == "defective"
        return
    yearly = rate_of(record).events_per_year
    assert 1e-7 < yearly.mid < 3.0
    assert (yearly.low < yearly.mid) == (record.is_counted or yearly.low < yearly.high)
