"""Texts that were read once by a person, and are compared since.

``RIGHTRIG_GOLDEN=write`` writes what is made now; then read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

GOLDEN: Final = Path(__file__).parents[1] / "recipes" / "golden"


def golden(name: str, text: str) -> None:
    """Assert that a text is what the file of this name holds."""
    path = GOLDEN / name
    if os.environ.get("RIGHTRIG_GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()
