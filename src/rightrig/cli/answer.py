"""How a command ends: print a document or JSON, and set the exit code."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.report.document import Document


def answer(
    *,
    as_json: bool,
    data: Callable[[], dict[str, object]],
    document: Callable[[], Document],
    yes: bool = True,
) -> None:
    """Print a result in the form asked for; exit with 1 when the answer is no."""
    if as_json:
        sys.stdout.write(json.dumps(data(), ensure_ascii=False, indent=1) + "\n")
    else:
        from rightrig.report.terminal import show

        show(document())
    if not yes:
        sys.exit(1)
