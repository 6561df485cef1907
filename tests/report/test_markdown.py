"""A page as GitHub-flavoured Markdown: tables keep their columns, nothing is markup by accident."""

from __future__ import annotations

import datetime
import re
from types import SimpleNamespace
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from rightrig import shipped
from rightrig.report.document import Bar, Bars, Chart, Document, Grid, Length, Paragraph
from rightrig.report.markdown import escaped, markdown
from rightrig.report.sharing import report_of

DAY: Final = datetime.date(2026, 11, 21)
BORDER: Final = re.compile(r"(?<!\\)(?:\\\\)*\|")


def page(document: Document, command: str = "rightrig fit x", **more: Any) -> str:
    found = SimpleNamespace(document=lambda: document, data=dict, records=more.get("records", ()))
    return report_of(found, "md", command, DAY)


def test_a_page_has_a_title_the_answer_a_table_and_the_command() -> None:
    document: Document = (
        Paragraph("A title", "title"),
        Paragraph("NO: too large", "bad"),
        Grid(("card", "GiB"), (("a", "1"),), (1,), title="Cards:"),
        Paragraph("small print", "dim"),
    )
    assert page(document) == (
        "# A title\n\n> **✕ NO: too large**\n\n*Cards*\n\n| card | GiB |\n|---|---:|\n| a | 1 |\n\n"
        "## Notes and assumptions\n\nsmall print\n\n## How to read and repeat it\n\n"
        "Two numbers with “…” between them are the ends of the central 80 %. Memory is in GiB.\n\n"
        "```console\nrightrig fit x\n```\n\nrightrig 0.1.0, 2026-11-21\n"
    )


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_a_table_keeps_its_columns_whatever_is_in_them(row: list[str]) -> None:
    grid = Grid(tuple("h" for _ in row), (tuple(row),), title="t")
    lines = markdown((grid,)).rstrip("\n").split("\n")
    assert len(lines) == 5
    assert all(len(BORDER.findall(line)) == len(row) + 1 for line in lines[2:])


def test_signs_of_markup_math_and_lists_are_text() -> None:
    assert escaped("a|b <i> `c` *d* $5 & [e]") == r"a\|b \<i\> \`c\` \*d\* \$5 &amp; \[e\]"
    for text, shown in (("1. first", r"1\. first"), ("# head", r"\# head"), ("- x", r"\- x")):
        assert markdown((Paragraph(text, "dim"),)) == f"{shown}\n"
    assert markdown((Paragraph("22.7 ms"),)) == "22.7 ms\n"


def test_a_file_keeps_its_lines_between_fences_that_it_cannot_close() -> None:
    file = Paragraph("- a: 1\n  b: ```x```\n\n# c | d\n")
    assert markdown((file,)) == "````\n- a: 1\n  b: ```x```\n\n# c | d\n````\n"
    assert page((file,)).startswith("# Fit x\n\n````\n- a: 1\n")


def test_bars_and_charts_are_tables_and_lists_are_lists() -> None:
    text = markdown(
        (
            Bars((Bar("card 0", (("weights", 6.0),), 10.0, 9.0),), {}, "GiB"),
            Chart((Length("decode", 0.5, "12 ms"),), "a step"),
            Paragraph("  one"),
            Paragraph("  two"),
        )
    )
    assert "| weights | 6.00 |" in text
    assert "| decode | 12 ms |" in text
    assert "- one\n- two" in text


def test_a_command_cannot_end_its_fence() -> None:
    text = page((Paragraph("t", "title"),), "rightrig fit '```'")
    assert "````console\nrightrig fit '```'\n````" in text


def test_sources_are_listed_by_record_with_links() -> None:
    text = page((Paragraph("t", "title"),), records=(shipped().gpu("rtx-4090"),))
    assert "- card rtx-4090\n  - " in text
    assert (
        "/5daddb2/bench/examples/RTX4090/Llama-3.1-8B/vllm/meta.json>), measured, 2026-08" in text
    )
