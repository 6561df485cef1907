"""KServe: an InferenceService whose container is the engine.

Its API and what its controller makes of it: KServe v0.20.0, pkg/apis/serving/v1beta1 and
pkg/controller/v1beta1/inferenceservice. Groups of machines it starts only from runtimes of its own
(``workerSpec``), so that an engine that spans machines is left to LeaderWorkerSet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.recipes.launch import File
from rightrig.recipes.places.containers import object_name
from rightrig.recipes.places.kubernetes import labels_of, storage_file, title_of
from rightrig.recipes.places.kubernetes_pods import engines_count, pod_of, pod_reason
from rightrig.recipes.templating import render

if TYPE_CHECKING:
    from rightrig.recipes.launch import Launch
    from rightrig.recipes.serving import Serving

FOLDER: Final = "kserve"
_INSIDE: Final = {"networking.kserve.io/visibility": "cluster-local"}
"""Without it the controller makes a way in from outside (ingress/kube_ingress_reconciler.go)."""


def files(serving: Serving, launch: Launch) -> tuple[File, ...]:
    """Return the manifests.

    Args:
        serving: One that :func:`reason` has nothing against.
        launch: Of its engine.
    """
    text = render(
        "kserve.yaml",
        title=title_of(serving, launch),
        name=object_name(serving),
        labels=labels_of(serving),
        service_labels={**labels_of(serving), **_INSIDE},
        engines=engines_count(serving),
        pod=pod_of(serving, launch),
    )
    return (
        storage_file(serving, launch, FOLDER),
        File(f"{FOLDER}/inferenceservice.yaml", text, "the engines, by KServe"),
    )


def reason(serving: Serving, launch: Launch) -> str | None:
    """Return why KServe cannot run this, with the nearest that it can, or ``None``."""
    against = pod_reason(serving, launch)
    if against is None and serving.engine_nodes > 1:
        return (
            f"one engine spans {serving.engine_nodes} machines, which KServe starts only from "
            "runtimes of its own; apply kubernetes/leaderworkerset.yaml"
        )
    return against
