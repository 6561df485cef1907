"""Which cards of a machine an engine of it sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rightrig.recipes.serving import Serving

_VARIABLES: Final = {"AMD": "HIP_VISIBLE_DEVICES", "Intel": "ZE_AFFINITY_MASK"}


def cards_variable(serving: Serving) -> str:
    """Return the variable that names the cards which a process sees.

    NVIDIA's programming guide (``CUDA_VISIBLE_DEVICES``), AMD's documentation of HIP
    (``HIP_VISIBLE_DEVICES``), Intel's of Level Zero (``ZE_AFFINITY_MASK``).
    """
    return _VARIABLES.get(serving.deployment.rig.gpu.vendor, "CUDA_VISIBLE_DEVICES")


def engines_cards(serving: Serving) -> tuple[tuple[int, ...], ...]:
    """Return the numbers of the cards of each engine of one machine.

    An engine that spans machines has all cards of each.
    """
    count = min(serving.engine_cards, serving.deployment.rig.cards_per_node)
    engines = 1 if serving.engine_nodes > 1 else machine_engines(serving)
    return tuple(tuple(range(at * count, (at + 1) * count)) for at in range(engines))


def machine_engines(serving: Serving) -> int:
    """Return the engines that stand on one machine; of one that spans several, 1."""
    rig = serving.deployment.rig
    return max(1, serving.deployment.parallelism.replicas // rig.nodes_count)
