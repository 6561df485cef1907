"""What a pod of an engine asks of a cluster."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Final

from rightrig.facts.gpu import PROCESSOR
from rightrig.prediction.host_loading import loading_host_bytes
from rightrig.quantities import GIB
from rightrig.recipes.patience import file_bytes, startup_s, waiting_requests
from rightrig.recipes.places.containers import (
    container_of,
    container_reason,
    is_asked,
    shared_bytes,
    variables_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.recipes.launch import Launch, Variable
    from rightrig.recipes.places.containers import Container
    from rightrig.recipes.serving import Serving

LEADER_VARIABLE: Final = "$(LWS_LEADER_ADDRESS)"
RANK_VARIABLE: Final = "$(LWS_WORKER_INDEX)"
"""Set in pods by LeaderWorkerSet (v0.10.0, api/leaderworkerset/v1/leaderworkerset_types.go)."""
PROCESS_BYTES: Final = 4.0 * GIB
"""Host memory of one process with a card, without weights. An assumption."""
_RESOURCES: Final = {"NVIDIA": "nvidia.com/gpu", "AMD": "amd.com/gpu"}
# Intel's device plugins: one for each driver of the kernel, another for Gaudi.
_INTEL: Final = {"Gaudi": "habana.ai/gaudi", "Xe2-HPG": "gpu.intel.com/xe"}
_INTEL_OTHERS: Final = "gpu.intel.com/i915"
_PRODUCTS: Final = ("NVIDIA ", "Tesla ", "Quadro ")
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Pod:
    """What pods of one engine have in common.

    Attributes:
        resource: Name of the cards for the scheduler; empty for none.
        products: Labels of nodes with such cards; empty where they are not known.
        variables: Set; ``asked`` are those that only the reader knows.
        startup_count: Tries of the startup probe, 10 s apart.
        least_memory, most_memory: As Kubernetes writes sizes: ``24Gi``.
        processors_count: Logical processors.
    """

    container: Container
    resource: str
    cards_count: int
    products: tuple[str, ...]
    variables: tuple[Variable, ...]
    asked: tuple[Variable, ...]
    startup_count: int
    least_memory: str
    most_memory: str
    processors_count: int
    shared_memory: str
    port: int
    health: str

    @property
    def taint(self) -> str:
        """What keeps other pods off nodes with such cards; instances have no taint of theirs."""
        return _RESOURCES["NVIDIA"] if self.resource.startswith("nvidia.com/") else self.resource

    @property
    def resources(self) -> Mapping[str, str]:
        """The cards, as requests and limits name them."""
        return {self.resource: str(self.cards_count)} if self.resource else {}


def pod_reason(serving: Serving, launch: Launch) -> str | None:
    """Return why a cluster cannot run this, with the nearest that it can, or ``None``."""
    rig = serving.deployment.rig
    missing = next(filter(is_asked, launch.arguments), "")
    if missing:
        return (
            f"a cluster fills in no variables, and the command asks for {missing}; name what "
            "holds the weights with --checkpoint"
        )
    if not rig.is_uniform:
        return (
            f"a pod asks for a number of cards, not for kinds, and {rig.text} mixes them; name "
            "one kind in --on, or start the program itself (serve.sh)"
        )
    if not _resource(serving) and rig.gpu.architecture != PROCESSOR:
        return f"no device plugin for {rig.gpu.name} is known here; start the program (serve.sh)"
    return container_reason(serving, launch) or _spanning_reason(serving, launch)


def _spanning_reason(serving: Serving, launch: Launch) -> str | None:
    """Return why an engine over several machines is not started."""
    rig = serving.deployment.rig
    if serving.engine_cards <= rig.cards_per_node:
        return None
    if not launch.node_flags:
        return f"{launch.engine} has no command for several machines; use one machine"
    if serving.engine_cards % rig.cards_per_node:
        return (
            f"an engine of {serving.engine_cards} cards leaves cards of its machines of "
            f"{rig.cards_per_node} unused; use a multiple of {rig.cards_per_node}"
        )
    return None


def pod_of(serving: Serving, launch: Launch, *, worker: bool = False) -> Pod:
    """Return the pod of an engine, or of one machine of it.

    Args:
        serving: One that :func:`pod_reason` has nothing against.
        launch: Its command.
        worker: Whether it is that of a machine that is not the first of several.
    """
    words = None
    if serving.engine_nodes > 1:
        words = launch.node_words(RANK_VARIABLE, LEADER_VARIABLE, is_worker=worker)
    cards = min(serving.engine_cards, serving.deployment.rig.cards_per_node)
    loading, shared = loading_host_bytes(serving.fit), shared_bytes(serving)
    held_bytes = serving.fit.host_bytes + PROCESS_BYTES * (cards + 1)
    return Pod(
        container=_unfilled(container_of(serving, launch, words)),
        resource=_resource(serving),
        cards_count=cards,
        products=_products(serving),
        variables=tuple(v for v in variables_of(launch) if not is_asked(v.value)),
        asked=tuple(v for v in variables_of(launch) if is_asked(v.value)),
        startup_count=startup_s(serving) // 10,
        least_memory=size_text(held_bytes + loading.mid),
        most_memory=size_text(held_bytes + loading.high + shared),
        # vLLM 0.33.0 docs/configuration/optimization.md: 2 + N cores, of two threads each.
        processors_count=2 * (2 + cards),
        shared_memory=size_text(shared),
        port=launch.port,
        health=launch.health,
    )


def engines_count(serving: Serving) -> int:
    """Return all engines: those of every rig."""
    return serving.deployment.parallelism.replicas * serving.rigs_count


def claim_text(serving: Serving) -> str:
    """Return the disk that the weights want: a fifth more, and 10 GiB."""
    return size_text(1.2 * file_bytes(serving) + 10.0 * GIB)


def resource_name(profile: str) -> str:
    """Return what a pod asks for: names of resources have no plus.

    >>> resource_name("1g.10gb+me")
    'nvidia.com/mig-1g.10gb.me'
    """
    return f"nvidia.com/mig-{profile.replace('+', '.')}"


def size_text(size_bytes: float) -> str:
    """Return a size as Kubernetes writes it, rounded up.

    >>> size_text(1.2e10)
    '12Gi'
    """
    return f"{max(1, ceil(size_bytes / GIB))}Gi"


def waiting_count(serving: Serving) -> int:
    """Return how many requests wait for an engine when another is wanted.

    Half of those that may: the other half comes while it starts.
    """
    return max(1, waiting_requests(serving) // 2)


def _unfilled(container: Container) -> Container:
    """Return a container whose words the kubelet leaves as they are."""
    return replace(container, args=tuple(map(_escaped, container.args)))


def _escaped(word: str) -> str:
    """Return a word of which the kubelet fills in only what is meant so."""
    found = word.replace("$(", "$$(")
    for variable in (LEADER_VARIABLE, RANK_VARIABLE):
        found = found.replace(f"${variable}", variable)
    return found


def _resource(serving: Serving) -> str:
    """Return what the device plugin calls the cards; empty where none is known or wanted."""
    group = serving.deployment.rig.groups[0]
    if group.gpu.architecture == PROCESSOR:
        return ""
    if group.mig:
        return resource_name(group.mig)
    if group.gpu.vendor == "Intel":
        return _INTEL.get(group.gpu.architecture, _INTEL_OTHERS)
    return _RESOURCES.get(group.gpu.vendor, "")


def _products(serving: Serving) -> tuple[str, ...]:
    """Return the labels that nodes with such cards may have.

    A driver has one name for a card, and the catalogue knows several: a node with any will do.
    """
    gpu = serving.deployment.rig.gpu
    names = (name for name in (gpu.name, *gpu.aliases) if name.startswith(_PRODUCTS))
    labels = dict.fromkeys(name.replace(" ", "-") for name in names)
    return tuple(label for label in labels if _LABEL.fullmatch(label))
