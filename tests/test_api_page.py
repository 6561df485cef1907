"""The page of the Python API: it has every public name, and its examples print what they say."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path
from typing import Final

import pytest

import rightrig

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "reference" / "api.md"
TEXT: Final = PAGE.read_text(encoding="utf-8")
ON_THE_PAGE: Final = frozenset(re.findall(r"^::: (rightrig\.\S+)$", TEXT, re.MULTILINE))
EXAMPLE: Final = re.compile(r"^```pycon\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON: Final = re.compile(r"^```(?:python|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IMPORT: Final = re.compile(r"^(?:>>> )?from (rightrig[\w.]*) import ([\w, ]+)$", re.MULTILINE)
LEAST_EXAMPLES: Final = 3


@pytest.mark.parametrize("name", rightrig.__all__)
def test_every_public_name_is_on_the_page(name: str) -> None:
    assert f"{getattr(rightrig, name).__module__}.{name}" in ON_THE_PAGE


def test_what_the_how_tos_import_is_on_the_page() -> None:
    missing = set()
    for path in sorted((ROOT / "docs" / "how-to").glob("*.md")):
        for block in PYTHON.findall(path.read_text(encoding="utf-8")):
            for module, names in IMPORT.findall(block):
                if module.startswith("rightrig.verbs"):
                    continue  # the page has them as one: ask
                for name in names.split(", "):
                    found = getattr(importlib.import_module(module), name)
                    missing |= {f"{found.__module__}.{name}"} - ON_THE_PAGE
    assert missing == set()


def test_the_examples_print_what_stands_below_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("RIGHTRIG_URL", raising=False)
    blocks = EXAMPLE.findall(TEXT)
    assert len(blocks) >= LEAST_EXAMPLES
    session = "\n".join(blocks)
    test = doctest.DocTestParser().get_doctest(session, {}, PAGE.name, str(PAGE), 0)
    told: list[str] = []
    result = doctest.DocTestRunner().run(test, out=told.append)
    assert result.failed == 0, "".join(told)
    assert result.attempted > len(blocks)
