#!/usr/bin/env python3
"""How docstrings become pages: examples as code, sources as links.

mkdocstrings reads this file (``mkdocs.yml``). Google's style knows examples under a heading only,
and ours, which doctest runs, stand without one; an address of a paper is text there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import griffe

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROLE: Final = re.compile(r":(?:func|class|data|meth|mod):`([^`]+)`")
_ARXIV: Final = re.compile(r"\barXiv:(\d{4}\.\d{4,5})")
_DOI: Final = re.compile(r"\bdoi:(10\.\d{4,}/[^\s,;]*[^\s,;.)])")


def shown(text: str) -> str:
    """Return a docstring with a heading over its examples, and links where papers are named."""
    parts = [_linked(part) for part in text.split("\n\n")]
    return "\n\n".join(parts)


def _linked(part: str) -> str:
    """Return a paragraph with its links; one of examples indented below their heading."""
    if part.startswith(">>> "):
        lines = (f"    {line}" for line in part.splitlines())
        return "\n".join(["Examples:", *lines])
    part = _ROLE.sub(r"`\1`", part)
    part = _ARXIV.sub(r"[arXiv:\1](https://arxiv.org/abs/\1)", part)
    return _DOI.sub(r"[doi:\1](https://doi.org/\1)", part)


def _documented(package: griffe.Module) -> Iterator[griffe.Docstring]:
    """Yield every docstring of a package, its rooms' and their functions' too."""
    waiting: list[griffe.Object] = [package]
    while waiting:
        one = waiting.pop()
        if one.docstring is not None:
            yield one.docstring
        waiting += [inner for inner in one.members.values() if isinstance(inner, griffe.Object)]


class Docstrings(griffe.Extension):
    """Rewrites docstrings before they are rendered."""

    def on_package(self, *, pkg: griffe.Module, **_: object) -> None:
        """Rewrite those of a package that was loaded whole."""
        for docstring in _documented(pkg):
            docstring.value = shown(docstring.value)
