"""Whether an engine takes a command, by the engine's own parser where it is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.errors import MissingError
from rightrig.recipes.proving.drivers import DRIVERS, MARK
from rightrig.recipes.proving.flags import ID, commands_of
from rightrig.recipes.proving.proof import Proof

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.recipes.launch import Launch

_LIMIT_S: Final = 300.0
"""A first import of an engine takes most of a minute on a slow disk."""
_LLAMA: Final = "llama-server"
_SHOWN_COUNT: Final = 4


@dataclass(frozen=True, slots=True)
class Answers:
    """What a parser said.

    Attributes:
        version: Of the engine that was asked.
        refusals: One a command, empty where it is taken.
    """

    version: str
    refusals: tuple[str, ...]


def asked(
    python: Path, engine: str, commands: Sequence[Sequence[str]], limit_s: float = _LIMIT_S
) -> Answers:
    """Ask the parser of an engine about many commands in one process.

    Args:
        python: Of an environment where the engine is installed; no card is needed.
        engine: ``vllm`` or ``sglang``.
        commands: Each the words after the command's name.
        limit_s: After so long it is given up.

    Raises:
        MissingError: where the engine cannot be imported there.
    """
    command = [str(python), "-c", DRIVERS[engine]]
    said = _run(command, limit_s, json.dumps([list(words) for words in commands]))
    lines = (line for line in said.stdout.splitlines() if line.startswith(MARK))
    answer = next(lines, None)
    if answer is None:
        last = [line for line in said.stderr.splitlines() if line.strip()][-1:]
        raise MissingError(
            f"{python} cannot import the parser of {engine} ({''.join(last)}); "
            f"install {engine} there, or prove without it"
        )
    found = json.loads(answer.removeprefix(MARK))
    return Answers(found["version"], tuple(found["refusals"]))


def parsed_by(python: Path, launch: Launch) -> Proof:
    """Return whether the engine of another environment takes a command.

    Args:
        python: Of that environment.
        launch: Of vLLM or SGLang.

    Raises:
        MissingError: where the engine cannot be imported there.
    """
    return _proof(launch, asked(python, launch.engine, commands_of(launch)))


def parsed_by_llama_server(program: Path, launch: Launch) -> Proof:
    """Return whether a program of llama.cpp takes a command.

    ``--version`` at its end prints and leaves as soon as all words before it are read (llama.cpp
    b11434, ``common/arg.cpp``), so that nothing is loaded.
    """
    said = _run([str(program), *launch.arguments, "--version"], _LIMIT_S)
    output = f"{said.stdout}\n{said.stderr}"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    wrong = [line for line in lines if "error" in line] or lines[:1]
    version = next((line for line in lines if line.startswith("version:")), "")
    refusal = wrong[0] if said.returncode else ""
    return _proof(launch, Answers(version.removeprefix("version: "), (refusal,)))


def installed_proof(launch: Launch) -> Proof | None:
    """Return what the engine itself says of a command, or ``None`` where it is not installed.

    Looked for are vLLM and SGLang in this environment and on the path, and ``llama-server`` on the
    path. Other engines have no parser that runs apart from the engine.
    """
    try:
        return _asked_here(launch)
    except MissingError as error:
        return Proof(ID, "unverifiable", f"{launch.engine} {launch.version}", f"{error}.")


def _asked_here(launch: Launch) -> Proof | None:
    """Return what the engine says, or ``None`` where it is not installed."""
    if launch.engine == "llama.cpp":
        program = shutil.which(_LLAMA)
        return parsed_by_llama_server(Path(program), launch) if program else None
    python = _python_of(launch.engine) if launch.engine in DRIVERS else None
    return parsed_by(python, launch) if python else None


def _python_of(engine: str) -> Path | None:
    """Return the interpreter of the environment that an engine is installed in."""
    if find_spec(engine):
        return Path(sys.executable)
    program = shutil.which(engine)
    if program is None:
        return None
    with Path(program).open("rb") as file:
        first = file.readline().decode("utf-8", "replace").strip()
    python = Path(first.removeprefix("#!"))
    return python if first.startswith("#!") and "python" in python.name else None


def _proof(launch: Launch, found: Answers) -> Proof:
    """Return what answers prove."""
    subject = f"{launch.engine} {launch.version}"
    by = f"the parser of {launch.engine} {found.version}".rstrip()
    wrong = [*dict.fromkeys(text for text in found.refusals if text)]
    if wrong:
        said = f"Refused by {by}: {'; '.join(wrong[:_SHOWN_COUNT])}."
        return Proof(ID, "fail", subject, said, "Write these options as this version takes them.")
    if launch.engine in DRIVERS and found.version != launch.version:
        said = f"Taken by {by}, which is installed; {launch.version} itself was not asked."
        remedy = f"Install {subject}, or plan for {found.version}."
        return Proof(ID, "unverifiable", subject, said, remedy)
    return Proof(ID, "pass", subject, f"Taken by {by}, which is installed.")


def _run(
    command: Sequence[str], limit_s: float, words: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end.

    Raises:
        MissingError: when it cannot be started, or takes too long.
    """
    try:
        return subprocess.run(  # noqa: S603 - the engine that the user installed
            command, input=words, capture_output=True, text=True, timeout=limit_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingError(f"{command[0]} gave no answer: {error}") from error
