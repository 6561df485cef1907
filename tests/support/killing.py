"""Killing programs at random moments, as a power cut or an impatient owner would."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Killed:
    """What a killed program had printed.

    Attributes:
        lines: Of its standard output, whole ones only.
        error: Its standard error.
        was_running: Whether the kill hit it; else it had ended by itself.
    """

    lines: tuple[str, ...]
    error: str
    was_running: bool


def killed(
    command: Sequence[str],
    delay_s: float,
    *,
    after: str = "",
    env: Mapping[str, str] | None = None,
    patience_s: float = 60.0,
) -> Killed:
    """Start a command in a group of its own, and kill the group with SIGKILL after a delay.

    Args:
        command: What to start; it should flush what it prints.
        delay_s: From its start; with ``after``, from the first line that starts with it.
        after: What it prints when it is ready: starting Python takes longer than what is tested.
        env: Beside the environment of this process.
        patience_s: How long to wait for ``after``.
    """
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, **(env or {})},
    )  # fmt: skip
    lines: list[str] = []
    errors: list[str] = []
    ready = threading.Event()
    if not after:
        ready.set()
    listeners = [
        threading.Thread(target=_listen, args=(process.stdout, lines, after, ready)),
        threading.Thread(target=lambda: errors.append(process.stderr.read())),  # type: ignore[union-attr]
    ]
    for listener in listeners:
        listener.start()
    try:
        if ready.wait(patience_s):
            _wait(process, delay_s)
        was_running = process.poll() is None
    finally:
        _kill_group(process)
        process.wait()
        for listener in listeners:
            listener.join()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    whole = tuple(line.rstrip("\n") for line in lines if line.endswith("\n"))
    return Killed(whole, "".join(errors), was_running)


def dice_of(seed: int) -> random.Random:
    """Return dice that fall the same way each time."""
    return random.Random(seed)  # noqa: S311 - no secret is made of it


def random_delay_s(dice: random.Random, most_s: float) -> float:
    """Return a moment: short ones are as likely as long ones, by their logarithm."""
    return float(most_s * 10.0 ** dice.uniform(-2.5, 0.0))


def _listen(stream: object, lines: list[str], after: str, ready: threading.Event) -> None:
    """Keep the lines of a program."""
    for line in stream:  # type: ignore[attr-defined]
        lines.append(line)
        if after and line.startswith(after):
            ready.set()
    ready.set()


def _wait(process: subprocess.Popen[str], delay_s: float) -> None:
    """Wait, or until the program ends."""
    try:
        process.wait(delay_s)
    except subprocess.TimeoutExpired:
        return


def _kill_group(process: subprocess.Popen[str]) -> None:
    """Kill a program and what it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
