"""Whether parts of manifests speak of each other: what a schema does not see."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Document = Mapping[str, Any]
_NAME: Final = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
"""A label of DNS that starts with a letter: what names of services must be."""
_PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")
_BUILT_IN_PODS: Final = ("Deployment",)
_PATHS: Final = (".", "/", "~", "$")
_TRIGGER: Final = {"prometheus": frozenset({"query", "serverAddress", "threshold"})}
"""What a trigger of KEDA must be told (KEDA v2.20.2 pkg/scalers/prometheus_scaler.go)."""


def faults_of(document: Document) -> Iterator[str]:
    """Yield what a cluster would refuse in one document, or never schedule."""
    name = _at(document, "metadata", "name")
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        yield f"metadata.name: {name!r} is no name of small letters, digits and hyphens"
    if document.get("kind") in _BUILT_IN_PODS:
        wanted = _at(document, "spec", "selector", "matchLabels") or {}
        labels = _at(document, "spec", "template", "metadata", "labels") or {}
        if not _selects(wanted, labels):
            yield f"spec.selector: {dict(wanted)} is not in the labels {dict(labels)} of its pods"
    claims = {_at(one, "metadata", "name") for one in _claims(document)}
    for pod, _ in _pods(document):
        yield from _pod_faults(pod, claims)
    for trigger in _at(document, "spec", "triggers") or ():
        missing = _TRIGGER.get(str(trigger.get("type")), frozenset()) - trigger["metadata"].keys()
        if missing:
            yield f"spec.triggers: {trigger['type']} wants {', '.join(sorted(missing))}"


def compose_faults(document: Document) -> Iterator[str]:
    """Yield what Compose would refuse although each service is well written."""
    services, volumes = document.get("services") or {}, document.get("volumes") or {}
    published: set[str] = set()
    for name, service in services.items():
        for other in service.get("depends_on") or ():
            if other not in services:
                yield f"{name} waits for {other}, which is no service"
        for mount in filter(lambda one: isinstance(one, str), service.get("volumes") or ()):
            source = mount.split(":")[0]
            if not source.startswith(_PATHS) and source not in volumes:
                yield f"{name} mounts {source}, which is no volume"
        for port in filter(lambda one: isinstance(one, str), service.get("ports") or ()):
            taken = port.rpartition(":")[0]
            if taken in published:
                yield f"{name} publishes {taken}, which another service has"
            published.add(taken)


def faults_among(documents: Sequence[Document]) -> Iterator[str]:
    """Yield selectors that select nothing and targets that nobody is.

    Of documents without pods nothing is said: their pods may be in other files.
    """
    pods = [labels for one in documents for _, labels in _pods(one)]
    names = {(one.get("kind"), _at(one, "metadata", "name")) for one in documents}
    for one in documents:
        if not pods:
            return
        who = f"{one.get('kind')} {_at(one, 'metadata', 'name')}"
        wanted = _selector(one)
        if wanted is not None and not any(_selects(wanted, labels) for labels in pods):
            yield f"{who} selects {dict(wanted)}, which no pod has"
        target = _at(one, "spec", "scaleTargetRef")
        if target and (target.get("kind"), target.get("name")) not in names:
            yield f"{who} scales {target.get('kind')} {target.get('name')}, which is not there"


def _claims(document: Document) -> Iterable[Document]:
    """Return claims that are made with each pod: their names are volumes of it."""
    own: Iterable[Document] | None = _at(document, "spec", "volumeClaimTemplates")
    of_group = _at(document, "spec", "leaderWorkerTemplate", "volumeClaimTemplates")
    return own or of_group or ()


def _pod_faults(pod: Document, claims: set[Any]) -> Iterator[str]:
    """Yield mounts without a volume, probes without a port, cards that differ from their limit."""
    volumes = {one.get("name") for one in pod.get("volumes") or ()} | claims
    for container in pod.get("containers") or ():
        who = container.get("name")
        for mount in container.get("volumeMounts") or ():
            if mount.get("name") not in volumes:
                yield f"{who} mounts {mount.get('name')}, which is no volume of its pod"
        ports = {
            p.get(key) for p in container.get("ports") or () for key in ("name", "containerPort")
        }
        for probe in _PROBES:
            port = _at(container, probe, "httpGet", "port")
            if port is not None and port not in ports:
                yield f"{who}: {probe} asks port {port}, which is no port of it"
        # A limit alone is a request as well.
        if not _cards(container, "requests").items() <= _cards(container, "limits").items():
            yield f"{who} requests other cards than its limit, which no cluster grants"


def _cards(container: Document, which: str) -> dict[str, str]:
    """Return the extended resources of a container, which have a slash in their name."""
    asked = _at(container, "resources", which) or {}
    return {name: str(count) for name, count in asked.items() if "/" in name}


def _selector(document: Document) -> Mapping[str, str] | None:
    """Return the labels that a document selects pods by; ``None`` where it selects none."""
    if document.get("kind") == "Service":
        plain: Mapping[str, str] | None = _at(document, "spec", "selector")
        return plain
    found: Mapping[str, str] | None = _at(document, "spec", "selector", "matchLabels")
    return found


def _pods(document: Document) -> Iterator[tuple[Document, Mapping[str, str]]]:
    """Yield the pods of a document with their labels."""
    spec = document.get("spec")
    if not isinstance(spec, Mapping):
        return
    templates: Iterable[Any] = (
        spec.get("template"),
        _at(spec, "leaderWorkerTemplate", "leaderTemplate"),
        _at(spec, "leaderWorkerTemplate", "workerTemplate"),
    )
    for template in templates:
        if isinstance(template, Mapping):
            yield template.get("spec") or {}, _at(template, "metadata", "labels") or {}
    predictor = spec.get("predictor")
    if isinstance(predictor, Mapping):
        yield predictor, predictor.get("labels") or {}


def _selects(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether labels have all that is wanted, and something is."""
    return bool(wanted) and wanted.items() <= labels.items()


def _at(document: Any, *path: str) -> Any:  # noqa: ANN401 - JSON
    """Return what lies at a path; ``None`` where nothing does."""
    for key in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(key)
    return document
