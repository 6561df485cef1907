"""How well loads of 1, 4 and 16 users predict 2, 8 and 32 on a real engine, on the CPU.

    make engines
    python benchmarks/machine_loop.py [--size tiny|small] [--rounds 2] [--input 32] [--output 16]

Prints predicted over measured of each number of users, of medians over the rounds: of those that
were fitted on, too. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from engine_loop import ASKED_AT, QUANTITIES, Loop
from real_engine import SERVE, real_engine


def main() -> None:
    """Measure, refit, and print the errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=("tiny", "small"), default="small")
    for name, usual in (("rounds", 2), ("input", 32), ("output", 16)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    words = parser.parse_args()
    if not SERVE.exists():
        sys.exit("no engine here: make engines")
    with tempfile.TemporaryDirectory() as folder, real_engine(words.size) as engine:
        machine = str(Path(folder) / "machine.json")

        def ask(store: Path, command: str) -> Any:  # noqa: ANN401 - JSON
            here = {**os.environ, "RIGHTRIG_DB": str(store), "RIGHTRIG_MACHINE": machine}
            done = subprocess.run(
                [sys.executable, "-m", "rightrig", *shlex.split(command), "--json"],
                env=here, check=True, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            return json.loads(done.stdout)

        loop = Loop(ask, engine.url, engine.model, Path(folder), words.input, words.output)
        ask(loop.mine, "probe")
        loop.measure(range(words.rounds))
        errors = loop.errors((1, 2, 4, 8, 16, 32))
    print(f"users  {'  '.join(f'{name:>20}' for name in QUANTITIES)}")
    for users in (1, 2, 4, 8, 16, 32):
        cells = "  ".join(f"{errors[users, name]:>+20.0%}" for name in QUANTITIES)
        print(f"{users:5}  {cells}{'' if users in ASKED_AT else '  (fitted on)'}")


if __name__ == "__main__":
    main()
