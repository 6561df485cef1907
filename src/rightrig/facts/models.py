"""Models by any name: the catalogue's, files on this machine, or an id of the hub."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError, UnknownNameError
from rightrig.facts.reach import check_reach, is_confined

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm

_HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)


def find_llm(text: str, catalog: Catalog, fetch: Callable[[str], Path] | None = None) -> Llm:
    """Return the model that a user means.

    Args:
        text: A catalogue name, a path to a ``config.json``, to the folder that holds it or to a
            GGUF file, or the id of a model on the hub.
        catalog: Where names are looked up.
        fetch: Brings the configuration of a hub id onto this machine and returns its folder;
            without it, models that the catalogue lacks stay unknown.

    Raises:
        UnknownNameError: for a name that no record knows and no file has.
        InputError: for a file that is no model configuration.
        MissingError: when a configuration has to be fetched and cannot be.
    """
    if not text.strip():
        raise InputError("the model is empty: name one of 'rightrig models list', or a config.json")
    if text.lower().endswith(".gguf"):
        from rightrig.facts.gguf_model import read_gguf  # noqa: PLC0415 - parsers only for files

        return read_gguf(_path(text))
    if _looks_like_path(text):
        return _from_path(text)
    try:
        return catalog.llm(text)
    except UnknownNameError as error:
        if fetch is not None and _HUB_ID.fullmatch(text):
            return _from_folder(fetch(text), text)
        if not error.suggestions:
            raise InputError(
                f"no model is called {text[:80]!r}; name one of 'rightrig models list', a hub id "
                "(owner/name), a config.json or a GGUF file"
            ) from None
        raise


def _from_path(text: str) -> Llm:
    """Return the model of a ``config.json`` or of the folder that holds it."""
    from rightrig.facts.reading import plain  # noqa: PLC0415 - only for files

    path = _path(text)
    folder = path if os.path.isdir(path) else path.parent  # noqa: PTH112 - never raises
    return _from_folder(path, plain(Path(os.path.abspath(folder)).name or text, 120))  # noqa: PTH100 - links may be circular


def _path(text: str) -> Path:
    """Return the path that a user wrote.

    Raises:
        InputError: for a file that the question may not read, before anything is looked at: an
            answer must not tell what there is.
    """
    check_reach(Path(text))
    return Path(os.path.expanduser(text))  # noqa: PTH111 - never raises for a user who is not here


def _from_folder(path: Path, name: str) -> Llm:
    """Return the model of a configuration; files of weights beside it give exact sizes."""
    from rightrig.facts.architectures import read_config  # noqa: PLC0415 - parsers only for files
    from rightrig.facts.architectures.files import load_config  # noqa: PLC0415 - the same
    from rightrig.facts.sizes import with_file_sizes  # noqa: PLC0415 - the same

    folder = path if os.path.isdir(path) else path.parent  # noqa: PTH112 - never raises
    return with_file_sizes(read_config(load_config(path), name=name), folder)


def _looks_like_path(text: str) -> bool:
    """Whether a text names a file or folder rather than a model."""
    if text.endswith(".json") or text.startswith((".", "/", "~")):
        return True
    return not is_confined() and "\0" not in text and os.path.lexists(text)
