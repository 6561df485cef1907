"""Reduce published schemas to shapes: names of fields, their types, choices, what is required.

A developer runs it when a new release of an operator is to be known, and commits what it writes
into ``src/rightrig/recipes/data/schemas``:

    python scripts/manifest_shapes.py ScaledObject keda/config/crd/bases/keda.sh_scaledobjects.yaml

Custom resources hold whole pods. Where a part of one has the fields of a definition of Kubernetes,
the shape names that definition, which the package kubernetes-validate has, and stays small.
"""

# ruff: noqa: T201 - a script, which prints

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes_validate.utils import latest_version, schema_contents

SCHEMAS: Final = Path(__file__).parents[1] / "src" / "rightrig" / "recipes" / "data" / "schemas"
DEFINITIONS: Final = "/api/_definitions.json#/$defs"
"""Where the definitions of the package kubernetes-validate are, by their own identifier."""
_LEAST_FIELDS: Final = 3
_LEAST_COMMON_RATIO: Final = 0.8
_APACHE: Final = "Apache-2.0"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a schema was published.

    Attributes:
        version: Of the API, for a custom resource.
        open_fields: Fields of a custom resource, at any depth, that are not looked into.
    """

    source: str
    version: str = ""
    open_fields: tuple[str, ...] = ()


ORIGINS: Final = {
    "LeaderWorkerSet": Origin(
        "github:kubernetes-sigs/lws@v0.10.0: "
        "config/crd/bases/leaderworkerset.x-k8s.io_leaderworkersets.yaml",
        "v1",
    ),
    "ScaledObject": Origin(
        "github:kedacore/keda@v2.20.2: config/crd/bases/keda.sh_scaledobjects.yaml", "v1alpha1"
    ),
    "PodMonitor": Origin(
        "github:prometheus-operator/prometheus-operator@v0.93.0: "
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
        "v1",
    ),
    "InferenceService": Origin(
        "github:kserve/kserve@v0.20.0: "
        "config/crd/full/serving.kserve.io_inferenceservices.yaml",
        "v1beta1",
        (
            "explainer", "transformer", "huggingface", "lightgbm", "onnx", "paddle", "pmml",
            "pytorch", "sklearn", "tensorflow", "triton", "xgboost", "workerSpec",
        ),
    ),
    "RayService": Origin(
        "github:ray-project/kuberay@v1.7.0: "
        "ray-operator/config/crd/bases/ray.io_rayservices.yaml",
        "v1",
    ),
    "Compose": Origin(
        "github:compose-spec/compose-spec@a08f8d51631b7127ddac3d2c65537db429d0f1d0: "
        "schema/compose-spec.json"
    ),
}  # fmt: skip
_KEPT: Final = ("type", "enum", "required")
_COMPOSE_DROPPED: Final = frozenset(
    {"description", "title", "default", "deprecated", "examples", "$id", "format"}
)
"""Words of JSON Schema that say nothing of the shape; a field of one of these names is kept."""


def main() -> None:
    """Write the shape of one kind."""
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    words.add_argument("kind", choices=sorted(ORIGINS))
    words.add_argument("path", type=Path, help="the published schema, YAML or JSON")
    asked = words.parse_args()
    kind, origin = asked.kind, ORIGINS[asked.kind]
    published = yaml.safe_load(asked.path.read_text())
    head: Json = {"kind": kind, "source": origin.source, "licence": _APACHE}
    if kind == "Compose":
        shape = head | {"schema": _compose(published)}
    else:
        shape = head | _custom(published, origin)
    target = SCHEMAS / f"{kind.lower()}.json"
    target.write_text(json.dumps(shape, separators=(",", ":"), sort_keys=True) + "\n")
    print(f"{target.name}: {target.stat().st_size:,} bytes")


def _custom(published: Json, origin: Origin) -> Json:
    """Return the shape of a custom resource, without its status."""
    spec = published["spec"]
    served = next(v for v in spec["versions"] if v["name"] == origin.version)
    schema = served["schema"]["openAPIV3Schema"]
    schema["properties"].pop("status", None)
    schema["properties"]["metadata"] = {}
    found = _reduced(schema, origin.open_fields, is_root=True)
    found["properties"]["metadata"] = {
        "$ref": f"{DEFINITIONS}/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
    }
    found["required"] = sorted({*found.get("required", ()), "apiVersion", "kind", "metadata"})
    return {"apiVersion": f"{spec['group']}/{origin.version}", "schema": found}


def _reduced(node: Json, open_fields: tuple[str, ...], *, is_root: bool = False) -> Json:
    """Return a node of an OpenAPI schema as a strict JSON Schema."""
    if node.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    if not is_root and (name := _definition(node)):
        return {"$ref": f"{DEFINITIONS}/{name}"}
    found: Json = {key: node[key] for key in _KEPT if key in node}
    if "required" in found:
        # What has a default is put in before a cluster checks.
        given = {k for k, value in node.get("properties", {}).items() if "default" in value}
        found["required"] = [name for name in found["required"] if name not in given]
    if "items" in node:
        found["items"] = _reduced(node["items"], open_fields)
    if "properties" in node:
        found["properties"] = {
            name: {"type": "object"} if name in open_fields else _reduced(value, open_fields)
            for name, value in node["properties"].items()
        }
    if isinstance(node.get("additionalProperties"), dict):
        found["additionalProperties"] = _reduced(node["additionalProperties"], open_fields)
    elif "properties" in node and not node.get("x-kubernetes-preserve-unknown-fields"):
        found["additionalProperties"] = False
    return found


def _definition(node: Json) -> str:
    """Return the definition of Kubernetes with the fields of a node; empty without."""
    fields = set(node.get("properties", ()))
    if len(fields) < _LEAST_FIELDS:
        return ""
    alike = {
        name: len(fields) / len(own)
        for name, own in _FIELDS.items()
        if fields <= own and len(fields) >= _LEAST_COMMON_RATIO * len(own)
    }
    return max(alike, key=lambda name: alike[name], default="")


def _kubernetes_fields() -> dict[str, set[str]]:
    """Return the fields of the definitions that pods are made of."""
    folder = f"kubernetes-json-schema/v{latest_version()}-local-strict/_definitions.json"
    known = schema_contents(folder, latest_version())["$defs"]
    rooms = ("io.k8s.api.core.v1.", "io.k8s.api.autoscaling.v2.")
    return {
        name: set(value["properties"])
        for name, value in known.items()
        # Whole objects are alike but for their kind.
        if name.startswith(rooms) and "properties" in value and "kind" not in value["properties"]
    }


_FIELDS: Final = _kubernetes_fields()


def _compose(node: Any, *, is_named: bool = False) -> Any:  # noqa: ANN401 - JSON
    """Return a node of the schema of Compose without its prose.

    Args:
        node: Any value of JSON.
        is_named: Whether the keys of the node are names of fields, not words of JSON Schema.
    """
    if isinstance(node, list):
        return [_compose(value) for value in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _compose(
            value,
            is_named=not is_named and key in {"properties", "patternProperties", "definitions"},
        )
        for key, value in node.items()
        if is_named or key not in _COMPOSE_DROPPED
    }


if __name__ == "__main__":
    main()
