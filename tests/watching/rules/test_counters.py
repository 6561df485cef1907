"""The list of counters for DCGM's exporter has what the rules read, and nothing else."""

from __future__ import annotations

import csv
import re

import pytest

from rightrig.watching.rules.counters import Names, counters, counters_text
from rightrig.watching.rules.dcgm import FIELDS, NAMES, XID_COUNTS
from rightrig.watching.rules.recorded import RECORDED

_READ = {
    name for _, some in RECORDED for one in some for name in re.findall(r"\bDCGM_\w+", one.expr)
}


def test_the_rules_read_every_field_of_the_table_and_no_other() -> None:
    assert _READ == NAMES


@pytest.mark.parametrize("names", ["old", "new"])
def test_every_field_is_listed_once(names: Names) -> None:
    listed = [name for name, _, _ in counters(names)]
    assert len(listed) == len(set(listed)) == len(FIELDS) + 1
    assert set(listed) <= _READ
    assert XID_COUNTS in listed


def test_the_exporter_of_today_is_given_the_names_that_it_knows() -> None:
    listed = {name: kind for name, kind, _ in counters("old")}
    assert listed["DCGM_FI_DEV_GPU_TEMP"] == "gauge"
    assert listed["DCGM_FI_DEV_PCIE_REPLAY_COUNTER"] == "counter"
    assert "DCGM_FI_DEV_GPU_TEMP_CELSIUS" not in listed


def test_names_since_4_6_are_given_where_asked() -> None:
    listed = {name for name, _, _ in counters("new")}
    assert {"DCGM_FI_DEV_GPU_TEMP_CELSIUS", "DCGM_FI_DEV_PCIE_REPLAY_TOTAL"} <= listed
    assert "DCGM_FI_DEV_GPU_TEMP" not in listed


@pytest.mark.parametrize("names", ["old", "new"])
def test_the_file_has_three_columns_as_the_exporter_demands(names: Names) -> None:
    """A line starts with the field, without a space; a comment starts with #."""
    text = counters_text(names, ("first", "second, with a comma"))
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    rows = list(csv.reader(lines))
    assert {len(row) for row in rows} == {3}
    assert {kind for _, kind, _ in rows} == {"gauge", "counter"}
    assert [tuple(row) for row in rows] == list(counters(names))
