"""``--html`` and ``--md``: an answer as a file to hand on, beside what the terminal shows."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from program import Program

FIT = "fit llama-3.1-8b --on 1xrtx-4090"
COMMANDS = (
    FIT,
    "plan llama-3.1-8b --rate 5/s --input 1000 --output 300 --ttft-p99 1s --tpot-p99 50ms",
    "compare 4xrtx-4090 1xh100-sxm",
    "simulate llama-3.1-8b --on 1xh100-sxm --rate 4/s --requests 300 --ttft-p99 1s",
)


class Page(HTMLParser):
    """What a page holds that could ask the network for something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.asks: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.asks += [
            value or ""
            for name, value in attrs
            if name in {"src", "srcset", "href"}
            and tag != "a"
            and not (value or "").startswith("data:")
        ]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_stands_alone_and_repeats_its_command(
    program: Program, tmp_path: Path, command: str
) -> None:
    html, md = tmp_path / "page.html", tmp_path / "page.md"
    said = program.lines(command, "--html", str(html), f"--md={md}")
    assert said.splitlines()[-1] == f"Written: {html}, {md}"
    text = html.read_text(encoding="utf-8")
    page = Page(text)
    assert page.asks == []
    assert "script" not in page.tags
    assert {"main", "h1", "table"} <= set(page.tags)
    assert f"rightrig {command}" in text
    assert f"rightrig {command}" in md.read_text(encoding="utf-8")


def test_a_plan_and_a_simulation_have_their_charts(program: Program, tmp_path: Path) -> None:
    for command in (COMMANDS[1], COMMANDS[3]):
        file = tmp_path / "page.html"
        program.lines(command, "--html", str(file))
        assert "img" in Page(file.read_text(encoding="utf-8")).tags


def test_a_dash_prints_the_page_alone(program: Program) -> None:
    assert program.lines(FIT, "--md", "-").startswith("# meta-llama/Llama-3.1-8B on 1xrtx-4090")
    assert program.lines(FIT, "--html", "-").startswith("<!doctype html>")


def test_json_stays_json_beside_a_file(program: Program, tmp_path: Path) -> None:
    assert program.json(FIT, "--html", str(tmp_path / "x.html"))["verdict"] == "fits"


def test_a_file_that_cannot_be_written_is_one_sentence(program: Program, tmp_path: Path) -> None:
    wrong = tmp_path / "none" / "x.html"
    assert "cannot be written: No such file" in program.sentence(FIT, "--html", str(wrong))
