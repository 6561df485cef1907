"""One thing that was proven of a recipe, or was not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["pass", "fail", "unverifiable"]


@dataclass(frozen=True, slots=True)
class Proof:
    """What was checked of a recipe.

    Attributes:
        id: ``PROVE-FLAGS``, ``PROVE-ROOM``, ``PROVE-MANIFESTS``, ``PROVE-TOPOLOGY`` …; one id may
            come several times, once a subject.
        subject: What was checked: ``vllm 0.33.0``, ``kubernetes/deployment.yaml``.
        said: What was found, in one sentence.
        remedy: What to do; empty where it passed.
    """

    id: str
    state: State
    subject: str
    said: str
    remedy: str = ""
