"""Proof of manifests by published schemas."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes_validate.utils import all_versions, major_minor
from manifests import documents, started

from rightrig.recipes.launch import File
from rightrig.recipes.places import compose, kserve, kubernetes
from rightrig.recipes.proving.manifests import SCHEMAS, VERSIONS, manifest_proofs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.recipes.launch import Launch
    from rightrig.recipes.proving.proof import Proof
    from rightrig.recipes.serving import Serving

CASES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("qwen3-8b", "1xh100-sxm", "vllm", {}),
    ("qwen3-8b", "1xrtx-4090", "vllm", {}),
    ("qwen3-8b", "4xrtx-4090", "vllm", {"tp": 1}),
    ("qwen3-8b", "4xa100-sxm-80gb@mig=2g.20gb", "vllm", {}),
    ("llama-3.3-70b", "4xh100-sxm", "vllm", {}),
    ("llama-3.3-70b", "8xh100-sxm", "vllm", {"tp": 4}),
    ("llama-3.3-70b", "2xh100-sxm", "vllm", {"weights": "fp8"}),
    ("llama-3.3-70b", "4xrtx-4090", "vllm", {"weights": "awq"}),
    ("mixtral-8x7b", "2xh100-sxm", "vllm", {}),
    ("gpt-oss-20b", "1xl40s", "vllm", {}),
    ("deepseek-v3", "2n:8xh200-sxm", "vllm", {"tp": 8, "pp": 2}),
    ("llama-3.1-405b", "2n:8xh100-sxm", "vllm", {"tp": 8, "pp": 2}),
    ("qwen3-8b", "2n:4xl40s", "vllm", {"tp": 1}),
    ("qwen3-8b", "1xh100-sxm", "sglang", {}),
    ("llama-3.3-70b", "8xh100-sxm", "sglang", {"tp": 4}),
    ("mixtral-8x7b", "2xh100-sxm", "sglang", {}),
    ("gpt-oss-20b", "1xl40s", "sglang", {}),
    ("deepseek-v3", "2n:8xh200-sxm", "sglang", {"tp": 8, "pp": 2}),
    ("qwen3-8b", "4xa100-sxm-80gb@mig=2g.20gb", "sglang", {}),
    ("qwen3-8b", "1xh100-sxm", "tensorrt-llm", {}),
    ("llama-3.3-70b", "4xh100-sxm", "tensorrt-llm", {}),
    ("llama-3.3-70b", "8xh100-sxm", "tensorrt-llm", {"tp": 4}),
    ("qwen3-8b", "1xrtx-4090", "llama.cpp", {}),
    ("llama-3.3-70b", "2xrtx-3090", "llama.cpp", {}),
    ("qwen3-8b", "1xrtx-4090+1xrtx-3090", "llama.cpp", {}),
    ("qwen3-8b", "4xa100-sxm-80gb@mig=2g.20gb", "llama.cpp", {}),
    ("qwen3-8b", "2xmi300x", "llama.cpp", {}),
    ("qwen3-8b", "1xarc-pro-b60", "llama.cpp", {}),
    ("qwen3-8b", "1xh100-sxm", "lmdeploy", {}),
    ("llama-3.3-70b", "4xrtx-4090", "lmdeploy", {"weights": "awq"}),
)


def _written(serving: Serving, launch: Launch) -> tuple[File, ...]:
    found: tuple[File, ...] = ()
    for place in (compose, kubernetes, kserve):
        if place.reason(serving, launch) is None:
            found += place.files(serving, launch)
    return found


@pytest.fixture(scope="module")
def plain() -> tuple[File, ...]:
    return _written(*started("llama-3.3-70b", "8xh100-sxm", "vllm", tp=4))


@pytest.fixture(scope="module")
def spanning() -> tuple[File, ...]:
    return _written(*started("deepseek-v3", "2n:8xh200-sxm", "vllm", tp=8, pp=2))


@pytest.mark.parametrize(("model", "rig", "runtime", "choices"), CASES)
def test_every_manifest_is_valid_for_three_versions(
    model: str, rig: str, runtime: str, choices: dict[str, Any]
) -> None:
    files = _written(*started(model, rig, runtime, **choices))
    proofs = manifest_proofs(files)
    assert proofs
    assert [proof for proof in proofs if proof.state != "pass"] == []
    assert all(
        version in proof.said for proof in proofs for version in VERSIONS if ":" in proof.subject
    )
    assert not [one.path for one in files if ":latest" in one.text]


def test_the_versions_are_the_last_three_that_there_are_schemas_of() -> None:
    known = dict.fromkeys(map(major_minor, all_versions()))
    assert tuple(known)[-3:] == VERSIONS


def _failures(files: tuple[File, ...], path: str, old: str, new: str) -> list[Proof]:
    (one,) = [file for file in files if file.path == path]
    assert old in one.text
    changed = replace(one, text=one.text.replace(old, new))
    others = tuple(file for file in files if file.path != path)
    return [proof for proof in manifest_proofs((*others, changed)) if proof.state == "fail"]


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("kubernetes/deployment.yaml", "  replicas: 2", "  replica: 2", "replica"),
        ("kubernetes/deployment.yaml", "  replicas: 2", '  replicas: "two"', "spec.replicas"),
        ("kubernetes/deployment.yaml", "containerPort: 8000", "containerPort: http", "ports"),
        ("kubernetes/deployment.yaml", "  selector:\n    match", "  labels:\n    match", "spec"),
        ("kubernetes/deployment.yaml", "imagePullPolicy", "imagePolicy", "imagePolicy"),
        ("kubernetes/deployment.yaml", "failureThreshold", "failures", "failures"),
        ("kubernetes/deployment.yaml", "medium: Memory", "media: Memory", "media"),
        ("kubernetes/storage.yaml", "accessModes", "accessMode", "accessMode"),
        ("kubernetes/optional/hpa.yaml", "averageValue", "average", "average"),
        ("kubernetes/optional/keda.yaml", "maxReplicaCount", "maxReplicas", "maxReplicas"),
        ("kubernetes/optional/keda.yaml", "    - type: prometheus\n", "    - name: x\n", "type"),
        ("kubernetes/optional/keda.yaml", "behavior: current", "behavior: the", "behavior"),
        ("kubernetes/optional/podmonitor.yaml", "podMetricsEndpoints", "endpoints", "endpoints"),
        ("kserve/inferenceservice.yaml", "minReplicas: 2", 'minReplicas: "2"', "minReplicas"),
        ("kserve/inferenceservice.yaml", "volumeMounts", "mounts", "mounts"),
        ("compose.yaml", "healthcheck:", "healthchecks:", "healthchecks"),
        ("compose.yaml", "start_period: ", "start_periods: ", "start_periods"),
        ("compose.yaml", "device_ids: [", "device_ids: x #", "device_ids"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_found(
    plain: tuple[File, ...], path: str, old: str, new: str, said: str
) -> None:
    failures = _failures(plain, path, old, new)
    assert failures
    assert all(one.remedy for one in failures)
    assert any(said in one.said and path in one.subject for one in failures)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    size: 2", "    sizes: 2", "sizes"),
        ("    size: 2", "    size: two", "size"),
        ("RecreateGroupOnPodRestart", "Recreate", "Recreate"),
        ("    workerTemplate:", "    workersTemplate:", "workersTemplate"),
        ("terminationGracePeriodSeconds", "gracePeriodSeconds", "gracePeriodSeconds"),
    ],
)
def test_a_wrong_field_of_a_group_is_found(
    spanning: tuple[File, ...], old: str, new: str, said: str
) -> None:
    failures = _failures(spanning, "kubernetes/leaderworkerset.yaml", old, new)
    assert any(said in one.said for one in failures)


WORKLOAD = "kubernetes/deployment.yaml"
_LABEL = '{"app.kubernetes.io/name": "'


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("kubernetes/optional/hpa.yaml", 'kind: "Deployment"', "kind: StatefulSet", "not there"),
        (WORKLOAD, f"  selector: {_LABEL}", '  selector: {"app": "', "no pod has"),
        (WORKLOAD, f"    matchLabels: {_LABEL}", '    matchLabels: {"app": "', "labels"),
        (WORKLOAD, "scratch\n              mount", "other\n              mount", "no volume"),
        (WORKLOAD, "  - name: http\n       ", "  - name: web\n       ", "no port"),
        (WORKLOAD, 'gpu: "4"\n            limits', 'gpu: "2"\n            limits', "cards"),
        (
            "kubernetes/optional/keda.yaml",
            "        query:",
            "        question:",
            "prometheus wants query",
        ),
        ("compose.yaml", "      engine-1:\n", "      engine-2:\n", "no service"),
        ("compose.yaml", "127.0.0.1:8001", "127.0.0.1:8000", "another service has"),
        ("compose.yaml", '- "cache:', '- "store:', "no volume"),
        ("kubernetes/storage.yaml", 'name: "llama-3-3', 'name: "Llama_3-3', "no name"),
    ],
)
def test_parts_that_do_not_speak_of_each_other_are_found(
    plain: tuple[File, ...], path: str, old: str, new: str, said: str
) -> None:
    failures = _failures(plain, path, old, new)
    assert any(said in one.said for one in failures)


_NAMED_FREELY = frozenset({
    "labels", "annotations", "matchLabels", "selector", "requests", "limits", "services",
    "environment", "x-engine", "x-environment", "name",
})  # fmt: skip
"""Fields below which anyone may choose names; and names themselves."""


def _keys(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the places of fields that somebody else has named."""
    if isinstance(node, list):
        for at, one in enumerate(node):
            yield from _keys(one, (*path, at))
    elif isinstance(node, dict) and not (path and path[-1] in _NAMED_FREELY):
        for key, one in node.items():
            if key not in _NAMED_FREELY:
                yield (*path, key)
            yield from _keys(one, (*path, key))


def _misspelt(document: dict[str, Any], path: tuple[Any, ...]) -> File:
    changed = copy.deepcopy(document)
    node: Any = changed
    for key in path[:-1]:
        node = node[key]
    node[f"{path[-1]}x"] = node.pop(path[-1])
    name = "compose.yaml" if "services" in changed else "kubernetes/one.yaml"
    return File(name, json.dumps(changed), "")


def test_any_misspelt_field_is_found(plain: tuple[File, ...], spanning: tuple[File, ...]) -> None:
    places = {
        path[-2:]: (document, path)
        for document in documents((*plain, *spanning))
        for path in _keys(document)
        if path not in {("kind",), ("apiVersion",)}
    }
    assert len(places) > 150
    for document, path in places.values():
        (proof,) = manifest_proofs([_misspelt(document, path)])
        assert proof.state == "fail", path


def test_a_kind_without_a_schema_is_said_to_be_unverifiable() -> None:
    text = "apiVersion: example.org/v1\nkind: Engine\nmetadata: {name: one}\n"
    (proof,) = manifest_proofs([File("kubernetes/engine.yaml", text, "")])
    assert proof.state == "unverifiable"
    assert "--dry-run=server" in proof.remedy


def test_another_version_of_a_custom_resource_is_unverifiable(spanning: tuple[File, ...]) -> None:
    (one,) = [file for file in spanning if file.path == "kubernetes/leaderworkerset.yaml"]
    text = one.text.replace("leaderworkerset.x-k8s.io/v1\n", "leaderworkerset.x-k8s.io/v9\n")
    assert manifest_proofs([replace(one, text=text)])[0].state == "unverifiable"


def test_what_is_no_yaml_fails() -> None:
    (proof,) = manifest_proofs([File("compose.yaml", "services: {a: [}", "")])
    assert proof.state == "fail"
    assert "no YAML" in proof.said


def test_a_field_that_is_there_twice_fails(plain: tuple[File, ...]) -> None:
    failures = _failures(plain, "compose.yaml", "  init: true", "  init: true\n  init: false")
    assert any("init twice" in one.said for one in failures)


def test_configurations_of_other_programs_are_left_alone() -> None:
    assert manifest_proofs([File("gateway/litellm.yaml", "model_list: []\n", "")]) == ()


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.stem)
def test_a_shape_is_small_and_says_where_it_is_from(path: Any) -> None:
    found = json.loads(path.read_text())
    assert path.stat().st_size < 25_000
    assert found["source"].startswith("github:")
    assert "@" in found["source"]
    assert found["licence"] == "Apache-2.0"
    assert '"description"' not in path.read_text() or found["kind"] == "Compose"
