"""How a command ends: print what was found, and set the exit code."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rightrig.report.values import Json
    from rightrig.verbs.found import Found


def answer(found: Found[Json], *, as_json: bool) -> None:
    """Print what was found in the form asked for; exit with 1 when the answer is no."""
    if as_json:
        from rightrig.verbs.told import whole_json

        sys.stdout.write(json.dumps(whole_json(found), ensure_ascii=False, indent=1) + "\n")
    elif found.text is not None:
        # As it is: no line of a file may be wrapped.
        sys.stdout.write(found.text())
    else:
        from rightrig.report.terminal import show
        from rightrig.verbs.told import whole_document

        show(whole_document(found))
    if not found.yes:
        sys.exit(1)
