"""What a verb says that its JSON is, and whether what it printed is that."""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import TypeAdapter

from rightrig.report.schema.shared import WholeJson
from rightrig.verbs.answer_types import answer_type, types
from rightrig.verbs.table import HERE, VERBS

__all__ = ["answer_type", "assert_is", "type_of", "types"]
BESIDE: Final = tuple(WholeJson.__annotations__)
"""What any answer may have beside its own names."""


def type_of(command: str) -> Any:
    """Return the type of the JSON of a command."""
    words = command.split()
    kinds = [
        verb.answer for verb in (*VERBS, *HERE) if tuple(words[: len(verb.words)]) == verb.words
    ]
    assert len(kinds) == 1, command
    return answer_type(kinds[0])


def assert_is(kind: Any, printed: str) -> None:
    """Fail where a JSON text lacks a name of its type, has another, or a value of another type."""
    told = json.loads(printed)
    for name in BESIDE:
        told.pop(name, None)
    # What a type does not name is left out of what is read, and shows in the comparison.
    assert TypeAdapter(kind).validate_json(json.dumps(told), strict=True) == told
