"""The type of a verb's JSON: what its ``Found`` holds, looked up in the schema of answers."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from rightrig.report import schema

if TYPE_CHECKING:
    from collections.abc import Callable

_FOUND: Final = re.compile(r"Found\[(.+)\]", re.DOTALL)


@cache
def types() -> dict[str, Any]:
    """Return what the modules of the schema define, by name."""
    modules = [
        importlib.import_module(f"{schema.__name__}.{module.name}")
        for module in pkgutil.iter_modules(schema.__path__)
    ]
    return {name: value for module in modules for name, value in vars(module).items()}


@cache
def answer_type(answer: Callable[..., object]) -> Any:  # noqa: ANN401 - a type that is looked up
    """Return the type of the JSON of a function that returns a ``Found``.

    Verbs name it in their annotation alone, since a command line need not load the schema.
    """
    found = _FOUND.search(str(inspect.signature(answer).return_annotation))
    if found is None:
        raise TypeError(f"{answer!r} does not say what its Found holds")
    return eval(found[1], types())  # noqa: S307 - text of our own source
