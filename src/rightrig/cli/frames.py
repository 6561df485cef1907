"""One answer after another: drawn over the last on a terminal, below it in a pipe, or as JSON."""

from __future__ import annotations

import io
import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.verbs.found import Found
    from rightrig.verbs.progress import Frame


def line(found: Found[Any]) -> None:
    """Print an answer as one line of JSON, at once."""
    from rightrig.verbs.told import whole_json

    sys.stdout.write(json.dumps(whole_json(found), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def written(found: Found[Any]) -> None:
    """Print an answer and an empty line, at once."""
    from rightrig.report.terminal import plain_text
    from rightrig.verbs.told import whole_document

    sys.stdout.write(plain_text(whole_document(found)) + "\n")
    sys.stdout.flush()


@contextmanager
def drawn() -> Iterator[Frame]:
    """Yield what draws an answer over the last one; the last stays."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from rightrig.report.terminal import show_on
    from rightrig.verbs.told import whole_document

    with Live(console=Console(highlight=False), auto_refresh=False) as live:

        def draw(found: Found[Any]) -> None:
            console = live.console
            page = Console(
                file=io.StringIO(), force_terminal=True, highlight=False, width=console.width,
                color_system="auto" if console.color_system else None, no_color=console.no_color,
            )  # fmt: skip
            with page.capture() as captured:
                show_on(page, whole_document(found))
            live.update(Text.from_ansi(captured.get()), refresh=True)

        yield draw
