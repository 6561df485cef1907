"""``rightrig watch runbook`` as a command: the list, a page, an XID, JSON, exit codes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import pytest
import typer
from pydantic import TypeAdapter
from typer.testing import CliRunner

from rightrig.cli.command import command
from rightrig.errors import InputError
from rightrig.report.document import Grid, Paragraph
from rightrig.report.schema.watch_runbook import RunbookListJson, RunbookPageJson
from rightrig.report.watch_runbook import runbook_document
from rightrig.verbs.watch_runbook import watch_runbook
from rightrig.watching.runbooks import RUNBOOKS, SECTIONS, runbook, sought

if TYPE_CHECKING:
    from typer.testing import Result

APP: Final = typer.Typer(rich_markup_mode=None)
APP.command()(command(watch_runbook))


def asked(*words: str) -> Result:
    return CliRunner().invoke(APP, [*words], catch_exceptions=False)


def test_without_a_name_every_page_is_listed() -> None:
    done = asked()
    assert done.exit_code == 0
    for slug in RUNBOOKS:
        assert slug in done.output


def test_alerts_and_xids_of_a_page_stand_under_it_within_a_page_s_width() -> None:
    lines = asked().output.splitlines()
    assert max(len(line) for line in lines) <= 100
    lost = next(i for i, line in enumerate(lines) if line.startswith("gpu-lost"))
    assert lines[lost + 1].strip() == "GpuLost, GpusMissing, RecoveryNeeded; XID 79, 167"


def test_a_page_is_printed_as_it_is_but_for_links() -> None:
    done = asked("thermal")
    assert done.exit_code == 0
    assert done.output.startswith("# A card is too hot\n")
    assert "## Escalate" in done.output
    assert ".md)" not in done.output
    assert ".md)" in runbook("thermal")


def test_an_xid_is_told_before_its_page() -> None:
    done = asked("xid", "48")
    first, second, third = done.output.splitlines()[:3]
    assert first.startswith("XID 48 ROBUST_CHANNEL_GPU_ECC_DBE (critical): ")
    assert second.startswith("→ Drain")
    assert third.startswith("NVIDIA: WORKFLOW_XID_48")
    assert "# Memory errors" in done.output


def test_an_unlisted_xid_says_so() -> None:
    done = asked("999")
    assert "XID 999 is not in our table: treat it as a warning" in done.output
    assert "# XIDs: what each means" in done.output


def test_json_has_the_list_and_the_page() -> None:
    listed = json.loads(asked("--json").output)
    rows = TypeAdapter(RunbookListJson).validate_python(listed)["runbooks"]
    assert [row["runbook"] for row in rows] == list(RUNBOOKS)
    assert 79 in next(row["xids"] for row in rows if row["runbook"] == "gpu-lost")
    told = json.loads(asked("xid", "79", "--json").output)
    one = TypeAdapter(RunbookPageJson).validate_python(told)
    assert one["runbook"] == "gpu-lost"
    assert one["text"] == runbook("gpu-lost")
    assert one["xid"] is not None
    assert one["xid"]["nvidia_now"] == "RESTART_BM"
    assert json.loads(asked("ecc", "--json").output)["xid"] is None


def test_a_page_is_written_as_markdown_too_with_its_tables() -> None:
    done = asked("ecc", "--md", "-")
    assert done.exit_code == 0
    assert "Escalate" in done.output
    assert "| what it says | what it is |" in done.output


@pytest.mark.parametrize("slug", RUNBOOKS)
def test_a_document_has_every_table_row_and_every_step(slug: str) -> None:
    blocks = runbook_document(sought(slug))
    text = runbook(slug)
    grids = [block for block in blocks if isinstance(block, Grid)]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    # A table has a line of headers and a rule above its rows.
    assert sum(len(grid.rows) + 2 for grid in grids) == len(lines)
    assert all(len(row) == len(grid.headers) for grid in grids for row in grid.rows)
    told = [block.text for block in blocks if isinstance(block, Paragraph)]
    steps = re.findall(r"^(\d+\. \S+)", text, re.MULTILINE)
    assert [re.match(r"\d+\. ", line) is not None for line in told].count(True) == len(steps)
    assert [line for line in told if line in SECTIONS] == list(SECTIONS)


def test_a_wrong_name_is_wrong_input() -> None:
    with pytest.raises(InputError, match="did you mean nccl-hang"):
        asked("ncl-hang")


def test_commands_of_a_page_stay_lines_of_one_file_in_reports() -> None:
    blocks = runbook_document(sought("nccl-hang"))
    commands = next(b for b in blocks if isinstance(b, Paragraph) and b.is_file)
    assert commands.text.splitlines()[0] == "rightrig watch once --engine http://127.0.0.1:8000"
    assert "| grep" in commands.text
