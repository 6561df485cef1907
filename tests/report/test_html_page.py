"""A page that stands alone: it asks for nothing, escapes everything, and reads in any light."""

from __future__ import annotations

import datetime
import re
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig import __version__, fit, parse_rig, propose, shipped
from rightrig.errors import MissingError
from rightrig.facts.price import Price
from rightrig.report import html
from rightrig.report.charting import chart_head
from rightrig.report.document import Bar, Bars, Chart, Document, Grid, Length, Paragraph
from rightrig.report.fit import fit_document, fit_json
from rightrig.report.html import STYLE_SHEET, fragment
from rightrig.report.sharing import report_of
from rightrig.report.sources import SourceLine, sources_of
from rightrig.report.views import bars_view, views_of

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY: Final = datetime.date(2026, 11, 21)
COMMAND: Final = "rightrig fit llama-3.3-70b --on 4xrtx-4090"
VOID: Final = {"meta", "img", "br", "rect", "line", "link"}
TEXTS: Final = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1)
WHOLE: Final[Document] = (
    Paragraph("A title", "title"),
    Paragraph("What was asked."),
    Paragraph("FITS: it does", "good"),
    Grid(("model", "verdict", "GiB"), (("a", "fits", "1"), ("b", "no", "2")), (2,)),
    Bars((Bar("card 0", (("weights", 6.0), ("kv", 2.0)), 10.0, 9.0, "8 of 9"),), {}, "GiB"),
    Chart((Length("first", 1.0, "20"), Length("second", 0.5, "10")), "a chart"),
    Paragraph("small print", "dim"),
)


def found(document: Document, *, data: dict[str, Any] | None = None, records: Any = ()) -> Any:
    """Return what a verb would: the report asks for no more."""
    return SimpleNamespace(document=lambda: document, data=lambda: data or {}, records=records)


def page(document: Document, **more: Any) -> str:
    charts = more.pop("charts", ())
    return report_of(found(document, **more), "html", COMMAND, DAY, charts)


@dataclass
class Read(HTMLParser):
    """What a browser would see: elements with attributes, and the text in order."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)

    def of(self, *tags: str) -> Iterator[dict[str, str | None]]:
        return (attributes for tag, attributes in self.elements if tag in tags)


def read(text: str) -> Read:
    seen = Read()
    seen.feed(text)
    seen.close()
    assert not seen.open
    return seen


@pytest.fixture(scope="module")
def fitted() -> str:
    catalog = shipped()
    rig = parse_rig("4xrtx-4090+1xa100-sxm-80gb", catalog)
    deployment = propose(catalog, catalog.llm("llama-3.3-70b"), rig)
    result = fit(deployment, context_tokens=8192, concurrency=4)
    records = (deployment.llm, rig.gpu, deployment.runtime)
    return page(fit_document(result, ()), data=fit_json(result, ()), records=records)


def test_a_page_asks_the_network_for_nothing_and_runs_nothing(fitted: str) -> None:
    seen = read(fitted)
    assert not list(seen.of("script", "link", "iframe", "object", "embed", "base", "form"))
    assert all((img["src"] or "").startswith("data:") for img in seen.of("img"))
    assert "url(" not in STYLE_SHEET.read_text(encoding="utf-8")
    assert "@import" not in STYLE_SHEET.read_text(encoding="utf-8")


def test_no_element_has_an_inline_style_or_a_handler(fitted: str) -> None:
    names = {name for _, attributes in read(fitted).elements for name in attributes}
    assert not {name for name in names if name == "style" or name.startswith("on")}


def test_the_answer_stands_above_the_first_table_and_below_what_was_asked() -> None:
    text = page(WHOLE)
    places = [text.index(words) for words in ("What was asked.", "FITS: it does", "<table")]
    assert places == sorted(places)


def test_without_a_verdict_the_explanation_answers_and_is_said_once() -> None:
    sentence = "One card carries it."
    document = (Paragraph("T", "title"), Grid(("a",), (("b",),)), Paragraph(sentence))
    text = page(document, data={"explanation": {"sentences": [sentence, "More."]}})
    assert text.count(sentence) == 1
    assert text.index(sentence) < text.index("<table")


def test_a_page_names_the_day_the_version_the_command_and_the_sources(fitted: str) -> None:
    texts = "".join(read(fitted).texts)
    for words in ("2026-11-21", f"rightrig {__version__}", COMMAND, "card rtx-4090", "measured"):
        assert words in texts
    assert "https://github.com/casys-kaist/LLMServingSim/blob/5daddb2/" in fitted


def test_every_table_has_a_caption_and_every_head_says_what_it_heads(fitted: str) -> None:
    seen = read(fitted + str(fragment(WHOLE)))
    assert len(list(seen.of("caption"))) == len(list(seen.of("table"))) >= 5
    assert all(th["scope"] in {"col", "row", "rowgroup"} for th in seen.of("th"))
    assert all(svg.get("aria-label") for svg in seen.of("svg") if svg.get("role") == "img")


@given(TEXTS, st.sampled_from(["plain", "title", "dim", "good", "warn", "bad"]))
def test_no_text_becomes_an_element(text: str, style: Any) -> None:
    hostile = f"<script>{text}</script>\"'&"
    document = (
        Paragraph(hostile, style),
        Grid((hostile,), ((hostile,),), title=hostile),
        Bars((Bar(hostile, ((hostile, 1.0),), 2.0, 1.0, hostile),)),
        Chart((Length(hostile, 0.5, hostile),), hostile),
    )
    seen = read(str(fragment(document)))
    assert not list(seen.of("script"))
    assert sum(hostile in words for words in seen.texts) >= 8


def test_a_command_and_a_source_are_escaped_too() -> None:
    price = Price(
        provider="<b>x", region="z", instance="y", gpu="t4", gpu_count=1, max_gpu_count=1,
        date="2026", source="javascript:alert(1)", trust="low", note="<i>",
    )  # fmt: skip
    text = report_of(found(WHOLE, records=(price,)), "html", "rightrig </code><script>", DAY)
    assert not list(read(text).of("script", "b", "i", "a"))


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("https://example.org/a", "https://example.org/a"),
        ("github:a/b@12ab:c/d.md", "https://github.com/a/b/blob/12ab/c/d.md"),
        ("github:a/b:c/d.md", "https://github.com/a/b/blob/HEAD/c/d.md"),
        ("github:a/b: c/d.md", "https://github.com/a/b/blob/HEAD/c/d.md"),
        ("github:a/b@v1.2-rc: c.md", "https://github.com/a/b/blob/v1.2-rc/c.md"),
        ("github:a/b@12ab", "https://github.com/a/b/tree/12ab/"),
        ("github:a/b", "https://github.com/a/b/tree/HEAD/"),
        ("github:a/b: pull request 12", ""),
        ("pypi:vllm==0.33.0", ""),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("general knowledge", ""),
        ("/home/me/cards.toml", ""),
    ],
)
def test_a_source_has_an_address_only_where_a_browser_may_go(reference: str, url: str) -> None:
    assert SourceLine("page", reference, "", "").url == url


def test_equal_records_have_their_sources_once() -> None:
    card = shipped().gpu("h100-sxm")
    once = sources_of([card])
    assert sources_of([card, card]) == once
    assert once[0][0] == "card h100-sxm"


def test_a_verdict_is_a_word_with_a_sign_and_a_colour() -> None:
    text = str(fragment(WHOLE))
    for verdict, sign in (("fits", "✓"), ("no", "✕")):
        shown = f'class="verdict-{verdict}"><span class="sign" aria-hidden="true">{sign}</span> '
        assert f"{shown}{verdict}" in text


def test_no_in_a_column_of_answers_is_no_verdict() -> None:
    for column in (("yes", "no"), ("no", "no")):
        assert "verdict-" not in str(fragment((Grid(("has",), tuple((x,) for x in column)),)))


def test_a_file_keeps_its_lines_and_is_no_list() -> None:
    drawn = str(fragment((Paragraph("- a: <1>\n  b: 2\n"),)))
    assert "<pre><code>- a: &lt;1&gt;\n  b: 2\n</code></pre>" in drawn
    assert "<li>" not in drawn


def test_lines_of_a_list_are_one_list() -> None:
    document = (Paragraph("  a"), Paragraph("- b"), Paragraph("c"), Paragraph("  d"))
    assert str(fragment(document)).count("<ul>") == 2


SIZES: Final = st.lists(st.floats(0.0, 50.0), min_size=1, max_size=8)


@given(SIZES, st.floats(1.0, 60.0))
def test_parts_of_a_bar_follow_each_other_and_end_within_it(
    sizes: list[float], whole: float
) -> None:
    parts = tuple((f"part {i}", size) for i, size in enumerate(sizes))
    bar = bars_view(Bars((Bar("card", parts, whole, whole),))).bars[0]
    reached = 0.0
    for part in bar.parts:
        start, width = (float(x[:-1]) for x in (part.start_percent, part.width_percent))
        assert start == pytest.approx(reached, abs=0.1)
        reached = start + width
    assert reached == pytest.approx(min(100.0, 100.0 * sum(sizes) / whole), abs=0.2)
    assert bar.is_over == (sum(sizes) / whole > 1.00001)


def test_the_numbers_of_bars_stand_in_a_table() -> None:
    seen = next(view for view in views_of(WHOLE) if view.kind == "bars")
    rows = {row[0].text: row[1].text for row in seen.numbers.rows}
    assert rows == {
        "weights": "6.00", "kv": "2.00", "sum": "8.00", "budget": "9.00", "whole": "10.00",
    }  # fmt: skip
    assert "GiB" in seen.numbers.caption


def test_a_chart_is_a_picture_with_words(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("vl_convert")
    chart = {
        **chart_head("What it shows", ["and of what"]),
        "data": {"values": [{"a": 1.0}]},
        "mark": "point",
        "encoding": {"x": {"field": "a", "type": "quantitative"}},
    }
    [img] = read(page(WHOLE, charts=[chart])).of("img")
    assert (img["src"] or "").startswith("data:image/svg+xml;base64,")
    assert (img["alt"] or "").startswith("What it shows. and of what")
    monkeypatch.setattr("rightrig.report.vega.find_spec", {}.get)
    assert not list(read(page(WHOLE, charts=[chart])).of("img"))


def test_without_jinja2_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    html.environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingError, match=r"pip install 'rightrig\[web\]'"):
        fragment(WHOLE)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, two: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(two)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_have_the_contrast_of_wcag_aa(theme: int) -> None:
    rules = STYLE_SHEET.read_text(encoding="utf-8").split("prefers-color-scheme: dark")
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", rules[theme]))
    assert len(colours) == 20
    for name in ("ink", "muted", "link", "fits", "tight", "offload", "no"):
        assert contrast(colours[name], colours["paper"]) >= 4.5, name
        assert contrast(colours[name], colours["raised"]) >= 4.5, name
    for place in range(8):
        part = colours[f"part-{place}"]
        assert contrast(part, colours["paper"]) >= 3.0, place
        assert contrast(part, colours["raised"]) >= 3.0, place
        assert contrast(part, colours["on-part"]) >= 4.5, place
    assert contrast(colours["outline"], colours["paper"]) >= 3.0


def test_every_rule_of_the_style_sheet_is_of_a_report() -> None:
    text = re.sub(r"/\*.*?\*/", "", STYLE_SHEET.read_text(encoding="utf-8"), flags=re.DOTALL)
    heads = [head.strip() for head in re.findall(r"([^{}]+)\{", text)]
    rules = [
        rule.strip()
        for head in heads
        if not head.startswith("@")
        for rule in re.sub(r":where\([^)]*\)", "", head).split(",")
    ]
    assert len(rules) > 40
    assert all(rule.startswith(".report") for rule in rules)
