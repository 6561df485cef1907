"""The pictures of the README: each that the script takes is kept, small, shown, and a page's."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT: Final = Path(__file__).parents[2]


def script() -> ModuleType:
    """Return the script that takes the pictures."""
    spec = importlib.util.spec_from_file_location("taken", ROOT / "docs/refresh_screenshots.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT: Final = script()


def test_the_script_takes_exactly_the_pictures_that_are_kept() -> None:
    kept = {path.name for path in SCRIPT.FOLDER.glob("page-*.png")}
    assert kept == set(SCRIPT.PICTURES)


@pytest.mark.parametrize("name", SCRIPT.PICTURES)
def test_a_picture_is_small_of_the_size_asked_and_shown_by_the_readme(name: str) -> None:
    content = (SCRIPT.FOLDER / name).read_bytes()
    assert len(content) <= SCRIPT.MOST_BYTES
    # The width and height of a PNG are its first two numbers (W3C PNG, section 11.2.1).
    assert struct.unpack(">II", content[16:24]) == (SCRIPT.WIDTH, SCRIPT.HEIGHT)
    assert f"docs/img/{name}" in (ROOT / "README.md").read_text(encoding="utf-8")
