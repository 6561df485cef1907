"""Models by any name: the catalogue's, or a ``config.json`` on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rightrig.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm


def find_llm(text: str, catalog: Catalog) -> Llm:
    """Return the model that a user means.

    Args:
        text: A catalogue name, a path to a ``config.json``, or to the folder that holds it.
        catalog: Where names are looked up.

    Raises:
        UnknownNameError: for a name that no record knows and no file has.
        InputError: for a file that is no model configuration.
    """
    if not text.strip():
        raise InputError("the model is empty: name one of 'rightrig models list', or a config.json")
    if text.lower().endswith(".gguf"):
        raise InputError(
            f"{text[:200]}: GGUF files are not read yet; name the model and add "
            "--runtime llama.cpp --weights q4_k_m"
        )
    if _looks_like_path(text):
        from rightrig.facts.architectures import read_config  # noqa: PLC0415 - parsers only for files
        from rightrig.facts.architectures.files import load_config  # noqa: PLC0415 - the same

        path = Path(text)
        folder = path if path.is_dir() else path.parent
        return read_config(load_config(path), name=folder.resolve().name or text)
    try:
        return catalog.llm(text)
    except UnknownNameError as error:
        if not error.suggestions:
            raise UnknownNameError("model", text, ("a path to its config.json",)) from None
        raise


def _looks_like_path(text: str) -> bool:
    """Whether a text names a file or folder rather than a model."""
    if text.endswith(".json") or text.startswith((".", "/", "~")):
        return True
    try:
        return Path(text).exists()
    except OSError:  # longer than a path may be
        return False
