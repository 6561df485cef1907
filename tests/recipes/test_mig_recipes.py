"""Recipes of MIG: the commands create the layout, and the manifests are what a cluster reads."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

import pytest
import yaml

from rightrig.deployment.propose import Choices
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.index import DATA
from rightrig.planning.tenancy.engine import Tenant, usual_lengths
from rightrig.planning.tenancy.mig_layouts import (
    Layout,
    NoPlace,
    Placed,
    maximal_layouts,
    place,
    plain_profiles,
    stranded,
)
from rightrig.planning.tenancy.tenants import MigCard, Tenancy, tenancy
from rightrig.recipes.engines import vllm
from rightrig.recipes.making import Use, unpredicted
from rightrig.recipes.mig import (
    creation,
    kubernetes,
    mig_parted,
    nvidia_smi,
    placed_creation,
)
from rightrig.recipes.places.kubernetes_pods import resource_name

CATALOG: Final = shipped()
H100: Final = CATALOG.gpu("h100-sxm")
TABLES: Final = tuple(sorted(path.stem for path in (DATA / "mig").glob("*.toml")))
TENANT: Final = Tenant(
    name="meta-llama/Llama 2: 7B",
    llm=CATALOG.llm("meta-llama/Llama-2-7b-hf"),
    choices=Choices(weights="awq", kv="fp8"),
    context_tokens=4096,
    concurrency=1,
    lengths=usual_lengths(4096),
    count=7,
)


def layout(names: str, gpu: str = "h100-sxm") -> Layout:
    table = CATALOG.mig_table(gpu)
    assert table is not None
    found = place(table, [table.profile(name) for name in names.split(",")])
    assert not isinstance(found, NoPlace)
    return found


@pytest.fixture(scope="module")
def seven() -> Tenancy:
    return tenancy(CATALOG, H100, [TENANT], profile="1g.10gb")


def test_seven_small_instances_are_seven_times_profile_19() -> None:
    small = layout(",".join(["1g.10gb"] * 7))
    assert creation(small) == "19,19,19,19,19,19,19"
    assert "\nnvidia-smi mig -i 0 -cgi 19,19,19,19,19,19,19 -C\n" in nvidia_smi([small])


def test_a_layout_that_the_driver_may_spoil_is_created_at_its_places() -> None:
    mixed = layout("3g.40gb,2g.20gb,2g.20gb")
    assert creation(mixed) is None
    script = nvidia_smi([mixed])
    assert "\nnvidia-smi mig -i 0 -cgi 9:4,14:0,14:2 -C\n" in script
    assert "No order of creation is sure" in script


def test_each_card_is_cut_by_its_own_number() -> None:
    script = nvidia_smi([layout("7g.80gb"), layout("4g.40gb,3g.40gb")])
    lines = [line for line in script.splitlines() if not line.startswith("#")]
    assert "nvidia-smi -i 1 -mig 1" in lines
    assert "nvidia-smi mig -i 0 -cgi 0 -C" in lines
    assert "nvidia-smi mig -i 1 -cgi 5,9 -C" in lines


def test_a_profile_whose_number_nobody_printed_is_called_by_its_name() -> None:
    assert placed_creation(layout("1g.34gb", "b300-sxm")) == "1g.34gb:0"


@pytest.mark.parametrize("gpu", TABLES)
def test_the_places_of_every_command_make_the_layout_again(gpu: str) -> None:
    table = CATALOG.mig_table(gpu)
    assert table is not None
    names = {p.profile: p for p in table.profiles}
    names |= {str(p.profile_id): p for p in table.profiles if p.profile_id is not None}
    for full in maximal_layouts(table, plain_profiles(table)):
        words = [word.split(":") for word in placed_creation(full).split(",")]
        made = {Placed(names[name], int(start)) for name, start in words}
        assert made == set(full.placed)


def test_the_configuration_of_mig_parted_counts_the_profiles_of_each_card() -> None:
    config = yaml.safe_load(mig_parted([layout("4g.40gb,2g.20gb,1g.10gb"), layout("7g.80gb")]))
    assert config == {
        "version": "v1",
        "mig-configs": {
            "rightrig": [
                {
                    "devices": [0],
                    "mig-enabled": True,
                    "mig-devices": {"4g.40gb": 1, "2g.20gb": 1, "1g.10gb": 1},
                },
                {"devices": [1], "mig-enabled": True, "mig-devices": {"7g.80gb": 1}},
            ]
        },
    }


def manifests(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def test_every_tenant_is_a_pod_that_asks_for_one_instance(seven: Tenancy) -> None:
    config, pods = manifests(kubernetes(seven.cards))
    assert config["kind"] == "ConfigMap"
    inner = yaml.safe_load(config["data"]["config.yaml"])
    assert inner["mig-configs"]["rightrig"][0]["mig-devices"] == {"1g.10gb": 7}
    assert pods["kind"] == "Deployment"
    assert pods["spec"]["replicas"] == 7
    (container,) = pods["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"nvidia.com/mig-1g.10gb": 1}
    assert container["image"].startswith("vllm/vllm-openai:v")
    assert container["args"][0] == "CHECKPOINT"
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", pods["metadata"]["name"])
    selector = pods["spec"]["selector"]["matchLabels"]
    assert selector == pods["spec"]["template"]["metadata"]["labels"]


@pytest.mark.parametrize("weights", ["awq", "fp8"])
def test_the_engine_of_a_tenant_is_started_with_every_limit_of_its_fit(weights: str) -> None:
    asked = replace(TENANT, choices=Choices(weights=weights, kv="fp8"), count=1, concurrency=2)
    found = tenancy(CATALOG, H100, [asked], profile="1g.10gb" if weights == "awq" else "2g.20gb")
    text = kubernetes(found.cards)
    _, pods = manifests(text)
    (container,) = pods["spec"]["template"]["spec"]["containers"]
    engine = found.cards[0].instances[0].engine
    use = Use(context_tokens=4096, concurrency=2, input_tokens=1000, output_tokens=300)
    words = vllm.launch_of(unpredicted(engine.fit.deployment, use)).words
    assert container["args"] == list(words[2:])
    limits = engine.fit.deployment.limits
    for option, value in (
        ("--max-model-len", "4096"),
        ("--kv-cache-dtype", "fp8"),
        ("--max-num-seqs", str(limits.max_seqs)),
        ("--max-num-batched-tokens", str(limits.max_batched_tokens)),
        ("--gpu-memory-utilization", f"{limits.memory_ratio:g}"),
    ):
        assert container["args"][container["args"].index(option) + 1] == value
    assert ("fp8_per_tensor" in container["args"]) == (weights == "fp8")
    wanted = "# Replace CHECKPOINT by a checkpoint of meta-llama/Llama-2-7b-hf in AWQ."
    assert (wanted in text) == (weights == "awq")


def test_instances_of_two_profiles_are_two_deployments() -> None:
    found = tenancy(CATALOG, H100, [TENANT])
    _, *deployments = manifests(kubernetes(found.cards))
    assert sum(d["spec"]["replicas"] for d in deployments) == 7
    assert len({d["metadata"]["name"] for d in deployments}) == len(deployments) == 2


def test_a_name_that_would_break_out_of_its_comment_stays_in_it() -> None:
    evil = replace(TENANT, name="a\nkind: Secret", count=1)
    found = tenancy(CATALOG, H100, [evil])
    assert [m["kind"] for m in manifests(kubernetes(found.cards))] == ["ConfigMap", "Deployment"]


def test_a_layout_without_tenants_has_a_configuration_only() -> None:
    whole = layout("7g.80gb")
    card = MigCard(whole, (), stranded(H100, whole))
    assert [m["kind"] for m in manifests(kubernetes([card]))] == ["ConfigMap"]


def test_pods_of_an_engine_without_a_known_container_are_refused() -> None:
    other = replace(TENANT, choices=Choices(runtime="llama.cpp", weights="q4_k_m"), count=1)
    found = tenancy(CATALOG, H100, [other])
    with pytest.raises(InputError, match="writes pods of vLLM"):
        kubernetes(found.cards)


def test_names_of_resources_have_no_plus() -> None:
    assert resource_name("1g.24gb+me.all") == "nvidia.com/mig-1g.24gb.me.all"
