"""Costs, risks, fine-tuning and questions print JSON of their types, in every form and branch."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Final

import pytest
from answer_types import answer_type, assert_is, type_of, types
from price_lists import LAMBDA, offered, publish, spot
from pydantic import TypeAdapter, ValidationError
from typer.testing import CliRunner
from user_records import CARD

from rightrig.cli.app import app
from rightrig.cli.calibrate import calibrate
from rightrig.cli.prices_refresh import prices_refresh
from rightrig.facts.measurement import TABLES

ROOT: Final = Path(__file__).parents[2]
# What documented commands leave out: other forms, absent numbers, answers that are no.
COMMANDS: Final = (
    "cost rent 8xh100-sxm",
    "cost rent 3xl4 --bandwidth-loss 10% --exposed 20% --card-price 1/h",
    "cost own 1xl4",
    "cost own 1xl4 --against 2xrtx-4090",
    "cost energy 1xl4",
    "cost tokens llama-3.1-8b --on 1xl40s --batches 1,100000",
    "cost tokens llama-3.3-70b --on 1xl4",
    "cost break-even llama-3.1-8b --on 1xrtx-4090 --against 5",
    "cost break-even llama-3.1-8b --on 1xrtx-4090 --against 0.001",
    "cost compare llama-3.3-70b 1xl4 4xh100-sxm api:0.5,1 --rate 2/s",
    "cost power llama-3.1-8b --on 1xh100-sxm",
    "cost power llama-3.3-70b --on 1xl4",
    "cost power llama-3.2-1b --on 1xrtx-3060-12gb --caps",
    "cost electrical 8xrtx-4090 --circuit 230v:16a",
    "cost electrical 8xh100-sxm --machines 50",
    "cost electrical dgx-h100 --rack-limit 5kW",
    "risk bits 8xrtx-4090",
    "risk bits 1xh100-sxm --requests-per-day 10 --sla 99%",
    "risk run --gpus 16 --days 3 --save-time 9s",
    "risk run --gpus 9 --days 3 --save-time 9s --mtbf 3h",
    "risk checkpoint --gpus 1000 --state 1TB --bandwidth 10GB/s --storage-price 9",
    "risk serve --replicas 4 --target 99.99999999% --mttr 1d --mtbf 1h",
    "risk rig 1xh100-sxm",
    "risk rig 16xrtx-4090",
    "finetune llama-3.2-1b --on 2xl40s",
    "finetune llama-3.2-1b --on 1xl40s --method qlora --preempted-every 12h --tokens 1M",
    "finetune llama-3.2-1b --on 1xrtx-3060-12gb --method lora --optimizer adamw-8bit",
    "finetune llama-3.1-8b --on 2xrtx-4090 --method full --offload all --tokens 1M",
    "finetune llama-3.1-8b --on 4xa100-sxm-80gb --method full --pp 2 --checkpointing none",
    "finetune llama-3.2-1b --on 2xl40s --method lora --recipe torchtune",
    "finetune llama-3.3-70b --on 1xl4 --recipe axolotl",
    "finetune llama-3.1-8b --find --method full --tokens 9M --budget 1 --gpu l4",
    "finetune llama-3.1-8b --find --method lora --tokens 9M --own 2xrtx-4090 --gpu l4",
    "ask choose-gpu llama-3.1-8b --users 1 --among rtx-4090 --kind production",
    "ask choose-gpu llama-3.1-405b --among l4",
    "ask gpu-count llama-3.1-405b --gpus l4",
    "ask many-or-one llama-3.3-70b --many 2xl4 --one 1xa10 --rate 1/s",
    "ask tiers llama-3.1-405b --max-gpus 1",
    "ask consumer-or-datacenter llama-3.3-70b --weights nvfp4 --max-gpus 1",
    "ask overkill llama-2-7b --on 1xl4 --rate 100/s --max-gpus 1",
    "ask overkill llama-3.2-1b --on 1xrtx-3060-12gb --rate 1/s --max-gpus 1",
    "ask train-or-serve l4 llama-3.1-405b",
    "ask split llama-3.3-70b --on 4xh100-sxm",
    "ask split llama-3.3-70b --on 1xl4",
    "ask buy-or-rent --price $600..$1800 --rent $0.07/h --power 450W",
    "ask buy-or-rent --price $1700 --rent $0.001/h --power 450W",
    "ask scaling --params 70B --link 4xrtx-4090 --step 2s --job-cost 100",
    "ask scaling --params 1B --link 10GB/s --gpus 4 --step 2s",
    "ask mix llama-3.3-70b --rigs 1xrtx-4090,1xa100-sxm-80gb",
    "ask growth llama-3.2-1b --weights fp8 --rate 1/s --growth 200%/month --max-gpus 1 --months 3",
    "ask growth llama-3.3-70b --rate 500/s --growth 10%/month --max-gpus 1",
    "ask measure-next qwen3-8b --rate 1/s --tpot-p99 30ms --max-gpus 2",
    "ask measure-next llama-3.1-405b --rate 1/s --tpot-p99 1ms --max-gpus 1",
    "ask go-no-go --template",
    "ask criteria {folder}/computed.toml",
    "ask lock-in --on 1xmi300x --model llama-3.1-405b --rate 1/h",
    "ask ecosystem rtx-4090 --debugging 40h --wage 100/h",
)
COMPUTED: Final = """[traffic]
model = "qwen3-8b"
rate = "1/s"
[[criteria]]
name = "rent"
weight_ratio = 0.5
better = "less"
computed = "rent_usd_per_month"
[[criteria]]
name = "ease"
weight_ratio = 0.5
[[options]]
name = "one"
rig = "1xl4"
values = { ease = 5 }
[[options]]
name = "two"
rig = "1xl40s"
values = { ease = 2 }
"""
RUN: Final = {
    **dict.fromkeys(TABLES["inference"], ""),
    "source": "github:example/runs@1a2b3c4", "date": "2026-05-01", "version": "vLLM 0.20.0",
    "gpu": "h100-sxm-80gb", "gpu_count": "1", "tp": "1", "pp": "1", "model": "Llama-3.1-8B",
    "weight_dtype": "bf16", "kv_dtype": "auto", "runtime": "vLLM", "isl": "1024", "osl": "256",
    "metric": "output_tok_s_total",
}  # fmt: skip


def printed(command: str) -> str:
    found = CliRunner().invoke(app, [*command.split(), "--json"], prog_name="rightrig")
    assert isinstance(found.exception, SystemExit | None), found.exception
    assert found.exit_code in {0, 1}, found.output
    return found.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_form_of_an_answer_is_of_its_type(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    (tmp_path / "computed.toml").write_text(COMPUTED, encoding="utf-8")
    assert_is(type_of(command), printed(command.format(folder=tmp_path)))


def test_a_name_too_few_a_name_too_many_and_a_wrong_value_are_seen() -> None:
    told = json.loads(printed("cost electrical 1xrtx-4090"))
    kind = type_of("cost electrical 1xrtx-4090")
    assert_is(kind, json.dumps(told))
    machine = told["machine"]
    wrong: list[dict[str, object]] = [
        told | {"volts_v": "230"},
        told | {"machines_count": 1.5},
        told | {"machine": {name: machine[name] for name in machine if name != "plug"}},
    ]
    for answer in wrong:
        with pytest.raises(ValidationError):
            assert_is(kind, json.dumps(answer))
    with pytest.raises(AssertionError):
        assert_is(kind, json.dumps(told | {"machine": machine | {"amperes_a": 9.0}}))


def test_records_of_a_user_are_of_their_type(tmp_path: Path) -> None:
    (tmp_path / "gpus").mkdir()
    (tmp_path / "gpus" / "my-card.toml").write_text(CARD, encoding="utf-8")
    told = json.loads(printed(f"cost electrical 1xmy-card --catalog {tmp_path}"))
    beside = {"user_records": told["user_records"]}
    assert [record["kind"] for record in beside["user_records"]] == ["card"]
    read = TypeAdapter(types()["WholeJson"]).validate_json(json.dumps(beside), strict=True)
    assert read == beside


def test_what_a_refresh_did_is_of_its_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gpuhunt", reason="the extra 'prices' is not installed")
    dear, cheap = (offered("a", "L4", 24.0, 120.0), offered("b", "L4", 24.0, 0.01))
    monkeypatch.setenv("RIGHTRIG_PRICES", str(tmp_path / "cache"))
    file = publish(tmp_path, "lambdalabs", (*LAMBDA, dear, spot(dear), cheap))
    kind = answer_type(prices_refresh)
    for _ in range(2):  # the second leaves something to undo
        told = printed(f"prices refresh --from {file}")
        assert_is(kind, told)
        doubted = json.loads(told)["quarantined"]
        assert {one["instance"]: "spot_usd_per_hour" in one for one in doubted} == {
            "a": True, "b": False,
        }  # fmt: skip
    assert_is(kind, printed("prices refresh --undo"))


def test_what_a_calibration_moved_is_of_its_type(tmp_path: Path) -> None:
    with (tmp_path / "runs.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, TABLES["inference"])
        writer.writeheader()
        for users in range(1, 25):
            load = {"concurrency_or_batch": str(users), "value": str(90 * users)}
            writer.writerow(RUN | load)
    told = printed(f"calibrate {tmp_path / 'runs.csv'} --save {tmp_path / 'mine'}")
    assert json.loads(told)["groups"]
    assert_is(answer_type(calibrate), told)
