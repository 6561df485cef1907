"""Scripts of the shell, checked by ShellCheck."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def assert_sound(text: str, folder: Path) -> None:
    """Assert that ShellCheck has nothing to say of a script."""
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    program = shutil.which("shellcheck", path=beside)
    if program is None:
        pytest.skip("no shellcheck: make install")
    path = folder / "script.sh"
    path.write_text(text)
    done = subprocess.run([program, str(path)], capture_output=True, text=True, check=False)
    assert done.stdout == ""
