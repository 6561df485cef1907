"""From a serving to everything that starts it: the engine's command, and a file a place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.recipes import monitoring
from rightrig.recipes.engines import (
    llama_cpp,
    lmdeploy,
    ollama,
    sglang,
    tensorrt_llm,
    transformers,
    vllm,
)
from rightrig.recipes.environment import environment_of
from rightrig.recipes.load_test import load_test
from rightrig.recipes.places import (
    compose,
    gateways,
    kserve,
    kubernetes,
    ray_serve,
    shell,
    systemd,
)
from rightrig.recipes.proving.flags import flags_proof
from rightrig.recipes.proving.ray_serve import kwargs_proof
from rightrig.recipes.proving.room import room_proofs
from rightrig.recipes.proving.topology import topology_script
from rightrig.recipes.readme import readme
from rightrig.recipes.recipe import LeftOut, Recipe
from rightrig.recipes.versions import lock_file, stack_reason

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

    from rightrig.recipes.launch import File, Launch, Variable
    from rightrig.recipes.proving.proof import Proof
    from rightrig.recipes.serving import Serving

ENGINES: Final = {
    "vllm": vllm, "sglang": sglang, "tensorrt-llm": tensorrt_llm, "llama.cpp": llama_cpp,
    "ollama": ollama, "lmdeploy": lmdeploy, "transformers": transformers,
}  # fmt: skip
"""Engines that recipes are written for."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a deployment may run.

    Attributes:
        files: Makes its files, where there is no reason against them.
        reason: Says why there are none, or ``None``; asked here, once for every place.
    """

    name: str
    files: Callable[[Serving, Launch], tuple[File, ...]]
    reason: Callable[[Serving, Launch], str | None] = lambda _serving, _launch: None


PLACES: Final = (
    Place("shell", shell.files, shell.reason),
    Place("compose", compose.files, compose.reason),
    Place("kubernetes", kubernetes.files, kubernetes.reason),
    Place("kserve", kserve.files, kserve.reason),
    Place("ray-serve", ray_serve.files, lambda serving, _: ray_serve.reason(serving)),
    Place("systemd", systemd.files, lambda serving, _: systemd.reason(serving)),
    Place("gateway", gateways.files),
    Place("monitoring", monitoring.files),
)
"""In the order in which a recipe lists their files."""


def engine_reason(serving: Serving) -> str | None:
    """Return why the engine would not start this, with the nearest that it would, or ``None``.

    Raises:
        InputError: for an engine that no recipe is written for.
    """
    slug = serving.runtime.slug
    if slug not in ENGINES:
        known = ", ".join(ENGINES)
        raise InputError(f"no recipe is written for {serving.runtime.name}; there are {known}")
    return ENGINES[slug].reason(serving) or stack_reason(serving)


def recipe_of(serving: Serving, proves: Callable[[Recipe], tuple[Proof, ...]] | None) -> Recipe:
    """Return everything that starts a deployment.

    Args:
        serving: One that fits.
        proves: Proves more than the command and the room, from the files; ``None`` for no more.

    Raises:
        InputError: where the engine would not start it.
        MissingError: without the extras ``recipes`` and ``watch``.
    """
    reason = engine_reason(serving)
    if reason:
        raise InputError(reason)
    launch = ENGINES[serving.runtime.slug].launch_of(serving)
    launch = replace(launch, environment=(*launch.environment, *_others(serving, launch)))
    left = tuple(LeftOut(p.name, why) for p in PLACES if (why := p.reason(serving, launch)))
    without = {one.place for one in left}
    made = [file for p in PLACES if p.name not in without for file in p.files(serving, launch)]
    files = (
        *launch.files, *made, topology_script(serving), load_test(serving, launch),
        lock_file(serving),
    )  # fmt: skip
    found = Recipe(serving, launch, files, left, tuple(_proofs(serving, launch, without)))
    if proves is not None:
        found = replace(found, proofs=(*found.proofs, *proves(found)))
    first = readme(serving, launch, files, found.proofs)
    return replace(found, files=(first, *files))


def _proofs(serving: Serving, launch: Launch, without: Container[str]) -> Iterator[Proof]:
    """Yield what costs nothing to prove: words and room."""
    yield flags_proof(launch)
    if "ray-serve" not in without:
        yield kwargs_proof(launch)
    yield from room_proofs(serving)


def _others(serving: Serving, launch: Launch) -> Iterator[Variable]:
    """Yield the variables of the rig that the engine does not set itself."""
    own = {one.name for one in launch.environment}
    yield from (one for one in environment_of(serving) if one.name not in own)
