"""A recipe: how a deployment is started wherever it may run, and what was proven of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rightrig.recipes.launch import File, Launch
    from rightrig.recipes.proving.proof import Proof
    from rightrig.recipes.serving import Serving


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A place for which no file is written, and why."""

    place: str
    why: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that starts a deployment.

    Attributes:
        files: In the order in which a reader wants them; the first is README.md.
        proofs: Of the command and of memory always; of files and of this machine where asked.
    """

    serving: Serving
    launch: Launch
    files: tuple[File, ...]
    left_out: tuple[LeftOut, ...] = ()
    proofs: tuple[Proof, ...] = ()

    @property
    def is_proven(self) -> bool:
        """Whether nothing that was checked failed."""
        return all(proof.state != "fail" for proof in self.proofs)
