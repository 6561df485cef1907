"""Facts about printed recipes of training jobs: options exist, files parse, scripts are valid."""

from __future__ import annotations

import re
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from rightrig.deployment.rig import parse_rig
from rightrig.deployment.training import (
    METHODS,
    Adapter,
    Batch,
    TrainingJob,
    TrainingSplit,
    TrainingStates,
)
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.models import find_llm
from rightrig.planning.finetuning.remedies import BASES
from rightrig.recipes.shell import Data
from rightrig.recipes.torchtune import torchtune_data
from rightrig.recipes.training import FRAMEWORKS, VERSIONS, recipe_of

KNOWN = tomllib.loads(Path(__file__).with_name("training_options.toml").read_text(encoding="utf-8"))
CATALOG = shipped()
RIGS = ("1xh100-sxm", "8xh100-sxm", "2n:8xh100-sxm")
SHARINGS = ("none", "zero-2", "zero-3")


def job(method: Any = "lora", rig: str = "8xh100-sxm", sharing: Any = "zero-3") -> TrainingJob:
    return TrainingJob(
        find_llm("llama-3.1-8b", CATALOG),
        parse_rig(rig, CATALOG),
        method,
        Batch(2048, 2, 4),
        TrainingSplit(sharing=sharing),
        TrainingStates(base=BASES[method]),
        Adapter(targets="attention"),
    )


def ships(one: TrainingJob) -> bool:
    """Return whether torchtune ships a configuration: of QLoRA for 8B on one card alone."""
    return one.method != "qlora" or one.cards_count == 1


def scripts(name: str) -> list[tuple[TrainingJob, str]]:
    """Return every recipe of a framework that it has, over methods, rigs and splits."""
    found = []
    for method in METHODS:
        for rig in RIGS:
            for sharing in SHARINGS if rig != "1xh100-sxm" else ("none",):
                one = job(method, rig, sharing)
                if name == "torchtune" and not ships(one):
                    with pytest.raises(InputError, match="ships no configuration"):
                        recipe_of(name, one, Data(3.0))
                    continue
                found.append((one, recipe_of(name, one, Data(3.0))))
    return found


def files(script: str) -> dict[str, Any]:
    """Return the YAML files that a script writes."""
    return {
        match[1]: yaml.safe_load(match[2])
        for match in re.finditer(
            r"^cat > (\S+) <<EOF\n(.*?)^EOF$", script, re.DOTALL | re.MULTILINE
        )
    }


def keys(value: Any) -> set[str]:
    """Return every key of a file, at any depth."""
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in keys(inner)}
    return {key for inner in value for key in keys(inner)} if isinstance(value, list) else set()


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_every_printed_option_is_one_of_the_released_package(name: str) -> None:
    found = scripts(name)
    assert len(found) >= 7
    for _, script in found:
        for file, content in files(script).items():
            known = KNOWN[file.removesuffix(".yaml")]["options"]
            assert keys(content) <= set(known)
        lines = [line.strip(" \\") for line in script.splitlines() if line.startswith("  ")]
        if name == "trl":
            said = {line.split()[0].removeprefix("--") for line in lines if line.startswith("--")}
            assert {"model_name_or_path", "packing"} <= said <= set(KNOWN["trl"]["options"])
        if name == "torchtune":
            said = {line.partition("=")[0] for line in lines}
            assert "batch_size" in said
            assert said <= set(KNOWN["torchtune"]["options"])


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_shell_accepts_every_script(name: str, tmp_path: Path) -> None:
    for place, (_, script) in enumerate(scripts(name)):
        path = tmp_path / f"{place}.sh"
        path.write_text(script, encoding="utf-8")
        said = subprocess.run(
            ["/bin/bash", "-n", str(path)], capture_output=True, text=True, check=False
        )
        assert said.returncode == 0, said.stderr
        assert VERSIONS[name] in script


def test_the_batch_of_the_job_is_the_batch_of_the_files() -> None:
    one = job("qlora")
    (config,) = files(recipe_of("axolotl", one, Data())).values()
    assert (config["micro_batch_size"], config["gradient_accumulation_steps"]) == (2, 4)
    assert (config["adapter"], config["load_in_4bit"], config["sequence_len"]) == (
        "qlora", True, 2048,
    )  # fmt: skip
    assert config["fsdp_config"]["reshard_after_forward"] is True
    assert config["lora_target_modules"] == ["q_proj", "k_proj", "v_proj", "o_proj"]


def test_stage_two_keeps_weights_after_the_forward_pass() -> None:
    (file,) = files(recipe_of("accelerate", job("full", sharing="zero-2"), Data())).values()
    assert file["distributed_type"] == "FSDP"
    assert file["fsdp_config"]["fsdp_reshard_after_forward"] is False
    (alone,) = files(recipe_of("accelerate", job("full", "1xh100-sxm", "none"), Data())).values()
    assert (alone["distributed_type"], alone["num_processes"]) == ("NO", 1)


def test_an_optimizer_in_host_memory_takes_deepspeed() -> None:
    one = job("full", sharing="zero-2")
    away = replace(one, states=replace(one.states, offload="optimizer"))
    (file,) = files(recipe_of("accelerate", away, Data())).values()
    assert file["distributed_type"] == "DEEPSPEED"
    assert file["deepspeed_config"]["zero_stage"] == 2
    assert file["deepspeed_config"]["offload_optimizer_device"] == "cpu"
    assert file["deepspeed_config"]["offload_param_device"] == "none"


def test_weights_are_loaded_as_wide_as_the_optimizer_keeps_them() -> None:
    assert "--dtype float32" in recipe_of("trl", job("full"), Data())
    one = job("full")
    narrow = replace(one, states=replace(one.states, has_master_weights=False))
    assert "--dtype bfloat16" in recipe_of("trl", narrow, Data())
    assert "--dtype bfloat16" in recipe_of("trl", job("lora"), Data())


def test_what_a_framework_lacks_is_refused() -> None:
    selective = replace(job(), checkpointing="selective")
    with pytest.raises(InputError, match="all or nothing"):
        recipe_of("trl", selective, Data())
    with pytest.raises(InputError, match="leave them out"):
        recipe_of("axolotl", replace(job(), split=TrainingSplit(tp=2)), Data())
    one = job()
    with pytest.raises(InputError, match="adamw alone"):
        recipe_of("torchtune", replace(one, states=replace(one.states, optimizer="adamw-8bit")),
                  Data())  # fmt: skip
    other = replace(one, llm=find_llm("qwen3-8b", CATALOG))
    with pytest.raises(InputError, match="ships no configuration"):
        recipe_of("torchtune", other, Data())


def test_every_model_of_torchtunes_list_has_a_configuration() -> None:
    known = torchtune_data()
    for family in known["model"].values():
        assert any(name.startswith(f"{family}_") for name in known["configurations"])
    names = [find_llm(slug, CATALOG).name.lower() for slug in ("llama-2-7b", "mistral-7b")]
    assert all(any(pattern in name for pattern in known["model"]) for name in names)
