"""Whether an engine takes a command, by a shipped table of the options of one version.

Tables are made from the engines' published packages by ``scripts/engine_flags.py``; each says how
it was read. They know names, values and choices, not what one option demands of another: that is
for the engine's own parser (``proving/parsers.py``).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rightrig.recipes.proving.proof import Proof

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.recipes.launch import Launch

ID: Final = "PROVE-FLAGS"
TABLES: Final = Path(__file__).parents[1] / "data" / "flags"
_SHOWN_COUNT: Final = 4
_NUMBER: Final = re.compile(r"-?(\d+|\d*\.\d+)$")
_PATTERNS: Final = {
    "int": re.compile(r"[+-]?\d+"),
    "size": re.compile(r"[+-]?\d+|\d+(\.\d+)?[kmgt]|\d+[KMGT]"),
    "float": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?"),
    "bool": re.compile(r"(?i:true|false|1|0|yes|no|on|off)"),
}


@dataclass(frozen=True, slots=True)
class Option:
    """One option that an engine takes.

    Attributes:
        names: Every spelling, also of the opposite of a switch.
        values: How many words follow: ``0``, ``1``, ``2``, ``?``, ``*`` or ``+``.
        kind: What a value must be: ``int``, ``size`` (``8192`` or ``8k``), ``float``, ``bool``,
            ``json``, or ``str`` for anything.
        choices: The only values; empty where any of ``kind`` is taken.
        also: Words that are taken beside those of ``kind``: ``auto``.
        keys: The only keys of a JSON object; empty where that is not known.
        is_required: Whether nothing starts without it.
    """

    names: tuple[str, ...]
    values: str = "1"
    kind: str = "str"
    choices: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class FlagTable:
    """What one version of an engine takes.

    Attributes:
        how: ``parser`` (its own, imported), ``ast`` (of its source) or ``source`` (by a person).
        date: When it was read.
        source: Package or repository, and files.
        least_words, most_words: Words that belong to no option, such as the model.
        has_underscores: Whether ``--a_b`` is taken for ``--a-b``.
    """

    engine: str
    version: str
    how: str
    date: str
    source: str
    least_words: int
    most_words: int
    has_underscores: bool
    options: tuple[Option, ...]

    @property
    def by_name(self) -> dict[str, Option]:
        """Options by each of their names."""
        return {name: option for option in self.options for name in option.names}


def table_of(engine: str, version: str = "") -> FlagTable | None:
    """Return the table of an engine: of this version, else the newest, which says its own.

    Args:
        engine: Slug of the runtime.
        version: Empty for the newest.
    """
    known = [table for table in _tables() if table.engine == engine]
    exact = (table for table in known if table.version == version)
    return next(exact, max(known, key=lambda table: (table.date, table.version), default=None))


@cache
def _tables() -> tuple[FlagTable, ...]:
    """Return every shipped table."""
    return tuple(read_table(path.read_text("utf-8")) for path in sorted(TABLES.glob("*.json")))


def read_table(text: str) -> FlagTable:
    """Return a table from its JSON."""
    found: dict[str, Any] = json.loads(text)
    return FlagTable(**found | {"options": tuple(_option(row) for row in found["options"])})


def _option(row: dict[str, Any]) -> Option:
    """Return an option from its line: lists become tuples."""
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    return Option(**fields)


def rejections(arguments: Sequence[str], table: FlagTable) -> tuple[str, ...]:
    """Return why the engine would not take a command, a sentence for each wrong word.

    Args:
        arguments: Words after the command's name.
        table: Of the engine.
    """
    walk = _Walk(table, tuple(arguments))
    found = [*walk.sentences()]
    needed = (option for option in table.options if option.is_required)
    found += [f"{one.names[0]} is missing" for one in needed if not {*one.names} & {*walk.seen}]
    if len(walk.words) < table.least_words:
        found.append("the model is missing")
    return tuple(found)


class _Walk:
    """One pass over the words of a command."""

    def __init__(self, table: FlagTable, arguments: tuple[str, ...]) -> None:
        self.table, self.arguments = table, arguments
        self.by_name = table.by_name
        self.words: list[str] = []
        self.seen: list[str] = []

    def sentences(self) -> Iterator[str]:
        """Yield what is wrong, in the order of the words."""
        rest, before = [*self.arguments], ""
        while rest:
            word = rest.pop(0)
            if not _is_option(word):
                yield from self._lone(word, before)
                continue
            name, equals, value = word.partition("=")
            before = name
            option = self._option(name)
            if option is None:
                yield self._unknown(name)
                _taken(rest, "*")
            elif equals:
                yield from _wrong_values(name, option, [value])
            else:
                yield from _wrong_values(name, option, _taken(rest, option.values))

    def _option(self, name: str) -> Option | None:
        """Return the option of a name, in the spelling that the engine makes of it."""
        if self.table.has_underscores and name.startswith("--"):
            name = name.replace("_", "-")
        self.seen.append(name)
        return self.by_name.get(name)

    def _lone(self, word: str, before: str) -> Iterator[str]:
        """Yield what is wrong with a word that belongs to no option."""
        self.words.append(word)
        if len(self.words) <= self.table.most_words:
            return
        known = self.by_name.get(before)
        is_after_switch = known is not None and known.values == "0"
        reason = f"{before} takes no value" if is_after_switch else "no option takes it"
        yield f"{word!r} is not expected: {reason}"

    def _unknown(self, name: str) -> str:
        """Return a sentence about a name that the engine does not know."""
        whole = sorted(known for known in self.by_name if known.startswith(name))
        if whole and name.startswith("--"):
            return f"{name} is a part of a name only; write {' or '.join(whole[:_SHOWN_COUNT])}"
        near = get_close_matches(name, [*self.by_name], n=1)
        known = f"{self.table.engine} {self.table.version}"
        return f"{known} has no option {name}" + (f"; the nearest is {near[0]}" if near else "")


def _is_option(word: str) -> bool:
    """Whether a word is an option's name; a negative number is a value."""
    return word.startswith("-") and len(word) > 1 and not _NUMBER.match(word)


def _taken(rest: list[str], values: str) -> list[str]:
    """Take from the front of the rest as many words as an option has values there."""
    most = {"?": 1, "*": len(rest), "+": len(rest)}.get(values) or int(values.strip("?*+") or 0)
    found: list[str] = []
    while rest and len(found) < most and not _is_option(rest[0]):
        found.append(rest.pop(0))
    return found


def _wrong_values(name: str, option: Option, given: list[str]) -> Iterator[str]:
    """Yield what is wrong with the values of an option."""
    if option.values == "0" and given:
        yield f"{name} takes no value, not {given[0]!r}"
        return
    least = {"?": 0, "*": 0, "+": 1}.get(option.values)
    if len(given) < (int(option.values) if least is None else least):
        yield f"{name} lacks its value"
    for value in given:
        reason = _reason(option, value)
        if reason:
            yield f"{name} does not take {value!r}: {reason}"


def _reason(option: Option, value: str) -> str:
    """Return why a value is not taken; empty where it is."""
    if value in option.also:
        return ""
    if option.choices:
        is_known = value in option.choices
        return "" if is_known else f"only {', '.join(option.choices)}"
    if option.kind == "json":
        return _json_reason(option, value)
    pattern = _PATTERNS.get(option.kind)
    is_fit = pattern is None or pattern.fullmatch(value)
    return "" if is_fit else f"it must be {'an' if option.kind == 'int' else 'a'} {option.kind}"


def _json_reason(option: Option, value: str) -> str:
    """Return why a JSON value is not taken; empty where it is."""
    try:
        found = json.loads(value)
    except ValueError:
        return "it must be JSON"
    if not option.keys or not isinstance(found, dict):
        return ""
    wrong = [key for key in found if key not in option.keys]
    near = [match for key in wrong for match in get_close_matches(key, option.keys, n=1)]
    hint = f"; the nearest is {near[0]}" if near else ""
    return f"it has no key {wrong[0]}{hint}" if wrong else ""


def commands_of(launch: Launch) -> tuple[tuple[str, ...], ...]:
    """Return the words after ``entry`` on each machine that differs: the first, and a worker."""
    if not launch.node_flags:
        return (launch.arguments,)
    whole = (
        launch.node_words(str(rank), "10.0.0.1", is_worker=rank > 0)[len(launch.entry) :]
        for rank in range(2)
    )
    return tuple(whole)


def flags_proof(launch: Launch) -> Proof:
    """Return whether the shipped table of the engine knows every option and value of a command."""
    table = table_of(launch.engine, launch.version)
    subject = f"{launch.engine} {launch.version}"
    if table is None:
        said = "No table of this engine's options is shipped."
        return Proof(ID, "unverifiable", subject, said, "Prove it where the engine is installed.")
    wrong = dict.fromkeys(text for one in commands_of(launch) for text in rejections(one, table))
    by = f"the table of {table.engine} {table.version}, read {table.date} by {_HOW[table.how]}"
    if wrong:
        said = f"By {by}: {'; '.join([*wrong][:_SHOWN_COUNT])}."
        return Proof(ID, "fail", subject, said, "Write these options as this version takes them.")
    count = len(launch.flags) + len(launch.node_flags) + len(launch.worker_flags)
    if table.version != launch.version:
        said = f"All {count} options are in {by}; {launch.version} itself was not read."
        remedy = f"Prove it where {subject} is installed."
        return Proof(ID, "unverifiable", subject, said, remedy)
    return Proof(ID, "pass", subject, f"All {count} options and their values are in {by}.")


_HOW: Final = {
    "parser": "its own parser",
    "ast": "the syntax tree of its source",
    "source": "its source",
}
