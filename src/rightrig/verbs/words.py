"""The words of a verb: its parameters but for the catalogue, as its signature has them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from rightrig.verbs.found import Found


def words_of(verb: Callable[..., Found[Any]]) -> Iterator[inspect.Parameter]:
    """Yield the words of a verb in order: name, default, and a type ``Annotated`` with its help."""
    for parameter in list(inspect.signature(verb).parameters.values())[1:]:
        annotation = eval(parameter.annotation, verb.__globals__)  # noqa: S307 - text of our own source
        yield parameter.replace(annotation=annotation, kind=inspect.Parameter.KEYWORD_ONLY)
