"""Ray Serve LLM: the engine's flags as keywords of a configuration of Ray Serve.

Ray 2.60.0, python/ray/llm/_internal/serve: core/configs/llm_config.py, core/ingress/builder.py,
engines/vllm/vllm_models.py, serving_patterns/data_parallel. KubeRay: ray.io/v1 RayService.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from rightrig.facts.catalog import shipped
from rightrig.facts.gpu import PROCESSOR
from rightrig.prediction.host_loading import loading_host_bytes
from rightrig.quantities import GIB
from rightrig.recipes.launch import File
from rightrig.recipes.patience import answer_s, waiting_requests
from rightrig.recipes.places.listening import EVERY_INTERFACE, listens_at
from rightrig.recipes.templating import render

if TYPE_CHECKING:
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.runtime import Stack
    from rightrig.recipes.launch import Launch
    from rightrig.recipes.serving import Serving

_TYPES: Final = {
    "v100": "V100", "p100": "P100", "t4": "T4", "a10g": "A10G", "l4": "L4", "l40s": "L40S",
    "a100": "A100", "h100": "H100", "h200": "H200", "h20": "H20", "b200": "B200", "b300": "B300",
    "gb200": "GB200", "gb300": "GB300", "rtx-pro-6000": "RTX-PRO-6000",
    "mi100": "AMD-Instinct-MI100", "mi210": "AMD-Instinct-MI210",
    "mi250": "AMD-Instinct-MI250X-MI250", "mi250x": "AMD-Instinct-MI250X",
    "mi300x": "AMD-Instinct-MI300X-OAM", "mi325x": "AMD-Instinct-MI325X-OAM",
    "mi350x": "AMD-Instinct-MI350X-OAM", "mi355x": "AMD-Instinct-MI355X-OAM",
    "max-1100": "Intel-GPU-Max-1100", "max-1550": "Intel-GPU-Max-1550",
}  # fmt: skip
"""Cards → what Ray calls them (util/accelerators/accelerators.py). An A10 is left out on purpose:
LLMConfig asks for A10G in its stead, which no machine with an A10 has."""
_RAYS_OWN: Final = frozenset(
    {
        "host", "port", "served_model_name", "model", "api_server_count", "headless",
        "distributed_executor_backend", "disable_log_stats", "data_parallel_size_local",
        "data_parallel_address", "data_parallel_rpc_port", "data_parallel_backend",
        "data_parallel_start_rank", "data_parallel_hybrid_lb", "data_parallel_external_lb",
    }
)  # fmt: skip
"""Options of vLLM that Ray sets itself, or refuses."""
_WORKER_CPUS: Final = 4
_SPARE_HOST_BYTES: Final = 16 * GIB


def reason(serving: Serving) -> str | None:
    """Return why Ray Serve LLM does not serve this, with the nearest that it does, or ``None``."""
    rig = serving.deployment.rig
    if serving.runtime.slug != "vllm":
        return f"Ray Serve LLM starts vLLM, not {serving.runtime.name}; plan with --runtime vllm"
    if rig.gpu.architecture == PROCESSOR or rig.gpu.vendor == "Apple":
        return f"Ray knows no cards of {rig.gpu.name}; start vLLM itself"
    if any(group.mig for group in rig.groups):
        return "Ray deals out whole cards, not MIG instances; use Kubernetes or systemd for them"
    return None


def files(serving: Serving, launch: Launch) -> tuple[File, ...]:
    """Return a configuration for ``serve run``, and a RayService for Kubernetes.

    The published image is for NVIDIA's cards, and so is the RayService.

    Args:
        serving: One that :func:`reason` has nothing against.
        launch: Of its engine.
    """
    stack, values = ray_stack(), _values(serving, launch)
    config = render("ray-serve.yaml", **values, stack=stack, is_embedded=False)
    found = (File("ray/serve.yaml", config, "Ray Serve LLM: serve run ray/serve.yaml"),)
    if serving.deployment.rig.gpu.vendor != "NVIDIA" or not stack.image:
        return found
    inside = {**values, "host": EVERY_INTERFACE}
    config = render("ray-serve.yaml", **inside, stack=stack, is_embedded=True)
    text = render("rayservice.yaml", **_cluster(serving, launch), stack=stack, config=config)
    return (*found, File("ray/rayservice.yaml", text, "the same on Kubernetes with KubeRay"))


def engine_kwargs(launch: Launch) -> dict[str, Any]:
    """Return the flags of vLLM as the keywords of its engine, which bear the same names.

    >>> from rightrig.recipes.launch import Flag, Launch
    >>> flags = Flag("--max-num-seqs", "16"), Flag("--no-enable-prefix-caching")
    >>> engine_kwargs(Launch("vllm", "0.33.0", ("vllm", "serve"), flags, 8000, "/health"))
    {'max_num_seqs': 16, 'enable_prefix_caching': False}
    """
    found: dict[str, Any] = {}
    for flag in launch.flags:
        name = flag.name.removeprefix("--").replace("-", "_")
        if flag.value is None:
            found[name.removeprefix("no_")] = not name.startswith("no_")
        else:
            found[name] = _typed(flag.value)
    return {name: value for name, value in found.items() if name not in _RAYS_OWN}


def accelerator_type(gpu: Gpu) -> str | None:
    """Return what Ray calls a card, or ``None`` where it has no name for it."""
    names = sorted(_TYPES, key=len, reverse=True)
    found = (name for name in names if gpu.slug == name or gpu.slug.startswith(f"{name}-"))
    name = next(found, None)
    return None if name is None else _TYPES[name]


def ray_stack() -> Stack:
    """Return the newest version of Ray, with what is known to work with it."""
    return shipped().runtime("ray-serve-llm").stacks[0]


def _values(serving: Serving, launch: Launch) -> dict[str, object]:
    """Return what the configuration names."""
    split = serving.deployment.parallelism
    engines = split.replicas * serving.rigs_count
    return {
        "name": serving.name,
        "version": launch.version,
        "rig": serving.deployment.rig.text,
        "source": next(iter(launch.positional), serving.checkpoint),
        "host": listens_at(serving),
        "port": launch.port,
        "accelerator": accelerator_type(serving.deployment.rig.gpu),
        "strategy": "PACK" if serving.engine_nodes > 1 else "STRICT_PACK",
        "has_groups": split.attention_dp > 1,
        "engines": engines,
        "ongoing": -(-serving.engine_seqs // split.attention_dp),
        "queued": waiting_requests(serving) * engines,
        "answer_s": answer_s(serving),
        "environment": [one for one in launch.environment if not one.value.startswith("${")],
        "wanted": [one.name for one in launch.environment if one.value.startswith("${")],
        "engine_kwargs": engine_kwargs(launch),
        "loras": serving.deployment.companions.lora_count,
    }


def _cluster(serving: Serving, launch: Launch) -> dict[str, object]:
    """Return what the RayService names beside."""
    rig = serving.deployment.rig
    host_bytes = loading_host_bytes(serving.fit).high + _SPARE_HOST_BYTES
    return {
        "cluster": _dns_name(serving.name),
        "machines": rig.nodes_count * serving.rigs_count,
        "cards": rig.cards_per_node,
        "cpus": _WORKER_CPUS * rig.cards_per_node,
        "memory_gib": round(host_bytes / GIB),
        "port": launch.port,
    }


def _dns_name(name: str) -> str:
    """Return a name of a model as Kubernetes takes it (RFC 1123)."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.rpartition("/")[2].lower())
    return plain.strip("-")[:40].rstrip("-") or "model"


def _typed(text: str) -> object:
    """Return a value as the keyword takes it: a number, JSON, or a word."""
    try:
        return json.loads(text) if text[:1] in "-0123456789{[" else text
    except json.JSONDecodeError:
        return text
