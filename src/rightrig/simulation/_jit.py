"""A typed door to numba, and the place where compiled kernels are kept.

Compiled code is kept in a folder named after the text of all kernels: numba looks only at the file
of the function that is called, and would run yesterday's callees after a change of another file.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import numba
from platformdirs import user_cache_path

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

_OWN: Final = "NUMBA_CACHE_DIR"


def kernels_key() -> str:
    """Return a short name for the text of all kernels of this room, and of what they are made of.

    A file of kernels imports this one; ``layout`` has the fields of their records.
    """
    text = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        content = path.read_bytes()
        if path.stem in {"_jit", "arrays", "layout"} or b"simulation._jit import" in content:
            text.update(content)
    return text.hexdigest()[:12]


def _folder() -> str:
    """Return where compiled kernels are kept; empty where nothing can be written."""
    root = os.environ.get(_OWN)
    path = (
        Path(root) if root else user_cache_path("rightrig", appauthor=False) / "kernels"
    ) / kernels_key()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        return ""
    return str(path) if os.access(path, os.W_OK) else ""


KERNELS_FOLDER: Final = _folder()


def are_kernels_kept() -> bool:
    """Whether compiled kernels are kept; where none are, the first run compiles, up to a minute."""
    return bool(KERNELS_FOLDER) and any(Path(KERNELS_FOLDER).rglob("*.nbi"))


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function on its first call; keep the result where that is possible."""
    return _compiled(function)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function into its callers: for those with one caller, or that return an array."""
    return _compiled(function, inline="always")


def _compiled(function: Callable[P, R], **options: str) -> Callable[P, R]:
    """Compile on the first call.

    Kernels own no arrays: without numba's reference counts they run ten times as fast. They divide
    as NumPy does, for the checks that Python makes cost a third.
    """
    compile_it: Any = numba.njit
    config: Any = numba.config
    before = config.CACHE_DIR
    try:
        config.CACHE_DIR = KERNELS_FOLDER
        compiled: Callable[P, R] = compile_it(
            cache=bool(KERNELS_FOLDER), _nrt=False, error_model="numpy", **options
        )(function)
    finally:
        config.CACHE_DIR = before
    return compiled
