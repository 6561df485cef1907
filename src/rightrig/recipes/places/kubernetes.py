"""Kubernetes: plain manifests of a deployment's engines.

An engine on one machine is a pod of a Deployment; one that spans machines is a group of pods of a
LeaderWorkerSet. What scales and watches them is optional, and lies in a folder of its own, which
``kubectl apply -f kubernetes/`` leaves alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.recipes.launch import File
from rightrig.recipes.patience import startup_s
from rightrig.recipes.places.containers import object_name
from rightrig.recipes.places.kubernetes_pods import (
    claim_text,
    engines_count,
    pod_of,
    pod_reason,
    waiting_count,
)
from rightrig.recipes.templating import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.recipes.launch import Launch
    from rightrig.recipes.serving import Serving

FOLDER: Final = "kubernetes"
NAME_LABEL: Final = "app.kubernetes.io/name"
ROLE_LABEL: Final = "role"
_MOST_S: Final = 1_800
"""Longest period of a policy of a HorizontalPodAutoscaler (autoscaling/v2)."""


@dataclass(frozen=True, slots=True)
class _Workload:
    """What is scaled."""

    api: str
    kind: str


_DEPLOYMENT: Final = _Workload("apps/v1", "Deployment")
_GROUPS: Final = _Workload("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet")


def files(serving: Serving, launch: Launch) -> tuple[File, ...]:
    """Return the manifests.

    Args:
        serving: One that :func:`reason` has nothing against.
        launch: Of its engine.
    """
    return (
        storage_file(serving, launch, FOLDER),
        _workload_file(serving, launch),
        *_optional(serving, launch),
    )


def reason(serving: Serving, launch: Launch) -> str | None:
    """Return why a cluster cannot run this, with the nearest that it can, or ``None``."""
    return pod_reason(serving, launch)


def labels_of(serving: Serving) -> dict[str, str]:
    """Return the labels of all objects of a deployment."""
    return {NAME_LABEL: object_name(serving)}


def title_of(serving: Serving, launch: Launch) -> str:
    """Return what is started, in a line."""
    rig = serving.deployment.rig.text
    return f"{serving.name} on {rig}: {launch.engine} {launch.version}"


def storage_file(serving: Serving, launch: Launch, folder: str) -> File:
    """Return what is there before the engines: account, disk, configuration."""
    container = pod_of(serving, launch).container
    text = render(
        "kubernetes-storage.yaml",
        title=title_of(serving, launch),
        name=object_name(serving),
        labels=labels_of(serving),
        is_shared=_is_shared(serving),
        claim=claim_text(serving),
        weights=container.weights,
        files=container.files,
    )
    return File(f"{folder}/storage.yaml", text, "account and disk of the engines")


def _is_shared(serving: Serving) -> bool:
    """Whether pods on several nodes read one disk."""
    return engines_count(serving) * serving.engine_nodes > 1


def _workload_file(serving: Serving, launch: Launch) -> File:
    """Return the engines, their service, and how nodes may be drained."""
    own = labels_of(serving)
    spans = serving.engine_nodes > 1
    template = "kubernetes-leaderworkerset.yaml" if spans else "kubernetes-deployment.yaml"
    text = render(
        template,
        title=title_of(serving, launch),
        name=object_name(serving),
        labels=own,
        leader_labels={**own, ROLE_LABEL: "leader"},
        worker_labels={**own, ROLE_LABEL: "worker"},
        engines=engines_count(serving),
        machines=serving.engine_nodes,
        pod=pod_of(serving, launch),
        worker=pod_of(serving, launch, worker=True) if spans else None,
    )
    name = "leaderworkerset" if spans else "deployment"
    return File(f"{FOLDER}/{name}.yaml", text, "the engines and their service")


def _optional(serving: Serving, launch: Launch) -> Iterator[File]:
    """Yield what needs more than a plain cluster."""
    if launch.metrics:
        yield File(f"{FOLDER}/optional/podmonitor.yaml", _monitor(serving, launch), "metrics")
    if launch.metrics and launch.waiting_metric:
        yield File(
            f"{FOLDER}/optional/hpa.yaml",
            _scaler(serving, launch, "kubernetes-hpa.yaml"),
            "more engines when requests wait, by the Prometheus adapter",
        )
        yield File(
            f"{FOLDER}/optional/keda.yaml",
            _scaler(serving, launch, "kubernetes-keda.yaml"),
            "the same by KEDA; either of them",
        )


def _monitor(serving: Serving, launch: Launch) -> str:
    """Return which pods Prometheus reads: those that serve metrics."""
    own = labels_of(serving)
    leads = {ROLE_LABEL: "leader"} if serving.engine_nodes > 1 else {}
    return render(
        "kubernetes-podmonitor.yaml",
        name=object_name(serving),
        labels=own,
        selected={**own, **leads},
        path=launch.metrics,
    )


def _scaler(serving: Serving, launch: Launch, template: str) -> str:
    """Return what starts another engine when requests wait for those that there are."""
    name, metric = object_name(serving), launch.waiting_metric
    engines, spans = engines_count(serving), serving.engine_nodes > 1
    return render(
        template,
        name=name,
        metric=metric,
        shown_metric=metric.replace(":", "_"),
        # Pods are called after their workload; another's name may begin alike.
        query=f'sum({metric}{{pod=~"{name}-{"[0-9]+" if spans else "[a-z0-9]+-[a-z0-9]+"}"}})',
        target=_GROUPS if spans else _DEPLOYMENT,
        is_shared=_is_shared(serving),
        engines=engines,
        most=2 * engines,
        waiting=waiting_count(serving),
        why="Half of the requests that may wait for one engine",
        start_s=min(_MOST_S, startup_s(serving)),
    )
