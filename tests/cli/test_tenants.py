"""``rightrig tenants`` as users run it: forms, exit codes, JSON, recipes, and wrong use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from program import Program

SEVEN: Final = "tenants llama-2-7b --weights awq --context 4096"
FILE: Final = """
[[tenants]]
name = "chat"
model = "llama-3.1-8b"
weights = "fp8"
context = 8192
concurrency = 4
count = 2
tpot = "50ms"

[[tenants]]
name = "small"
model = "llama-3.2-1b"
context = 2048
count = 5
"""
# What is wrong, and what its sentence must say.
SENTENCES: Final = (
    ("tenants", "tenants needs a model, such as: tenants llama-3.1-8b --on h100-sxm"),
    ("tenants llama-2-7b --on 2xh100-sxm", "name a kind of card, such as h100-sxm"),
    ("tenants llama-2-7b --on h100-sxm@400w", "name a kind of card, such as h100-sxm"),
    ("tenants llama-2-7b --mode cut", "--mode 'cut': write auto, mig, shared"),
    ("tenants llama-2-7b --mode shared", "--mode shared is of one card: add --on"),
    ("tenants llama-2-7b --price 30000", "--price is of one card: add --on"),
    ("tenants --layouts", "--layouts is of one card: add --on"),
    ("tenants llama-2-7b --layouts --on a30", "--layouts asks about a card alone"),
    ("tenants --layouts --on a30 --recipe nvidia-smi", "needs the layout: --profile"),
    ("tenants llama-2-7b --on h100-sxm --recipe helm", "write nvidia-smi or kubernetes"),
    ("tenants llama-2-7b --on rtx-4090 --recipe kubernetes", "rtx-4090 has no MIG"),
    ("tenants llama-2-7b --on a30 --mode shared --profile 1g.6gb", "--profile is of MIG"),
    ("tenants llama-2-7b --on h100-sxm --profile 5g", "no MIG profile '5g'; it has 1g.10gb"),
    ("tenants llama-2-7b --on h100-sxm --count 0", "--count is 0"),
    ("tenants llama-2-7b --on h100-sxm --context 5000", "was made for 4,096 tokens"),
    ("tenants llama-2-7b --on h100-sxm --input 4000 --output 400", "4,400 tokens together"),
    ("tenants llama-2-7b --on h100-sxm --output 1", "--output is 1: ask for 2"),
    ("tenants llama-2-7b --on h100-sxm --input 0", "--input is 0"),
    ("tenants llama-2-7b --on h100-sxm --concurrency 0", "--concurrency is 0"),
    ("tenants llama-2-7b --on h100-sxm --tpot fast", "--tpot is 'fast'"),
    ("tenants llama-2-7b --on h100-sxm --rate often", "--rate is 'often'"),
    ("tenants llama-2-7b --on h100-sxm --price cheap", "--price is 'cheap'"),
    ("tenants llama-2-7b --on h100-sxm --weights q99", "no weight format is called 'q99'"),
    ("tenants llama-2-7b --on h100-sxm --runtime lmdeploy", "its speed is not yet"),
    ("tenants --file nosuch.toml --on h100-sxm", "nosuch.toml is no list of tenants"),
)
# What a file holds, and what its sentence must say.
FILES: Final = (
    ("[[tenants]]\nmodel = 7", "tenants.0.model is 7"),
    ("[[tenants]]\nname = 'a'", "tenants.0.model is missing"),
    ("[[tenants]]\nmodel = 'llama-2-7b'\nweight = 'awq'", "did you mean weights?"),
    ("tenants = []", "names no tenants"),
    ("[[tenants", "is no TOML"),
    ("[[tenants]]\nmodel = 'llama-2-7b'\ncontext = 9000", "context is 9,000"),
    ("[[tenants]]\nmodel = 'llama-2-7b'\ntpot = '5 apples'", "tpot is '5 apples'"),
)


@pytest.mark.parametrize(("command", "says"), SENTENCES, ids=[c for c, _ in SENTENCES])
def test_wrong_use_is_answered_in_one_sentence(program: Program, command: str, says: str) -> None:
    code, out, err = program.run(command)
    assert (code, out) == (2, "")
    assert err.startswith("rightrig: ")
    assert err.count("\n") == 1
    assert says in err


@pytest.mark.parametrize(("content", "says"), FILES, ids=[says for _, says in FILES])
def test_a_wrong_file_is_answered_in_one_sentence(
    program: Program, tmp_path: Path, content: str, says: str
) -> None:
    path = tmp_path / "tenants.toml"
    path.write_text(content, encoding="utf-8")
    code, out, err = program.run(f"tenants --file {path} --on h100-sxm")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert says in err


def test_seven_tenants_share_an_h100(program: Program) -> None:
    command = f"{SEVEN} --on h100-sxm --profile 1g.10gb --price 30000"
    text = program.text(command)
    assert text.startswith("7 tenants on 1 × h100-sxm by MIG: 7×1g.10gb")
    assert "Purchase: $4,286 a tenant: $30,000 over 7." in text
    assert "Stranded: SMs 20 of 132 (15%)" in text
    assert "119.9" in text
    found = program.json(command)
    assert found["tenants_count"] == 7
    (card,) = found["cards"]
    assert card["creation"] == "19,19,19,19,19,19,19"
    assert card["stranded"]["sm_count"] == 20
    for instance in card["instances"]:
        assert instance["weights_bytes"] == pytest.approx(3.89e9, rel=0.002)
        assert instance["kv_tokens"]["mid"] > 4096
    assert found["cost"]["tenant_price_usd"] == pytest.approx(30000 / 7)
    assert found["isolation"]["properties"]["PCIe"] == "shared"


def test_a_card_without_mig_is_shared_with_a_warning(program: Program) -> None:
    text = program.text(f"{SEVEN} --on rtx-4090")
    assert "rtx-4090 has no MIG" in text
    assert "3 tenants on 1 × rtx-4090 without partitions" in text
    assert "Not for production" in text
    found = program.json(f"{SEVEN} --on rtx-4090")
    (card,) = found["cards"]
    first = card["engines"][0]
    assert first["tpot_s"]["mid"] < first["busy_tpot_s"]["mid"]
    assert first["gpu_memory_utilization_ratio"] == pytest.approx(0.306)
    assert (found["has_mig"], found["most_busy_count"]) == (False, 3)


def test_mig_asked_of_a_card_without_it_is_a_no_that_offers_the_other_way(
    program: Program,
) -> None:
    assert "--mode shared" in program.text(f"{SEVEN} --on l40s --mode mig", leaves=1)
    assert program.json(f"{SEVEN} --on l40s --mode mig", leaves=1)["cards"] == []
    text = program.text(f"{SEVEN} --on h100-pcie --mode mig", leaves=1)
    assert "its profiles are not in the catalogue" in text


def test_a_model_that_no_instance_holds_is_a_no_with_reasons(program: Program) -> None:
    text = program.text("tenants llama-3.3-70b --on h100-sxm", leaves=1)
    assert "7g.80gb needs 13" in text
    found = program.json("tenants llama-3.3-70b --on h100-sxm", leaves=1)
    assert found["cards"] == []
    assert not any(trial["is_served"] for trial in found["trials"])


def test_without_a_card_every_card_with_mig_is_ranked(program: Program) -> None:
    found = program.json(SEVEN)
    rents = [g["cost"]["tenant_rent_usd_per_month"] for g in found["gpus"]]
    offered = [rent for rent in rents if rent is not None]
    assert offered == sorted(offered)
    assert found["best"]["gpu"] == found["gpus"][0]["gpu"]
    assert "the cheapest rent a tenant first" in program.text(SEVEN)


@pytest.mark.parametrize("gpu", ["h100-sxm", "l40s", None])
def test_a_file_names_tenants_of_several_models(
    program: Program, tmp_path: Path, gpu: str | None
) -> None:
    path = tmp_path / "tenants.toml"
    path.write_text(FILE, encoding="utf-8")
    found = program.json(f"tenants --file {path}" + (f" --on {gpu}" if gpu else ""))
    found = found if gpu else found["best"]
    assert found["tenants_count"] == 7
    assert [t["name"] for t in found["tenants"]] == ["chat", "small"]


def test_options_that_a_file_says_are_refused_beside_it(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "tenants.toml"
    path.write_text(FILE, encoding="utf-8")
    for option in ("--weights awq", "--count 3", "--concurrency 2", "--rate 1/s"):
        code, _, err = program.run(f"tenants --file {path} --on h100-sxm {option}")
        assert code == 2
        assert f"{option.split()[0]} does not go with --file" in err


def test_the_layouts_of_a_card_are_listed_with_what_they_strand(program: Program) -> None:
    text = program.text("tenants --layouts --on h100-sxm")
    assert "38 full layouts, 78 with places told apart" in text
    assert "7×1g.10gb 20 of 132 (15%) 1 of 8 11.00 GiB" in text
    found = program.json("tenants --layouts --on h100-sxm")
    assert (found["positional_count"], found["multisets_count"]) == (78, 38)
    assert len(found["layouts"]) == 38


def test_a_layout_that_is_asked_for_has_a_place_or_a_reason(program: Program) -> None:
    asked = "tenants --layouts --on h100-sxm --profile"
    held = program.json(f"{asked} 3g.40gb,2g.20gb,2g.20gb")
    assert {"profile": "3g.40gb", "start": 4} in held["placements"]
    assert held["creation"] is None
    assert "-cgi 9:4,14:0,14:2" in program.text(f"{asked} 3g.40gb,2g.20gb,2g.20gb")
    refused = program.json(f"{asked} 4g.40gb,4g.40gb", leaves=1)
    assert refused["reason"] == "needs 8 compute slices; h100-sxm has 7"


def test_a_recipe_is_printed_as_it_is(program: Program) -> None:
    script = program.lines(f"{SEVEN} --on h100-sxm --profile 1g.10gb --recipe nvidia-smi")
    assert script.startswith("#!/bin/sh\n")
    assert "nvidia-smi mig -i 0 -cgi 19,19,19,19,19,19,19 -C\n" in script
    command = f"{SEVEN} --on h100-sxm --recipe kubernetes"
    parts = list(yaml.safe_load_all(program.lines(command)))
    assert {part["kind"] for part in parts} == {"ConfigMap", "Deployment"}
    assert program.json(command)["recipe"] == program.lines(command)
    layout = "tenants --layouts --on a30 --profile 2g.12gb,1g.6gb --recipe"
    assert "-cgi 5,14 -C" in program.lines(f"{layout} nvidia-smi")
    assert yaml.safe_load(program.lines(f"{layout} kubernetes"))["kind"] == "ConfigMap"


def test_options_change_what_they_name(program: Program) -> None:
    command = f"{SEVEN} --on h100-sxm"
    usual = program.json(command)
    assert program.json(f"{command} --count 2")["tenants_count"] == 2
    assert program.json(f"{command} --tpot 10ms")["tenants_count"] < usual["tenants_count"]
    assert program.json(f"{command} --ttft 100ms")["tenants_count"] < usual["tenants_count"]
    assert program.json(f"{command} --rate 0.3/s")["tenants_count"] < usual["tenants_count"]
    crowded = program.json(f"{command} --concurrency 12")
    assert crowded["tenants_count"] < usual["tenants_count"]
    half = program.json(f"{command} --kv fp8")["cards"][0]["instances"][0]["kv_tokens"]["mid"]
    assert half > 1.8 * usual["cards"][0]["instances"][0]["kv_tokens"]["mid"]
    longer = program.json(f"{command} --input 3000 --output 500")["tenants"][0]
    assert (longer["input_tokens"], longer["output_tokens"]) == (3000, 500)
    shared = program.json(f"{command} --mode shared")
    assert (shared["mode"], shared["has_mig"]) == ("shared", True)
    other = program.json("tenants llama-2-7b --on h100-sxm --runtime llama.cpp --weights q4_k_m")
    assert other["cards"][0]["instances"][0]["kv_tokens"] is None
