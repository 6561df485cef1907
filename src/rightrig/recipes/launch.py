"""How one engine is started: its command word by word, each with its reason."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

RANK: Final = "{rank}"
"""In a value of ``node_flags``: the number of the machine, from 0."""
LEADER: Final = "{leader}"
"""In a value of ``node_flags``: the address of machine 0."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One option of a command.

    Attributes:
        name: As the command takes it: ``--tensor-parallel-size``.
        value: ``None`` for a switch.
        why: What the value rests on, in a few words: ``the fit: 62 sequences of 8,192 tokens``.
    """

    name: str
    value: str | None = None
    why: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the command line."""
        return (self.name,) if self.value is None else (self.name, self.value)


def everywhere(name: str = "--host") -> Flag:
    """Return the flag that makes an engine listen on every interface, as containers need it."""
    why = "every interface; serve.sh has 127.0.0.1, since it asks for no key"
    return Flag(name, "0.0.0.0", why)  # noqa: S104 - a server is meant


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of the environment, and why it is set."""

    name: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class File:
    """A file of a recipe.

    Attributes:
        path: Below the recipe's folder: ``serve.sh``, ``kubernetes/deployment.yaml``.
        about: One line for the list of files.
    """

    path: str
    text: str
    about: str
    is_executable: bool = False


@dataclass(frozen=True, slots=True)
class Launch:
    """How one engine is started.

    Attributes:
        engine: Slug of the runtime.
        version: Of the engine.
        entry: Words before the flags: ``("vllm", "serve")``.
        positional: Words after ``entry`` that are no flags: the model, for vLLM.
        flags: On a single machine; every limit that the fit rests on is among them.
        environment: Variables.
        image: Container image with its tag; empty where none is published.
        image_entry: Those of the first words of ``entry`` that the image's own entry point says.
        port: Of the first engine; others of the same machine take the next ones.
        port_flag: The flag that says it; empty where a variable of the environment does.
        health: Path that answers 200 when the model is loaded.
        metrics: Path of metrics in the format of Prometheus; empty without.
        waiting_metric: Name of the gauge of waiting requests; empty without.
        node_flags: Further flags where one engine spans machines; values hold ``RANK`` and
            ``LEADER``.
        worker_flags: Further ones of machines 1, 2 …
        files: Files that a flag names, by their path in the recipe's folder.
        notes: What the reader must know before the first start.
    """

    engine: str
    version: str
    entry: tuple[str, ...]
    flags: tuple[Flag, ...]
    port: int
    health: str
    port_flag: str = "--port"
    positional: tuple[str, ...] = ()
    environment: tuple[Variable, ...] = ()
    image: str = ""
    image_entry: tuple[str, ...] = ()
    metrics: str = "/metrics"
    waiting_metric: str = ""
    node_flags: tuple[Flag, ...] = ()
    worker_flags: tuple[Flag, ...] = ()
    files: tuple[File, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The whole command for one machine."""
        return (*self.entry, *self.arguments)

    @property
    def arguments(self) -> tuple[str, ...]:
        """The words after ``entry``: what a parser of the engine is given."""
        return (*self.positional, *(word for flag in self.flags for word in flag.words))

    @property
    def text(self) -> str:
        """The command as a shell takes it, an option a line."""
        return " \\\n  ".join(self._lines())

    def node_words(self, rank: str, leader: str, *, is_worker: bool) -> tuple[str, ...]:
        """Return the command for one machine of several.

        Args:
            rank: Number of the machine, or the variable that holds it.
            leader: Address of machine 0, or the variable that holds it.
            is_worker: Whether it is not machine 0.
        """
        flags = (*self.node_flags, *(self.worker_flags if is_worker else ()))
        words = (word for flag in flags for word in flag.words)
        return (*self.words, *(w.replace(RANK, rank).replace(LEADER, leader) for w in words))

    def _lines(self) -> Iterator[str]:
        yield shlex.join((*self.entry, *self.positional))
        yield from (shlex.join(flag.words) for flag in self.flags)
