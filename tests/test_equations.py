"""The page of equations: its functions exist, and say formula, source and where they hold."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any, Final

import pytest
from scripts import load_script

PAGE: Final = Path(__file__).parents[1] / "docs" / "methodology" / "equations.md"
TEXT: Final = PAGE.read_text(encoding="utf-8")
NAMED: Final = tuple(re.findall(r"^::: (rightrig\.\S+)$", TEXT, re.MULTILINE))
# A relation or an operation between terms, in code or in plain letters.
FORMULA: Final = re.compile(r"[=·/√Σ≤≥×⌈]|max\(|min\(|P\(")
ADDRESS: Final = re.compile(r"(?:https?://|doi:)\S+")
SOURCE: Final = re.compile(
    r"arXiv:\d{4}\.\d{4,5}|doi:10\.\d{4,}/\S|https://\S|Source[^:]*: (?:definition|derived here"
    r"|fitted|the textbook|as ``)|Source: [^.]*\b(?:vLLM|NVIDIA|NFPA|ASHRAE|Kelton|19\d\d|20\d\d)"
)
# Where the formula holds; a bound or a fit says so as well.
VALIDITY: Final = re.compile(r"validity:|upper bound|uniform routing", re.IGNORECASE)
SHORTEST_LIST: Final = 80


def function_of(path: str) -> Any:
    """Return what a dotted path names."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("path", NAMED)
def test_a_function_of_the_page_says_its_formula_its_source_and_where_it_holds(path: str) -> None:
    function = function_of(path)
    assert inspect.isfunction(inspect.unwrap(function))
    text = inspect.getdoc(function) or ""
    told, _, _ = text.partition(">>>")
    assert FORMULA.search(ADDRESS.sub("", told)), "no formula"
    assert SOURCE.search(told), "no source"
    assert VALIDITY.search(told), "no limits of validity"


def test_no_equation_names_a_number_that_only_we_know() -> None:
    # Numbers of our own list of formulas say nothing to a reader.
    told = {path: inspect.getdoc(function_of(path)) or "" for path in NAMED}
    assert [path for path, text in told.items() if re.search(r"\bF\d+(?:\.\d+)?\b", text)] == []


def test_the_page_has_every_equation_once_and_a_sentence_before_each_group() -> None:
    assert len(NAMED) == len(set(NAMED)) >= SHORTEST_LIST
    groups = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
    for group in groups:
        _, sentence, first, *_ = group.split("\n\n")
        assert sentence.endswith("."), group
        assert first.startswith("::: "), group


def test_a_page_shows_examples_as_code_and_sources_as_links() -> None:
    text = "Return x (:func:`y`), doi:10.1145/1498765.1498785.\n\nSee arXiv:2211.05102.\n\n>>> 1\n1"
    assert load_script("docs/docstrings.py").shown(text) == (
        "Return x (`y`), [doi:10.1145/1498765.1498785](https://doi.org/10.1145/1498765.1498785)."
        "\n\nSee [arXiv:2211.05102](https://arxiv.org/abs/2211.05102)."
        "\n\nExamples:\n    >>> 1\n    1"
    )
