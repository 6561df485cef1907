"""Fuzz one target with coverage (atheris): ``python fuzz/run.py TARGET INPUTS``.

It prints one line of figures; a finding ends it with the input that caused it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))
with atheris.instrument_imports(include=["rightrig"]):
    import targets


def main() -> None:
    """Run the target on as many inputs as asked, from its sound seed."""
    name, inputs_count = sys.argv[1], int(sys.argv[2])
    folder = Path(tempfile.mkdtemp(prefix="rightrig-fuzz-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    (corpus / "seed").write_bytes(targets.seeds()[name])
    counts = {"inputs": 0, "taken": 0}
    started_s = time.monotonic()

    def one(data: bytes) -> None:
        counts["inputs"] += 1
        counts["taken"] += targets.run(name, data, folder)
        if counts["inputs"] == inputs_count:
            report()

    def report() -> None:
        sys.stdout.write(
            f"{name}: {counts['inputs']:,} inputs, {counts['taken']:,} of them sound, "
            f"{time.monotonic() - started_s:.0f} s\n"
        )
        sys.stdout.flush()

    options = ["-max_len=16384", "-timeout=5", "-rss_limit_mb=1024", "-verbosity=0"]
    findings = f"-artifact_prefix={folder}/"
    atheris.Setup(
        [sys.argv[0], f"-runs={inputs_count}", "-seed=1", findings, *options, str(corpus)], one
    )
    atheris.Fuzz()


main()
