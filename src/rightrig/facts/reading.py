"""Reading files that anybody may have written: bounded, and wrong ones become one sentence."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, BinaryIO, Final

from rightrig.errors import InputError
from rightrig.facts.reach import check_reach

if TYPE_CHECKING:
    from pathlib import Path

MOST_VALUES: Final = 3_000_000
"""Commas and brackets of one JSON text; the index of the largest checkpoints has 600,000.

Each stands for one value at most, so that memory stays bounded whatever the text is.
"""
_LONGEST_SHOWN: Final = 300
_MEGA: Final = 1_000_000
_MOST_DIGITS: Final = 100


def plain(text: object, most: int = _LONGEST_SHOWN) -> str:
    r"""Return a text that is safe on a terminal: printable, on one line, and not too long.

    >>> plain("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    whole = str(text)
    cut = whole if len(whole) <= most else f"{whole[: most - 3]}..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)


def no_file(path: Path, kind: str, reason: str) -> InputError:
    """Return the error for a file that is not what it should be."""
    return InputError(f"{plain(path)} is no {kind}: {reason}")


def open_regular(path: Path, kind: str) -> BinaryIO:
    """Open a regular file for reading; a pipe, device or folder is refused without waiting.

    Raises:
        InputError: when there is no such file, or none that can be read.
    """
    check_reach(path)
    try:
        # Opening a pipe would wait for its writer; with this flag it does not.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise no_file(path, kind, "there is no such file") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise no_file(path, kind, f"it cannot be opened ({reason})") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise no_file(path, kind, "there is no such file, but a folder, pipe or device")
    return os.fdopen(descriptor, "rb")


def read_bounded(path: Path, kind: str, most_bytes: int) -> bytes:
    """Return the content of a file that is no larger than ``most_bytes``.

    Raises:
        InputError: when it is larger, or cannot be read.
    """
    try:
        with open_regular(path, kind) as stream:
            size_bytes = os.fstat(stream.fileno()).st_size
            content = b"" if size_bytes > most_bytes else stream.read(most_bytes + 1)
    except OSError as error:
        raise no_file(path, kind, f"it cannot be read ({error.strerror})") from error
    if max(size_bytes, len(content)) > most_bytes:
        raise no_file(path, kind, f"it is larger than {most_bytes / _MEGA:g} MB")
    return content


def json_object(content: bytes, path: Path, kind: str) -> dict[str, object]:
    """Return the JSON object that a text is.

    Raises:
        InputError: when it is none, is nested too deeply, holds too much, or a key twice.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise no_file(path, kind, "it is not UTF-8 text") from error
    if sum(text.count(sign) for sign in ",[{") > MOST_VALUES:
        raise no_file(path, kind, f"it holds more than {MOST_VALUES:,} values")
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_int=_whole)
    except RecursionError as error:
        raise no_file(path, kind, "it is nested too deeply") from error
    except ValueError as error:
        raise no_file(path, kind, f"it is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise no_file(path, kind, "it is JSON, but not an object")
    return value


def _whole(digits: str) -> int:
    """Return a whole number; longer ones than any size or count are refused."""
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the pairs as a dictionary; readers disagree on which of two equal keys counts."""
    table = dict(pairs)
    if len(table) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                break
            seen.add(key)
        raise ValueError(f"the key {plain(key, 60)!a} occurs twice")
    return table
