"""The errors of rightrig.

Errors are for wrong input only; "does not fit" and "no plan" are results.

    RightrigError
    ├── InputError            what the user gave is wrong; exit code 2
    │   ├── UnknownNameError  no record of that name; carries suggestions
    │   └── UnsupportedModelError  an architecture that is not understood
    ├── RecordError           a record of the catalogue breaks its schema; exit code 2
    └── MissingError          this machine lacks an extra, engine, GPU or network; exit code 3

Each message is one sentence that names the value, the limit and the remedy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class RightrigError(Exception):
    """The root of every error that rightrig raises on purpose.

    Messages repeat what a user or a file said: what a terminal would act on is escaped.
    """

    exit_code = 2

    def __init__(self, message: str = "") -> None:
        """Keep the sentence on one line."""
        super().__init__("".join(c if c.isprintable() else ascii(c)[1:-1] for c in message))


class InputError(RightrigError):
    """A value from outside is wrong: names it, its limit and the remedy."""


class UnknownNameError(InputError):
    """No record answers to a name.

    Args:
        kind: What was looked for, such as ``"GPU"``.
        name: The name that was asked for.
        suggestions: The nearest names that do exist.
    """

    def __init__(self, kind: str, name: str, suggestions: Iterable[str] = ()) -> None:
        """Write the sentence."""
        self.kind = kind
        self.name = name
        self.suggestions = tuple(suggestions)
        near = f"; did you mean {' or '.join(self.suggestions)}?" if self.suggestions else ""
        where = {"GPU": "gpus", "model": "models", "runtime": "runtimes", "rig": "rigs"}.get(kind)
        remedy = f" ('rightrig {where} list' shows all)" if where else ""
        shown = name if len(name) <= 80 else f"{name[:77]}..."  # noqa: PLR2004 - a terminal's width
        super().__init__(f"no {kind} is called {shown!r}{near}{remedy}")


class UnsupportedModelError(InputError):
    """A model configuration holds something that rightrig does not understand yet."""


class RecordError(RightrigError):
    """A record of the catalogue breaks its schema."""


class MissingError(RightrigError):
    """This machine lacks something; the message names the command that adds it."""

    exit_code = 3
