"""Ray: the same files as processes of this machine write; without the extra, what adds it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest
import toys
from toys import calls, ran

from rightrig.errors import MissingError
from rightrig.running.ray_engine import ADDRESS, on_ray

ON_RAY: Final = """
import sys
from pathlib import Path
from toys import ran, toys
from rightrig.running.ray_engine import on_ray
if __name__ == "__main__":
    found = ran(Path(sys.argv[1]), toys(30, t3="raises", t9="dies"), jobs=2, engine=on_ray)
    print(found.computed_count, found.reused_count, found.died_count)
"""


def on_a_cluster(folder: Path, home: Path) -> str:
    """Run toys on Ray in a program of its own, as Ray outlives no test otherwise."""
    paths = os.pathsep.join([str(Path(toys.__file__).parent), *sys.path])
    environment = {
        **{name: value for name, value in os.environ.items() if name != ADDRESS},
        "PYTHONPATH": paths,
        "HOME": str(home),
        "RAY_AUTH_MODE": "disabled",
    }
    program = home / "on_ray.py"
    program.write_text(ON_RAY, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program), str(folder)],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.skipif(find_spec("ray") is None, reason="the extra ray is not installed")
def test_ray_and_processes_write_the_same_files(tmp_path: Path) -> None:
    for name in ("local", "ray", "home"):
        (tmp_path / name).mkdir()
    ran(tmp_path / "local", toys.toys(30, t3="raises", t9="dies"))
    assert on_a_cluster(tmp_path / "ray", tmp_path / "home") == "30 0 1"
    for name in ("results.csv", "results.jsonl"):
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()
    assert len(calls(tmp_path / "ray")) == 31  # t9 twice


@pytest.mark.skipif(find_spec("ray") is not None, reason="the extra ray is installed")
def test_without_ray_the_command_that_adds_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"pip install 'rightrig\[ray\]'"):
        ran(tmp_path, toys.toys(3), engine=on_ray)
    assert calls(tmp_path) == []
