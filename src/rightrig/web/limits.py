"""What one request may cost, beside the size of its fields; each limit is named when it is met."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.web.problems import wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST: Final[Mapping[tuple[str, ...], Mapping[str, int]]] = {
    ("simulate",): {"requests": 1_000_000, "concurrency": 1_000_000},
    ("plan",): {"top": 100, "simulate": 10, "max_gpus": 4096},
    ("ask", "growth"): {"months": 600},
    ("ask", "measure-next"): {"top": 20},
    ("ask", "gpu-count"): {"most_cards": 512},
    ("cost", "electrical"): {"machines": 1_000_000},
}
"""The most of a number, by verb and word."""


def check_cost(words: tuple[str, ...], given: Mapping[str, object]) -> None:
    """Refuse a request that would take long or much, before a worker has it.

    Raises:
        ProblemError: which names the limit.
    """
    for name, most in MOST.get(words, {}).items():
        value = given.get(name)
        if isinstance(value, int | float) and value > most:
            raise wrong(
                f"{name} is {value:,}: a server answers for {most:,} at most; the command line "
                "has no such limit",
                name,
            )
