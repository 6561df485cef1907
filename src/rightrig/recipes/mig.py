"""How to cut MIG instances: commands of ``nvidia-smi``, and what a Kubernetes cluster needs.

Commands: NVIDIA's MIG user guide. A profile is named by its number where the record has it, else
by its name; ``:START`` behind it fixes the place. The cluster's configuration is that of the GPU
operator's MIG manager (``mig-parted``), and pods ask for ``nvidia.com/mig-PROFILE`` as the device
plugin offers it under the strategy ``mixed``.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.planning.tenancy.mig_layouts import sure_order
from rightrig.recipes.engines import vllm
from rightrig.recipes.engines.paged import CHECKPOINT
from rightrig.recipes.making import Use, unpredicted
from rightrig.recipes.places.containers import container_of, container_reason
from rightrig.recipes.places.kubernetes_pods import resource_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rightrig.facts.mig import MigProfile
    from rightrig.planning.tenancy.engine import TenantEngine
    from rightrig.planning.tenancy.mig_layouts import Layout
    from rightrig.planning.tenancy.tenants import MigCard
    from rightrig.recipes.serving import Serving

FORMS: Final = ("nvidia-smi", "kubernetes")
CONFIG: Final = "rightrig"
"""What the layout is called in the MIG manager's configuration."""
_MOST_NAME: Final = 50
_PLACES_WHY: Final = (
    "No order of creation is sure to end in this layout, since the driver may put an",
    "instance where another one has its only place: each is created at its place.",
)


def nvidia_smi(layouts: Sequence[Layout]) -> str:
    """Return a shell script that cuts cards 0, 1 … into layouts.

    The short command names profiles in an order that is sure to end in the layout wherever the
    driver puts each. Where no order is sure, every profile is followed by its place.

    Args:
        layouts: One for each card, in the order of the cards.
    """
    lines = [
        "#!/bin/sh",
        f"# Cut {len(layouts)} × {layouts[0].table.slug} into MIG instances.",
        "# Needs root, and cards that nobody uses.",
        "# Instances are gone after a reboot: run this again, or let a service do it.",
        "set -eu",
    ]
    for index, layout in enumerate(layouts):
        lines += ["", *_card_lines(index, layout)]
    lines += [
        "",
        "# What is there now, and the names that CUDA_VISIBLE_DEVICES takes:",
        "nvidia-smi mig -lgi",
        "nvidia-smi -L",
        "# To undo: nvidia-smi mig -dci && nvidia-smi mig -dgi && nvidia-smi -mig 0",
    ]
    return "\n".join(lines) + "\n"


def creation(layout: Layout) -> str | None:
    """Return what ``-cgi`` takes without places; ``None`` where the driver may spoil it."""
    order = sure_order(layout)
    return None if order is None else ",".join(_number(profile) for profile in order)


def placed_creation(layout: Layout) -> str:
    """Return what ``-cgi`` takes with every place: ``9:4,14:0,14:2``.

    The widest instances come first.
    """
    placed = sorted(
        layout.placed, key=lambda p: (-p.profile.compute_slice_count, p.profile.profile, p.start)
    )
    return ",".join(f"{_number(p.profile)}:{p.start}" for p in placed)


def mig_parted(layouts: Sequence[Layout]) -> str:
    """Return the configuration of ``nvidia-mig-parted`` for cards 0, 1 … of a node."""
    lines = ["version: v1", "mig-configs:", f"  {CONFIG}:"]
    for index, layout in enumerate(layouts):
        lines += [
            f"    - devices: [{index}]",
            "      mig-enabled: true",
            "      mig-devices:",
            *(f'        "{name}": {count}' for name, count in layout.counts.items()),
        ]
    return "\n".join(lines) + "\n"


def kubernetes(cards: Sequence[MigCard]) -> str:
    """Return the manifests of a node: the MIG manager's configuration and a pod a tenant.

    Args:
        cards: The cards of the node; those without tenants get a configuration only.

    Raises:
        InputError: for tenants of a runtime whose container is not known here, or that it would
            not start.
    """
    head = [
        "# The GPU operator must run with mig.strategy=mixed and",
        f"# migManager.config.name={CONFIG}-mig; then choose the layout for a node:",
        f"#   kubectl label node NODE nvidia.com/mig.config={CONFIG} --overwrite",
        "apiVersion: v1",
        "kind: ConfigMap",
        "metadata:",
        f"  name: {CONFIG}-mig",
        "  namespace: gpu-operator",
        "data:",
        "  config.yaml: |",
        *(f"    {line}" for line in mig_parted([c.layout for c in cards]).splitlines()),
    ]
    manifests = ["\n".join(head), *_deployments(cards)]
    return "\n---\n".join(manifests) + "\n"


def _card_lines(index: int, layout: Layout) -> Iterator[str]:
    """Yield the commands for one card."""
    short = creation(layout)
    yield f"# Card {index}: {layout.text}"
    yield f"nvidia-smi -i {index} -mig 1"
    placed = f"nvidia-smi mig -i {index} -cgi {placed_creation(layout)} -C"
    if short is None:
        yield from (f"# {line}" for line in _PLACES_WHY)
        yield placed
    else:
        yield f"nvidia-smi mig -i {index} -cgi {short} -C"
        yield f"# The same with every place: {placed}"


def _number(profile: MigProfile) -> str:
    """Return how ``-cgi`` calls a profile."""
    return profile.profile if profile.profile_id is None else str(profile.profile_id)


def _deployments(cards: Iterable[MigCard]) -> Iterator[str]:
    """Yield a deployment for each kind of tenant on each profile."""
    seats: dict[tuple[str, str], list[TenantEngine]] = {}
    for card in cards:
        for instance in card.instances:
            key = (instance.engine.tenant.name, instance.placed.profile.profile)
            seats.setdefault(key, []).append(instance.engine)
    names: set[str] = set()
    for number, ((tenant, profile), engines) in enumerate(seats.items()):
        name = _object_name(tenant, profile)
        name = f"{name}-{number}" if name in names else name
        names.add(name)
        yield _deployment(name, engines[0], profile, len(engines))


def _deployment(name: str, engine: TenantEngine, profile: str, count: int) -> str:
    """Return one deployment: a pod a tenant, each with an instance of its own."""
    serving = _serving(engine)
    launch = vllm.launch_of(serving)
    reason = vllm.reason(serving) or container_reason(serving, launch)
    if reason:
        raise InputError(f"--recipe kubernetes, {_comment(engine.tenant.name)}: {reason}")
    container = container_of(serving, launch)
    words = "\n".join(f"            - {_quoted(word)}" for word in container.args)
    wanted = f"\n# Replace {CHECKPOINT} by {_comment(serving.checkpoint_wanted)}."
    return f"""\
# {count} × {_comment(engine.tenant.name)}, each on an instance of {profile}\
{wanted if serving.checkpoint_wanted else ""}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  replicas: {count}
  selector:
    matchLabels: {{app: {name}}}
  template:
    metadata:
      labels: {{app: {name}}}
    spec:
      containers:
        - name: engine
          image: {_quoted(container.image)}
          args:
{words}
          resources:
            limits:
              {resource_name(profile)}: 1"""


def _serving(engine: TenantEngine) -> Serving:
    """Return what the engine of a tenant is started for: with every limit of its fit."""
    deployment, tenant = engine.fit.deployment, engine.tenant
    if deployment.runtime.slug != "vllm":
        raise InputError(
            f"--recipe kubernetes writes pods of vLLM, and {tenant.name} runs on "
            f"{deployment.runtime.name}; use --recipe nvidia-smi"
        )
    return unpredicted(
        deployment,
        Use(
            context_tokens=tenant.context_tokens,
            concurrency=tenant.concurrency,
            input_tokens=round(tenant.lengths.input_tokens),
            output_tokens=round(tenant.lengths.output_tokens),
        ),
    )


def _quoted(word: str) -> str:
    """Return a word as YAML takes it."""
    return json.dumps(word, ensure_ascii=False)


def _comment(text: str) -> str:
    """Return a text that stays on one line of comment."""
    return "".join(c if c.isprintable() else " " for c in text)[:_MOST_NAME]


def _object_name(name: str, profile: str) -> str:
    """Return a name that Kubernetes takes: letters, digits and hyphens.

    >>> _object_name("meta-llama/Llama-2-7b", "1g.10gb")
    'meta-llama-llama-2-7b-1g-10gb'
    """
    text = re.sub(r"[^a-z0-9]+", "-", name.lower())[:_MOST_NAME].strip("-") or "tenant"
    return f"{text}-{re.sub(r'[^a-z0-9]+', '-', profile)}"
