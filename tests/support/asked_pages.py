"""Pages of questions, and the commands of them that tests ask."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest
from scripts import ROOT, load_script

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES: Final = load_script("docs/refresh_readme.py")


class AskedPage:
    """A page, and what was asked of it.

    Args:
        name: Below ``docs``.
    """

    def __init__(self, name: str) -> None:
        """Read the page."""
        self.text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        self.asked: list[str] = []

    def asks(self, command: str) -> pytest.MarkDecorator:
        """Give a test its command of the page."""
        self.asked.append(f"rightrig {command}")
        return pytest.mark.parametrize("command", [command])

    @property
    def commands(self) -> list[str]:
        """What shells run, without what picks lines of it."""
        return list(_commands(self.text))

    def sections(self) -> dict[str, list[str]]:
        """Return the commands of each question that the page numbers: ``F174`` → commands."""
        parts = re.split(r"^<!-- (F\d+) -->$", self.text, flags=re.MULTILINE)
        return {name: list(_commands(text)) for name, text in zip(parts[1::2], parts[2::2])}  # noqa: B905


def _commands(text: str) -> Iterator[str]:
    """Yield the commands of a page's examples."""
    for block in EXAMPLES.blocks(text):
        for example in block:
            yield " ".join(example.command.replace("\\\n", " ").split()).partition(" | ")[0]
