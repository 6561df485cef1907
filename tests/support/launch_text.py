"""The whole of a launch as one text, for golden files: every word with its reason."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.recipes.launch import Launch


def launch_text(launch: Launch) -> str:
    """Return environment, command, files and notes, a line each."""
    return "\n".join(_lines(launch)) + "\n"


def _lines(launch: Launch) -> Iterator[str]:
    yield f"# {launch.engine} {launch.version}, {launch.image or 'no image'}"
    yield f"# health {launch.health}, metrics {launch.metrics or 'none'}, port {launch.port}"
    for variable in launch.environment:
        yield f"export {variable.name}={shlex.quote(variable.value)}  # {variable.why}"
    yield shlex.join((*launch.entry, *launch.positional))
    for flag in launch.flags:
        yield f"  {shlex.join(flag.words)}  # {flag.why}"
    if launch.node_flags:
        for rank in ("0", "1"):
            words = launch.node_words(rank, "LEADER", is_worker=rank != "0")
            yield f"# machine {rank}: {shlex.join(words[len(launch.words) :])}"
    for file in launch.files:
        yield f"# --- {file.path}: {file.about}"
        yield file.text.rstrip("\n")
    for note in launch.notes:
        yield f"# {note}"
