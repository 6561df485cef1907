"""Engines by KServe."""

from __future__ import annotations

import pytest
from manifests import only, pods, started

from golden import golden
from rightrig.recipes.places import kserve, kubernetes

LLAMA = "meta-llama/Llama-3.1-8B-Instruct"


@pytest.mark.parametrize(
    ("name", "model", "rig", "runtime"),
    [("one-card", LLAMA, "1xh100-sxm", "vllm"), ("llama-cpp", "qwen3-8b", "1xl4", "llama.cpp")],
)
def test_the_manifest_is_as_it_was_read(name: str, model: str, rig: str, runtime: str) -> None:
    files = kserve.files(*started(model, rig, runtime))
    golden(f"kserve-{name}.yaml", files[1].text)


def test_the_container_is_called_as_kserve_wants_it() -> None:
    (pod,) = pods(kserve.files(*started(LLAMA, "1xh100-sxm", "vllm")))
    assert [one["name"] for one in pod["containers"]] == ["kserve-container"]


def test_engines_are_as_many_as_planned_whatever_processors_do() -> None:
    service = only(
        kserve.files(*started("llama-3.3-70b", "8xh100-sxm", "vllm", tp=4)), "InferenceService"
    )
    predictor = service["spec"]["predictor"]
    assert predictor["minReplicas"] == predictor["maxReplicas"] == 2
    assert service["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "none"


def test_it_is_not_reached_from_outside_the_cluster() -> None:
    service = only(kserve.files(*started(LLAMA, "1xh100-sxm", "vllm")), "InferenceService")
    assert service["metadata"]["labels"]["networking.kserve.io/visibility"] == "cluster-local"


def test_the_pod_is_that_of_a_plain_cluster() -> None:
    found, launch = started(LLAMA, "1xh100-sxm", "vllm")
    (own,) = pods(kserve.files(found, launch))
    (plain,) = pods(kubernetes.files(found, launch))
    plain["containers"][0]["name"] = "kserve-container"
    assert {key: own[key] for key in plain} == plain


def test_a_group_of_machines_is_left_to_leaderworkerset() -> None:
    found, launch = started("deepseek-v3", "2n:8xh200-sxm", "vllm", tp=8, pp=2)
    assert "leaderworkerset.yaml" in (kserve.reason(found, launch) or "")


def test_what_no_cluster_runs_kserve_does_not_either() -> None:
    found, launch = started("qwen3-8b", "1xrtx-4090+1xrtx-3090", "llama.cpp")
    assert kserve.reason(found, launch) == kubernetes.reason(found, launch)
