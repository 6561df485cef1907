"""A command as it may be typed again, from what its words were given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from typer.models import ArgumentInfo

from rightrig.verbs.words import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SWITCHED_OFF: Final = {
    "chat": "--completions", "ignore_eos": "--no-ignore-eos", "keep": "--no-keep",
}  # fmt: skip
"""Switches that are on unless these are said."""


def typed(verb: Callable[..., Any], words: Mapping[str, object]) -> tuple[str, ...]:
    """Return a command as it may be typed again: what was said, and no default.

    Args:
        verb: Named as its command.
        words: What each of its parameters was given.
    """
    found = ["rightrig", verb.__name__]
    for parameter in words_of(verb):
        value = words[parameter.name]
        if value is None or value == parameter.default:
            continue
        option = f"--{parameter.name.replace('_', '-')}"
        if any(isinstance(said, ArgumentInfo) for said in parameter.annotation.__metadata__):
            found.append(str(value))
        elif isinstance(value, bool):
            found.append(option if value else _SWITCHED_OFF[parameter.name])
        else:
            values = value if isinstance(value, list) else [value]
            found += [word for one in values for word in (option, str(one))]
    return tuple(found)
