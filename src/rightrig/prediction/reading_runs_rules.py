"""Rules that say what the words of published tables mean; the rules are data."""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rightrig.prediction.engine_memory import DATA

if TYPE_CHECKING:
    from collections.abc import Callable

RUN_WORDS: Final = "run_words.toml"
"""Rules for tables of inference."""


@dataclass(frozen=True)
class Rule:
    """One entry of a file of rules.

    Attributes:
        when: Column and the pattern that must be found in its text.
        says: Everything else of the entry.
    """

    when: tuple[tuple[str, re.Pattern[str]], ...]
    says: dict[str, Any]

    def holds(self, text_of: Callable[[str], str]) -> bool:
        """Whether every pattern is found in its column."""
        return all(pattern.search(text_of(column)) for column, pattern in self.when)


@functools.cache
def rules(section: str, book: str = RUN_WORDS) -> tuple[Rule, ...]:
    """Return the rules of one section of a file, in their order."""
    return tuple(_rule(entry) for entry in _words(book)[section])


def first_rule(
    section: str, text_of: Callable[[str], str], book: str = RUN_WORDS
) -> dict[str, Any]:
    """Return what the first rule says that holds; empty when none does."""
    return next((rule.says for rule in rules(section, book) if rule.holds(text_of)), {})


@functools.cache
def _words(book: str) -> dict[str, Any]:
    """Return a file of rules."""
    return tomllib.loads((DATA / book).read_text(encoding="utf-8"))


def _rule(entry: dict[str, Any]) -> Rule:
    """Return one entry with its patterns compiled."""
    patterns = {key: re.compile(text, re.IGNORECASE) for key, text in entry["when"].items()}
    return Rule(
        tuple(patterns.items()), {key: value for key, value in entry.items() if key != "when"}
    )
