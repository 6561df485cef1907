"""Files of others that the web pages need: as they were published, each with its licence."""

from __future__ import annotations

import hashlib
import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import pytest

STATIC: Final = Path(str(files("rightrig"))) / "web" / "static"
VENDOR: Final = STATIC / "vendor"
PACKAGES: Final[list[dict[str, Any]]] = tomllib.loads(
    (VENDOR / "versions.toml").read_text(encoding="utf-8")
)["package"]
LICENCE_WORDS: Final = {"0BSD": "Permission to use, copy, modify", "BSD-3-Clause": "Redistribution"}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p["name"])
def test_a_vendored_file_is_the_one_that_was_published(package: dict[str, Any]) -> None:
    held = (VENDOR / package["file"]).read_bytes()
    assert hashlib.sha256(held).hexdigest() == package["sha256"]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p["name"])
def test_a_vendored_file_comes_with_the_text_of_its_licence(package: dict[str, Any]) -> None:
    text = (VENDOR / package["licence_files"][0]).read_text(encoding="utf-8")
    assert LICENCE_WORDS[package["licence"]] in text
    assert "Copyright" in text or package["licence"] == "0BSD"


def test_no_vendored_file_is_unlisted() -> None:
    listed = {p["file"] for p in PACKAGES} | {f for p in PACKAGES for f in p["licence_files"]}
    found = {str(f.relative_to(VENDOR)) for f in VENDOR.rglob("*") if f.is_file()}
    assert found == listed | {"versions.toml"}


def test_the_script_of_charts_evaluates_no_text_and_writes_no_style() -> None:
    script = (STATIC / "charts.js").read_text(encoding="utf-8")
    assert "ast: true" in script
    assert "defaultStyle: false" in script
    assert "disableDefaultStyle: true" in script
    assert not re.search(r"\beval\(|new Function|innerHTML|https?:", script)
