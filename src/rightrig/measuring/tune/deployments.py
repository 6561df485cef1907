"""From a setting to the deployment that the model of rightrig computes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from rightrig.deployment.propose import propose
from rightrig.errors import InputError
from rightrig.measuring.tune.settings import number_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.propose import Choices
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.measuring.tune.settings import Setting

_COUNTS: Final = {
    "max_num_seqs": "max_seqs", "max_seqs": "max_seqs", "max_batched_tokens": "max_batched_tokens",
    "tp": "tp", "pp": "pp", "dp": "attention_dp", "ep": "expert_parallel", "replicas": "replicas",
}  # fmt: skip
_WORDS: Final = {"kv_dtype": "kv", "kv": "kv", "weights": "weights"}
_SHARES: Final = {"utilization": "memory_ratio", "gpu_memory_utilization": "memory_ratio"}
BESIDE: Final = ("prefix_cache", "spec_tokens")
"""Knobs that a simulation knows and a deployment does not."""
KNOWN: Final = (*_COUNTS, *_WORDS, *_SHARES, *BESIDE)
"""Knobs that can be predicted and simulated."""


def choices_of(setting: Setting, fixed: Choices) -> Choices:
    """Return what a setting fixes of a deployment, over what the command line fixes.

    Raises:
        InputError: for a value that is no number where one is needed.
    """
    said: dict[str, Any] = {}
    for name, value in setting.pairs:
        if name in _COUNTS:
            said[_COUNTS[name]] = count_of(name, value)
        elif name in _WORDS:
            said[_WORDS[name]] = value
        elif name in _SHARES:
            number = number_of(value)
            if number is None:
                raise InputError(f"{name} is {value[:40]!r}: write a share such as 0.9")
            said[_SHARES[name]] = float(number)
    return replace(fixed, **said)


def unknown_of(setting: Setting) -> tuple[str, ...]:
    """Return the knobs that can be neither predicted nor simulated."""
    return tuple(name for name in setting.names if name not in KNOWN)


def deployer(
    catalog: Catalog, llm: Llm, rig: Rig, fixed: Choices
) -> Callable[[Setting], Deployment]:
    """Return what makes the deployment of a setting."""
    return lambda setting: propose(catalog, llm, rig, choices_of(setting, fixed))


def count_of(name: str, value: str) -> int:
    """Return a whole number of a setting.

    Raises:
        InputError: when it is none.
    """
    number = number_of(value)
    if number is None or number != int(number) or number < 0:
        raise InputError(f"{name} is {value[:40]!r}: write a whole number")
    return int(number)
