"""Encoders beside language models, and layers ahead: whole checkpoints add up."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rightrig.errors import InputError
from rightrig.facts.architectures import read_config
from rightrig.facts.catalog import shipped
from rightrig.work.weights import ahead_params_count, total_params_count, vocabulary_params

if TYPE_CHECKING:
    from rightrig.facts.llm import Llm

CONFIGS = (
    Path(os.environ.get("RIGHTRIG_SHARED", Path(__file__).parents[3] / "shared"))
    / "facts"
    / "model_configs"
)
TEXT: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "vocab_size": 1000,
    "max_position_embeddings": 4096,
}


def beside(model_type: str, vision: dict[str, Any], **outer: Any) -> Llm:
    config = {"model_type": model_type, "text_config": TEXT, "vision_config": vision, **outer}
    return read_config(config, name="test")


# Parameters of whole checkpoints, as the hub shows them for their safetensors files. The hub's
# Gemma 3 has 64 rows of vocabulary more than its record.
@pytest.mark.parametrize(
    ("name", "params", "beside_params"),
    [
        ("Qwen/Qwen3-VL-2B-Instruct", 2_127_532_032, 0),
        ("Qwen/Qwen3-VL-8B-Instruct", 8_767_123_696, 0),
        ("google/gemma-3-4b-it", 4_300_079_472, 64 * 2560),
        ("google/gemma-3-12b-it", 12_187_325_040, 64 * 3840),
        ("google/gemma-3-27b-it", 27_432_406_640, 64 * 5376),
        ("meta-llama/Llama-4-Scout-17B-16E-Instruct", 108_641_793_536, 0),
    ],
)
def test_language_model_and_tower_are_the_whole_checkpoint(
    name: str, params: int, beside_params: int
) -> None:
    llm = shipped().llm(name)
    towers = sum(tower.params for tower in llm.towers)
    assert total_params_count(llm) + towers + beside_params == params


@pytest.mark.parametrize(
    ("name", "billion"),
    [
        # Two layers' own copies of vocabulary and head come on top (arXiv:2412.19437).
        ("deepseek-ai/DeepSeek-V3", 11.6),
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", 1.65),
        ("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8", 2.94),
    ],
)
def test_layers_ahead_have_the_parameters_of_their_family(name: str, billion: float) -> None:
    assert ahead_params_count(shipped().llm(name)) / 1e9 == pytest.approx(billion, rel=0.01)


def test_deepseek_v3_is_685_billion_with_its_layer_ahead_and_its_copies() -> None:
    llm = shipped().llm("deepseek-ai/DeepSeek-V3")
    assert total_params_count(llm) == 671_026_419_200
    whole = total_params_count(llm) + ahead_params_count(llm) + 2 * vocabulary_params(llm)
    assert whole / 1e9 == pytest.approx(684.5, rel=0.0005)


def test_qwen_3_5_has_the_size_that_the_hub_shows() -> None:
    for name, billion in (("Qwen/Qwen3.5-27B", 27.8), ("Qwen/Qwen3.5-35B-A3B", 36.0)):
        llm = shipped().llm(name)
        whole = total_params_count(llm) + ahead_params_count(llm) + llm.towers[0].params
        assert whole / 1e9 == pytest.approx(billion, rel=0.002)


PLAIN = {
    "hidden_size": 32,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "patch_size": 4,
    "image_size": 16,
}
LAYER = 4 * (32 * 32 + 32) + 2 * 32 * 128 + 128 + 32 + 2 * 2 * 32


def test_siglip_is_counted_tensor_by_tensor() -> None:
    tower = beside("gemma3", PLAIN).towers[0]
    embeddings = 3 * 4 * 4 * 32 + 32 + 16 * 32
    projector = 32 * 64 + 32
    assert (tower.kind, tower.params) == ("vision", embeddings + 2 * LAYER + 2 * 32 + projector)
    assert tower.computed


def test_pixtral_is_counted_tensor_by_tensor() -> None:
    layer = 4 * 32 * 32 + 3 * 32 * 128 + 2 * 32
    merger = 32 + 2 * 2 * 32 * 32 + 32 * 64 + 64 * 64
    expected = 3 * 4 * 4 * 32 + 32 + 2 * layer + merger
    assert beside("mistral3", PLAIN).towers[0].params == expected
    biased = beside("mistral3", PLAIN, multimodal_projector_bias=True)
    assert biased.towers[0].params == expected + 2 * 64


def test_qwen_2_5_vl_is_gated_and_merges_four_patches() -> None:
    vision = {"hidden_size": 32, "intermediate_size": 96, "depth": 2, "patch_size": 4,
              "out_hidden_size": 64}  # fmt: skip
    layer = 4 * 32 * 32 + 4 * 32 + 3 * 32 * 96 + 2 * 96 + 32 + 2 * 32
    merger = 32 + 128 * 128 + 128 + 128 * 64 + 64
    expected = 3 * 2 * 4 * 4 * 32 + 2 * layer + merger
    assert beside("qwen2_5_vl", vision).towers[0].params == expected


def test_a_tower_that_is_not_understood_is_named_and_not_counted() -> None:
    for vision in ({"hidden_size": 32}, {}):
        llm = beside("gemma3", vision)
        assert llm.towers == ()
        assert llm.not_counted == ("vision tower",)
    strange = beside("internvl_chat", PLAIN, audio_config={"d_model": 32})
    assert strange.not_counted == ("vision tower", "audio tower")


def test_a_wrong_dimension_of_a_tower_is_refused() -> None:
    with pytest.raises(InputError, match="'patch_size' is 'four'"):
        beside("gemma3", {**PLAIN, "patch_size": "four"})
    audio = {"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 1,
             "output_proj_dims": 48, "subsampling_conv_channels": [1, 2, 3]}  # fmt: skip
    with pytest.raises(InputError, match="a list of two numbers"):
        read_config(
            {"model_type": "gemma4", "text_config": TEXT, "audio_config": audio}, name="test"
        )


def test_a_layer_ahead_of_another_family_is_named_and_not_counted() -> None:
    llm = read_config({**TEXT, "num_nextn_predict_layers": 1}, name="test")
    assert llm.ahead is None
    assert llm.not_counted == ("multi-token prediction layers",)


def test_records_have_the_towers_and_layers_ahead_of_their_configurations() -> None:
    paths = sorted(CONFIGS.glob("*.json"))
    if not paths:
        pytest.skip(f"{CONFIGS} is not here: set RIGHTRIG_SHARED to the folder of shared tables")
    checked = 0
    for path in paths:
        config = json.loads(path.read_text(encoding="utf-8"))
        if path.name.endswith(".hf_quant_config.json") or "quantization" in config:
            continue
        llm = read_config(config, name=path.stem)
        if not llm.towers and llm.ahead is None:
            continue
        record = shipped().llm(path.stem.replace("--", "/", 1))
        # The copies of Gemma 4 leave out the encoder of sound that its record has.
        assert set(llm.towers) <= set(record.towers), path.stem
        assert record.ahead == llm.ahead, path.stem
        checked += 1
    assert checked >= 50
