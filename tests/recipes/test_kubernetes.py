"""Manifests of Kubernetes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from manifests import documents, launch_of, only, pods, started
from servings import serving

from golden import golden
from rightrig.demand.objective import Slo
from rightrig.prediction.host_loading import loading_host_bytes
from rightrig.quantities import GIB
from rightrig.recipes.launch import Flag, Variable
from rightrig.recipes.patience import startup_s
from rightrig.recipes.places import kubernetes
from rightrig.recipes.places.kubernetes_pods import waiting_count

if TYPE_CHECKING:
    from rightrig.recipes.launch import File

LLAMA = "meta-llama/Llama-3.1-8B-Instruct"
TWO_MACHINES = ("deepseek-v3", "2n:8xh200-sxm")


def _files(model: str, on: str, runtime: str = "vllm", **choices: Any) -> tuple[File, ...]:
    return kubernetes.files(*started(model, on, runtime, **choices))


def _container(files: tuple[File, ...]) -> dict[str, Any]:
    (pod,) = pods(files)
    (found,) = pod["containers"]
    return dict(found)


@pytest.mark.parametrize(
    ("name", "model", "rig", "runtime", "choices"),
    [
        ("one-card", LLAMA, "1xh100-sxm", "vllm", {}),
        ("two-engines", "llama-3.3-70b", "8xh100-sxm", "vllm", {"tp": 4}),
        ("instances", "qwen3-8b", "2xa100-sxm-80gb@mig=2g.20gb", "llama.cpp", {}),
        ("extra-file", "llama-3.3-70b", "4xh100-sxm", "tensorrt-llm", {}),
        ("two-machines", *TWO_MACHINES, "vllm", {"tp": 8, "pp": 2}),
        ("two-machines-sglang", *TWO_MACHINES, "sglang", {"tp": 8, "pp": 2}),
    ],
)
def test_the_manifests_are_as_they_were_read(
    name: str, model: str, rig: str, runtime: str, choices: dict[str, Any]
) -> None:
    files = _files(model, rig, runtime, **choices)
    text = "".join(f"##### {one.path}\n{one.text}" for one in files)
    golden(f"kubernetes-{name}.yaml", text)


def test_an_engine_is_a_pod_with_its_cards() -> None:
    files = _files("llama-3.3-70b", "8xh100-sxm", tp=4)
    assert only(files, "Deployment")["spec"]["replicas"] == 2
    resources = _container(files)["resources"]
    assert resources["limits"]["nvidia.com/gpu"] == resources["requests"]["nvidia.com/gpu"] == "4"


def test_engines_of_all_rigs_are_counted() -> None:
    found = serving("llama-3.3-70b", "8xh100-sxm", runtime="vllm", tp=4, use={"rigs_count": 3})
    files = kubernetes.files(found, launch_of(found))
    assert only(files, "Deployment")["spec"]["replicas"] == 6
    assert only(files, "HorizontalPodAutoscaler")["spec"]["minReplicas"] == 6


@pytest.mark.parametrize(
    ("rig", "resource"),
    [
        ("1xh100-sxm", "nvidia.com/gpu"),
        ("1xa100-sxm-80gb@mig=1g.20gb", "nvidia.com/mig-1g.20gb"),
        ("1xmi300x", "amd.com/gpu"),
        ("1xarc-pro-b60", "gpu.intel.com/xe"),
        ("1xmax-1550", "gpu.intel.com/i915"),
    ],
)
def test_cards_are_called_as_their_device_plugin_does(rig: str, resource: str) -> None:
    found = serving("qwen3-4b", rig, runtime="vllm")
    launch = replace(launch_of(found), image="registry.example/engine:1")
    limits = _container(kubernetes.files(found, launch))["resources"]["limits"]
    assert limits[resource] == "1"


def test_nodes_are_those_with_the_planned_card() -> None:
    (pod,) = pods(_files(LLAMA, "1xh100-sxm"))
    terms = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (wanted,) = terms["nodeSelectorTerms"][0]["matchExpressions"]
    assert wanted["key"] == "nvidia.com/gpu.product"
    assert "NVIDIA-H100-80GB-HBM3" in wanted["values"]
    assert not [value for value in wanted["values"] if " " in value]


def test_probes_ask_the_path_and_port_of_the_engine() -> None:
    container = _container(_files(LLAMA, "1xh100-sxm", "sglang"))
    assert container["ports"] == [{"name": "http", "containerPort": 30000}]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/health", "port": "http"}


def test_a_start_has_the_time_that_a_model_of_its_size_wants() -> None:
    found, launch = started("llama-3.3-70b", "4xh100-sxm", "vllm")
    files = kubernetes.files(found, launch)
    probe = _container(files)["startupProbe"]
    assert probe["failureThreshold"] * probe["periodSeconds"] == startup_s(found)
    assert only(files, "Deployment")["spec"]["progressDeadlineSeconds"] > startup_s(found)


def test_memory_is_what_loading_wants() -> None:
    found, launch = started("llama-3.3-70b", "4xh100-sxm", "vllm")
    resources = _container(kubernetes.files(found, launch))["resources"]
    loading = loading_host_bytes(found.fit)
    least, most = (
        float(resources[which]["memory"].removesuffix("Gi")) * GIB
        for which in ("requests", "limits")
    )
    assert loading.mid < least < loading.mid + 24.0 * GIB
    assert loading.high < most < loading.high + 40.0 * GIB


def test_the_claim_holds_the_published_weights_where_they_are_made_smaller() -> None:
    found, launch = started("llama-3.3-70b", "2xh100-sxm", "vllm", weights="fp8")
    claim = only(kubernetes.files(found, launch), "PersistentVolumeClaim")
    size_gib = float(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi"))
    assert 141e9 / GIB < size_gib < 200.0


def test_only_pods_of_one_node_share_a_disk_of_one_node() -> None:
    one = only(_files(LLAMA, "1xh100-sxm"), "PersistentVolumeClaim")
    several = only(_files("llama-3.3-70b", "8xh100-sxm", tp=4), "PersistentVolumeClaim")
    assert one["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert several["spec"]["accessModes"] == ["ReadWriteMany"]


@pytest.mark.parametrize(("runtime", "user"), [("vllm", 2000), ("llama.cpp", 1000)])
def test_nobody_is_root_where_the_image_allows(runtime: str, user: int) -> None:
    (pod,) = pods(_files("qwen3-8b", "1xh100-sxm", runtime))
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == user


@pytest.mark.parametrize("runtime", ["vllm", "sglang", "tensorrt-llm", "lmdeploy", "llama.cpp"])
def test_no_container_has_rights_that_it_does_not_need(runtime: str) -> None:
    (pod,) = pods(_files("qwen3-8b", "1xh100-sxm", runtime))
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    security = pod["containers"][0]["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}


def test_variables_of_services_do_not_reach_the_engine() -> None:
    (pod,) = pods(_files(LLAMA, "1xh100-sxm"))
    assert pod["enableServiceLinks"] is False


def test_the_token_of_the_hub_is_a_secret_that_open_models_do_without() -> None:
    container = _container(_files(LLAMA, "1xh100-sxm"))
    (token,) = [one for one in container["env"] if one["name"] == "HF_TOKEN"]
    assert token["valueFrom"]["secretKeyRef"]["optional"] is True


def test_an_update_needs_no_spare_card() -> None:
    strategy = only(_files(LLAMA, "1xh100-sxm"), "Deployment")["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_the_budget_of_disruptions_is_for_the_pods_of_the_deployment() -> None:
    files = _files("llama-3.3-70b", "8xh100-sxm", tp=4)
    budget, workload = only(files, "PodDisruptionBudget"), only(files, "Deployment")
    labels = workload["spec"]["template"]["metadata"]["labels"]
    assert budget["spec"]["selector"]["matchLabels"] == labels
    assert workload["spec"]["selector"]["matchLabels"] == labels
    assert only(files, "Service")["spec"]["selector"] == labels


@pytest.mark.parametrize(
    ("model", "rig", "choices", "kind"),
    [
        (LLAMA, "1xh100-sxm", {}, "Deployment"),
        (*TWO_MACHINES, {"tp": 8, "pp": 2}, "LeaderWorkerSet"),
    ],
)
def test_either_scaler_targets_the_workload(
    model: str, rig: str, choices: dict[str, Any], kind: str
) -> None:
    files = _files(model, rig, **choices)
    workload = only(files, kind)
    for scaler in ("HorizontalPodAutoscaler", "ScaledObject"):
        target = only(files, scaler)["spec"]["scaleTargetRef"]
        assert target["kind"] == kind
        assert target["apiVersion"] == workload["apiVersion"]
        assert target["name"] == workload["metadata"]["name"]


def test_what_a_plain_cluster_lacks_is_in_a_folder_that_apply_passes_over() -> None:
    paths = {one.path for one in _files(LLAMA, "1xh100-sxm")}
    assert paths == {
        "kubernetes/storage.yaml",
        "kubernetes/deployment.yaml",
        "kubernetes/optional/podmonitor.yaml",
        "kubernetes/optional/hpa.yaml",
        "kubernetes/optional/keda.yaml",
    }


def test_an_engine_that_does_not_count_waiting_requests_is_not_scaled_by_them() -> None:
    files = _files("qwen3-8b", "1xh100-sxm", "tensorrt-llm")
    optional = [one.path for one in files if "optional" in one.path]
    assert optional == ["kubernetes/optional/podmonitor.yaml"]


def test_scalers_ask_for_waiting_requests_and_share_a_threshold() -> None:
    found, launch = started(LLAMA, "1xh100-sxm", "vllm")
    files = kubernetes.files(found, launch)
    (metric,) = only(files, "HorizontalPodAutoscaler")["spec"]["metrics"]
    (trigger,) = only(files, "ScaledObject")["spec"]["triggers"]
    assert metric["pods"]["metric"]["name"] == launch.waiting_metric.replace(":", "_")
    assert launch.waiting_metric in trigger["metadata"]["query"]
    threshold = str(waiting_count(found))
    assert metric["pods"]["target"]["averageValue"] == trigger["metadata"]["threshold"] == threshold


_ONE_AND_TWO: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("1xh100-sxm", {}), ("2xh100-sxm", {"replicas": 2}),
)  # fmt: skip


def test_a_scaler_says_what_a_second_engine_needs() -> None:
    for scaler in ("hpa", "keda"):
        texts = {
            rig: next(
                f.text for f in _files(LLAMA, rig, **more) if f.path.endswith(f"{scaler}.yaml")
            )
            for rig, more in _ONE_AND_TWO
        }
        assert "Make it ReadWriteMany before" in texts["1xh100-sxm"]
        assert "ReadWriteMany" not in texts["2xh100-sxm"]


@pytest.mark.parametrize(
    ("ends", "counts"), [("-6d4cf56db6-x7k2p", True), ("-instruct-6d4cf56db6-x7k2p", False)]
)
def test_waiting_requests_of_a_model_whose_name_begins_alike_are_not_counted(
    ends: str, *, counts: bool
) -> None:
    files = _files(LLAMA, "1xh100-sxm")
    (trigger,) = only(files, "ScaledObject")["spec"]["triggers"]
    pattern = trigger["metadata"]["query"].partition('pod=~"')[2].partition('"')[0]
    name = only(files, "Deployment")["metadata"]["name"]
    assert bool(re.fullmatch(pattern, name + ends)) is counts


def test_a_stricter_objective_scales_earlier() -> None:
    counts = [
        waiting_count(serving(LLAMA, "1xh100-sxm", runtime="vllm", use={"slo": Slo(ttft_p99_s=t)}))
        for t in (0.5, 4.0)
    ]
    assert counts[0] < counts[1]


def test_an_engine_over_machines_is_a_group_of_pods() -> None:
    files = _files(*TWO_MACHINES, tp=8, pp=2)
    group = only(files, "LeaderWorkerSet")["spec"]["leaderWorkerTemplate"]
    assert group["size"] == 2
    leader, worker = pods(files)
    for pod in (leader, worker):
        assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "8"
    first, other = leader["containers"][0], worker["containers"][0]
    assert "--headless" in other["args"]
    assert "--headless" not in first["args"]
    for args in (first["args"], other["args"]):
        assert "$(LWS_WORKER_INDEX)" in args
        assert any("$(LWS_LEADER_ADDRESS)" in word for word in args)
    assert "readinessProbe" in first
    assert "readinessProbe" not in other


def test_only_the_first_machine_of_a_group_answers() -> None:
    files = _files(*TWO_MACHINES, tp=8, pp=2)
    template = only(files, "LeaderWorkerSet")["spec"]["leaderWorkerTemplate"]
    selected = only(files, "Service")["spec"]["selector"].items()
    assert selected <= template["leaderTemplate"]["metadata"]["labels"].items()
    assert not selected <= template["workerTemplate"]["metadata"]["labels"].items()


def test_the_kubelet_fills_in_only_what_is_meant_so() -> None:
    found, launch = started(LLAMA, "1xh100-sxm", "vllm")
    told = replace(launch, flags=(*launch.flags, Flag("--extra", "$(HOME) $x")))
    assert _container(kubernetes.files(found, told))["args"][-1] == "$$(HOME) $x"


def test_a_variable_that_only_the_reader_knows_is_a_comment() -> None:
    found, launch = started(LLAMA, "1xh100-sxm", "vllm")
    asked = Variable("NCCL_SOCKET_IFNAME", "${NCCL_SOCKET_IFNAME:?which}", "the interface")
    files = kubernetes.files(found, replace(launch, environment=(asked,)))
    assert "NCCL_SOCKET_IFNAME" not in [one["name"] for one in _container(files)["env"]]
    assert "# NCCL_SOCKET_IFNAME, if your network wants it:" in files[1].text


def test_files_that_a_flag_names_are_a_config_map() -> None:
    found, launch = started("llama-3.3-70b", "4xh100-sxm", "tensorrt-llm")
    files = kubernetes.files(found, launch)
    (extra,) = launch.files
    assert only(files, "ConfigMap")["data"][extra.path] == extra.text
    (mount,) = [m for m in _container(files)["volumeMounts"] if m["name"] == "configuration"]
    assert mount["mountPath"] in _container(files)["args"]


def test_weights_of_a_file_are_copied_to_the_claim() -> None:
    files = _files("qwen3-8b", "1xrtx-4090", "llama.cpp")
    container = _container(files)
    assert container["args"][:2] == ["--model", "/models/Qwen3-8B-Q4_K_M.gguf"]
    (mount,) = [m for m in container["volumeMounts"] if m["name"] == "weights"]
    assert mount == {"name": "weights", "mountPath": "/models", "readOnly": True}
    assert "Copy the weights there first" in files[0].text


@pytest.mark.parametrize(
    ("model", "rig", "runtime", "choices", "said"),
    [
        ("qwen3-8b", "1xrtx-4090+1xrtx-3090", "llama.cpp", {}, "mixes them"),
        ("qwen3-8b", "1xm3-max", "llama.cpp", {}, "no device plugin"),
        (*TWO_MACHINES, "tensorrt-llm", {"tp": 8, "pp": 2}, "several machines"),
        ("qwen3-8b", "1xh100-sxm", "ollama", {}, "--runtime llama.cpp"),
    ],
)
def test_what_a_cluster_cannot_run_is_refused_with_what_can(
    model: str, rig: str, runtime: str, choices: dict[str, Any], said: str
) -> None:
    found, launch = started(model, rig, runtime, **choices)
    assert said in (kubernetes.reason(found, launch) or "")


def test_a_word_that_a_shell_would_fill_in_is_refused() -> None:
    found, launch = started(LLAMA, "1xh100-sxm", "vllm")
    asked = replace(launch, positional=("${CHECKPOINT:?an AWQ checkpoint}",))
    assert "--checkpoint" in (kubernetes.reason(found, asked) or "")


def test_manifests_are_plain() -> None:
    for one in _files("llama-3.3-70b", "8xh100-sxm", tp=4):
        assert "{{" not in one.text
        assert list(yaml.safe_load_all(one.text))
    assert documents(_files(LLAMA, "1xh100-sxm"))
