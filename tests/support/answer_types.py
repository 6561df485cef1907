"""What a verb says that its JSON is, and whether what it printed is that."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter

from rightrig.report import schema
from rightrig.verbs.table import VERBS

if TYPE_CHECKING:
    from collections.abc import Callable

_FOUND: Final = re.compile(r"Found\[(.+)\]", re.DOTALL)
BESIDE: Final = ("user_records", "refreshed_prices_from")
"""What any answer may have beside its own names."""


@cache
def types() -> dict[str, Any]:
    """Return what the modules of the schema define, by name."""
    modules = [
        importlib.import_module(f"{schema.__name__}.{module.name}")
        for module in pkgutil.iter_modules(schema.__path__)
    ]
    return {name: value for module in modules for name, value in vars(module).items()}


def answer_type(answer: Callable[..., object]) -> Any:
    """Return the type of a function's JSON: what its ``Found`` holds."""
    found = _FOUND.search(str(inspect.signature(answer).return_annotation))
    assert found is not None
    return eval(found[1], types())  # noqa: S307 - text of our own source


def type_of(command: str) -> Any:
    """Return the type of the JSON of a command."""
    words = command.split()
    kinds = [verb.answer for verb in VERBS if tuple(words[: len(verb.words)]) == verb.words]
    assert len(kinds) == 1, command
    return answer_type(kinds[0])


def assert_is(kind: Any, printed: str) -> None:
    """Fail where a JSON text lacks a name of its type, has another, or a value of another type."""
    told = json.loads(printed)
    for name in BESIDE:
        told.pop(name, None)
    # What a type does not name is left out of what is read, and shows in the comparison.
    assert TypeAdapter(kind).validate_json(json.dumps(told), strict=True) == told
