"""What an answer is too short for: series go to a folder, tables and pages to a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rightrig.report.values import Json

_NO_PICTURES: Final = (
    "Charts are written as Vega-Lite specifications; pip install 'rightrig[charts]' makes pictures "
    "of them."
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was written of some charts.

    Attributes:
        names: Of the files.
        hints: What to install for more.
    """

    names: tuple[str, ...]
    hints: tuple[str, ...]


def save_charts(folder: str, charts: Mapping[str, Json]) -> Drawn:
    """Write each chart as pictures, or as a specification where nothing draws."""
    if find_spec("vl_convert") is None:
        for name, chart in charts.items():
            save(folder, f"{name}.vl.json", [json.dumps(chart, ensure_ascii=False, indent=1)])
        return Drawn(tuple(f"{name}.vl.json" for name in charts), (_NO_PICTURES,))
    # Here, not above: few commands draw.
    from rightrig.report.charting import picture_of

    for name, chart in charts.items():
        save_bytes(folder, f"{name}.svg", picture_of(chart, "svg"))
        save_bytes(folder, f"{name}.png", picture_of(chart, "png"))
    return Drawn(tuple(f"{name}.{kind}" for name in charts for kind in ("svg", "png")), ())


def save(folder: str, name: str, lines: Iterable[str]) -> None:
    """Write lines into a file of a folder, which is made when it is not there."""
    save_bytes(folder, name, "".join(lines).encode())


def save_bytes(folder: str, name: str, content: bytes, option: str = "--save") -> None:
    """Write a file into a folder, which is made when it is not there."""
    path = make_folder(folder, option)
    try:
        (path / name).write_bytes(content)
    except OSError as error:
        raise _unwritable(option, folder, error) from error


def make_folder(folder: str, option: str = "--save") -> Path:
    """Return a folder, which is made when it is not there.

    Args:
        folder: Its name.
        option: That names it, for messages.
    """
    if not folder.strip():
        raise InputError(f"{option} is empty: name a folder, such as {option} out")
    try:
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise _unwritable(option, folder, error) from error
    return path


def write_file(option: str, file: str, lines: Iterable[str]) -> None:
    """Write lines into a file that an option names, their ends as they are.

    Raises:
        InputError: when it cannot be written.
    """
    try:
        with Path(file).open("w", encoding="utf-8", newline="") as stream:
            stream.writelines(lines)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{option} {file[:80]!r} cannot be written: {reason}") from error


def _unwritable(option: str, folder: str, error: Exception) -> InputError:
    """Return the error for a folder that takes no file."""
    reason = getattr(error, "strerror", None) or str(error)
    return InputError(f"{option} {folder[:80]}: cannot be written to: {reason}")
