"""Which files a question may read: an edge that answers for others confines it to a folder.

The command line reads whatever its user names. A server must not: there a word that names a file,
wherever it comes from (an option, a record, a trace named by a fleet), reaches only what came with
the request. Every function that opens a file which a user named asks :func:`check_reach` first.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN: Final = Path(__file__).parents[1]
"""Tables that come with the program are everybody's."""
_FOLDER: Final[ContextVar[Path | None]] = ContextVar("folder", default=None)


@contextmanager
def confined_to(folder: Path) -> Iterator[None]:
    """Let questions inside the ``with`` read files below a folder only, and ask no network."""
    token = _FOLDER.set(folder.resolve())
    try:
        yield
    finally:
        _FOLDER.reset(token)


@contextmanager
def unconfined() -> Iterator[None]:
    """Let what is inside the ``with`` read files that no question named: the program's own."""
    token = _FOLDER.set(None)
    try:
        yield
    finally:
        _FOLDER.reset(token)


def is_confined() -> bool:
    """Whether questions may read only what came with them."""
    return _FOLDER.get() is not None


def check_reach(path: Path) -> None:
    """Refuse a file that the question may not read.

    Raises:
        InputError: for a path outside the folder that questions are confined to, or through a
            link that leads out of it.
    """
    folder = _FOLDER.get()
    if folder is None or (path.is_relative_to(_OWN) and ".." not in path.parts):
        return
    try:
        inside = path.resolve().is_relative_to(folder)
    except (OSError, RuntimeError, ValueError):
        inside = False
    if not inside:
        raise InputError(
            f"{path.name[:80]!r} names a file of the server, which it does not read: send the file "
            "with the request, or name a model of the catalogue"
        )
