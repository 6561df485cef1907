"""Docker Compose: the engines of one machine, each with its own cards.

Fields: github:compose-spec/compose-spec. Cards of NVIDIA come from its container toolkit, those of
AMD and Intel as device files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.facts.gpu import PROCESSOR
from rightrig.quantities import GIB
from rightrig.recipes.launch import File
from rightrig.recipes.patience import startup_s
from rightrig.recipes.places.cards import cards_variable, engines_cards
from rightrig.recipes.places.containers import (
    MODELS,
    container_of,
    container_reason,
    healthy,
    is_asked,
    object_name,
    shared_bytes,
    variables_of,
)
from rightrig.recipes.places.gateways import NGINX_PORT, Address, nginx_file
from rightrig.recipes.places.listening import EVERY_INTERFACE
from rightrig.recipes.templating import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.recipes.launch import Launch
    from rightrig.recipes.places.containers import Container
    from rightrig.recipes.serving import Serving

PATH: Final = "compose.yaml"
GATEWAY: Final = "gateway/nginx-compose.conf"
GATEWAY_IMAGE: Final = "nginxinc/nginx-unprivileged:1.31.6-alpine3.24"
"""nginx for a user without rights (UID 101)."""
_DEVICE_FILES: Final = {
    # ROCm documentation, Docker: the compute interface, and the cards.
    "AMD": ("/dev/kfd:/dev/kfd", "/dev/dri:/dev/dri"),
    "Intel": ("/dev/dri:/dev/dri",),
}
_OWN_RUNTIMES: Final = ("Gaudi",)
"""Cards that need a container runtime of their maker."""


@dataclass(frozen=True, slots=True)
class _Engine:
    """One engine of the machine.

    Attributes:
        ids: Of its cards for NVIDIA's toolkit: numbers, or variables that hold UUIDs.
        seen: Its cards as a variable takes them, where every engine is given all of them.
        port: On the machine.
    """

    ids: tuple[str, ...]
    seen: str
    port: int


def files(serving: Serving, launch: Launch) -> tuple[File, ...]:
    """Return ``compose.yaml``, and nginx's configuration where it has several engines.

    Args:
        serving: One that :func:`reason` has nothing against.
        launch: Of its engine.
    """
    engines = tuple(_engines(serving, launch))
    found = File(PATH, _text(serving, launch, engines), "the engines as containers of one machine")
    if len(engines) == 1:
        return (found,)
    addresses = [Address(f"engine-{at}", launch.port) for at in range(len(engines))]
    gateway = nginx_file(serving, launch, addresses, EVERY_INTERFACE)
    return (found, replace(gateway, path=GATEWAY, about="nginx before them"))


def reason(serving: Serving, launch: Launch) -> str | None:
    """Return why Compose cannot run this, with the nearest that it can, or ``None``."""
    rig = serving.deployment.rig
    if serving.engine_nodes > 1:
        return (
            f"Compose is for one machine and an engine spans {serving.engine_nodes}; start the "
            "program on each of them (serve.sh)"
        )
    if len({group.gpu.vendor for group in rig.groups}) > 1:
        return f"{rig.text} mixes makers, whose containers differ; start the program (serve.sh)"
    if rig.gpu.architecture in _OWN_RUNTIMES:
        return f"{rig.gpu.name} needs its maker's container runtime; start the program (serve.sh)"
    return container_reason(serving, launch)


def _text(serving: Serving, launch: Launch, engines: tuple[_Engine, ...]) -> str:
    """Return the file."""
    rig, container = serving.deployment.rig, container_of(serving, launch)
    is_card = rig.gpu.architecture != PROCESSOR
    return render(
        PATH,
        title=f"{serving.name} on {rig.text}: {launch.engine} {launch.version}",
        name=object_name(serving),
        machines=rig.nodes_count * serving.rigs_count,
        it=container,
        words=tuple(map(_escaped, container.args)),
        mounted_at=_mounted_at(container),
        cache_at=_cache_at(container),
        shared=f"{round(shared_bytes(serving) / GIB)}g",
        device_files=_DEVICE_FILES.get(rig.gpu.vendor, ()) if is_card else (),
        healthy=["CMD", *map(_escaped, healthy(launch))],
        start_s=startup_s(serving),
        variables=[replace(v, value=_escaped(v.value)) for v in variables_of(launch)],
        engines=engines,
        cards_variable=cards_variable(serving),
        port=launch.port,
        gateway=GATEWAY if len(engines) > 1 else "",
        gateway_image=GATEWAY_IMAGE,
        gateway_port=NGINX_PORT,
    )


def _engines(serving: Serving, launch: Launch) -> Iterator[_Engine]:
    """Yield the engines of one machine with their cards."""
    gpu = serving.deployment.rig.gpu
    for at, cards in enumerate(engines_cards(serving)):
        numbers = tuple(map(str, cards)) if gpu.architecture != PROCESSOR else ()
        is_nvidia = gpu.vendor == "NVIDIA"
        if serving.deployment.rig.groups[0].mig:
            numbers = tuple(f"${{MIG_{n}:?UUID of instance {n}, of nvidia-smi -L}}" for n in cards)
        yield _Engine(
            ids=numbers if is_nvidia else (),
            seen="" if is_nvidia else ",".join(numbers),
            port=launch.port + at,
        )


def _mounted_at(container: Container) -> str:
    """Return where the host's folder is mounted: a file's folder, or the folder of weights."""
    return MODELS if container.weights.lower().endswith(".gguf") else container.weights


def _cache_at(container: Container) -> str:
    """Return where the volume is: a folder of the image, so that a fresh one is the user's."""
    home = container.user.home
    return home if container.user.is_sealed else f"{home}/.cache"


def _escaped(word: str) -> str:
    """Return a word in which Compose fills in only what is meant so."""
    return word if is_asked(word) else word.replace("$", "$$")
