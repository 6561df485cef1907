"""The commands ``cost power`` and ``cost electrical`` as users type them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from program import Program

if TYPE_CHECKING:
    from pathlib import Path

POWER = "cost power llama-3.1-8b --on 1xrtx-4090 --concurrency 8"


@pytest.fixture
def program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Program:
    monkeypatch.chdir(tmp_path)
    return Program(monkeypatch, capsys)


def test_watts_of_every_phase_are_printed(program: Program) -> None:
    code, said = program.said(POWER)
    assert code == 0
    for line in ("idle", "prompts", "decoding", "mean of the traffic", "PUE 1.54"):
        assert line in said
    assert "a card" not in said  # no table of limits where none was asked for


def test_the_json_has_limits_with_prices(program: Program) -> None:
    found = program.json(f"{POWER} --caps --tariff 0.30 --pue 1 --price $0.40/h")
    assert [cap["limit_w"] for cap in found["caps"]] == pytest.approx(
        [450, 427.5, 405, 382.5, 360, 337.5, 315, 292.5, 270]
    )
    assert found["recommended_limit_w"] < 450
    first = found["caps"][0]
    rate = first["output_tokens_per_s"]
    assert first["rent_usd_per_token"] == pytest.approx(0.40 / 3600 / rate)
    phases = {phase["name"]: phase for phase in found["phases"]}
    assert phases["idle"]["tokens_per_s"] is None
    watts = phases["mean of the traffic"]["power_w"]["mid"]
    assert found["energy_usd_per_token"] == pytest.approx(watts / rate / 3.6e6 * 0.30)


def test_a_chart_of_limits_is_written(program: Program, tmp_path: Path) -> None:
    code, said = program.said(f"{POWER} --caps --save {tmp_path / 'out'}")
    assert code == 0
    assert "power-caps" in said
    assert any(file.name.startswith("power-caps") for file in (tmp_path / "out").iterdir())


def test_a_time_that_no_limit_keeps_is_a_no(program: Program) -> None:
    code, said = program.said(f"{POWER} --caps --tpot 1ms")
    assert code == 1
    assert "No limit keeps the times" in said


def test_what_does_not_fit_is_a_no(program: Program) -> None:
    code, said = program.said("cost power llama-3.1-70b --on 1xrtx-4090")
    assert code == 1
    assert "DOES NOT FIT" in said


def test_a_pdu_and_a_ups_for_four_dgx(program: Program) -> None:
    """F198: which PDU and UPS do I need?"""
    found = program.json(
        "cost electrical dgx-h100 --machines 4 --volts 208 --phases 3 --ups-minutes 10 "
        "--rack-limit 17kW --redundancy n+1"
    )
    assert found["yes"]
    assert found["peak_w"]["mid"] == pytest.approx(40_800)
    assert found["machine"]["breaker_a"] == 40
    assert found["machine"]["supplies_count"] == 5
    assert found["ups_va"] == pytest.approx(53_684, abs=1)
    assert found["racks_count"] == 4


def test_four_rtx_4090_at_home_are_a_no(program: Program) -> None:
    code, said = program.said("cost electrical 4xrtx-4090 --circuit 120v:15a")
    assert code == 1
    assert "Circuit 120 V, 15 A: no; it carries 1,368 W" in said
    assert "2 such circuits" in " ".join(said.split())


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("cost electrical 4xrtx-4090 --circuit 120v", "such as 120v:15a"),
        ("cost electrical 4xrtx-4090 --circuit 400v:32a", "400 V has three phases"),
        ("cost electrical 4xrtx-4090 --circuit 120v:0a", "must be a positive"),
        ("cost electrical 4xrtx-4090 --volts 0", "0 V: machines are fed with 100 to 600 V"),
        ("cost electrical 4xrtx-4090 --volts -5", "machines are fed with 100 to 600 V"),
        ("cost electrical 4xrtx-4090 --phases 0", "--phases is 0: write 1 or 3"),
        ("cost electrical 4xrtx-4090 --pf 2", "between 0.5 and 1"),
        ("cost electrical 4xrtx-4090 --pf nan", "between 0.5 and 1"),
        ("cost electrical 4xrtx-4090 --redundancy 3n", "none, n+1, 2n"),
        ("cost electrical 4xrtx-4090 --machines 0", "whole number from 1"),
        ("cost electrical 4xrtx-4090 --ups-minutes 0", "--ups-minutes is 0"),
        ("cost electrical 4xrtx-4090 --rack-limit 17parsec", "is not one of W, kW, MW"),
        ("cost electrical nothing", "no GPU is called 'nothing'"),
        (f"{POWER} --ttft 1s", "--ttft goes with --caps only"),
        (f"{POWER} --caps --most-loss 150%", "a share from 0 to 100%"),
        (f"{POWER} --use 0%", "tokens have no cost"),
        (f"{POWER} --use 200%", "a share from 0 to 100%"),
        (f"{POWER} --tariff -1", "--tariff is -1"),
        (f"{POWER} --years 0", "--years is 0"),
        (f"{POWER} --price -3", "--price is -3/h: it must be a positive"),
    ],
)
def test_wrong_input_is_one_sentence(program: Program, command: str, says: str) -> None:
    code, out, err = program.run(command)
    assert code == 2
    assert out == ""
    assert says in err
    assert err.count("\n") == 1


def test_the_saved_specification_is_a_chart(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rightrig.verbs.saving.find_spec", lambda _: None)
    program.said(f"{POWER} --caps --save {tmp_path}")
    chart = json.loads((tmp_path / "power-caps.vl.json").read_text(encoding="utf-8"))
    rows = chart["layer"][0]["data"]["values"]
    shares = {(row["limit_w"], row["what"]): row["share_ratio"] for row in rows}
    assert shares[450.0, "energy a token"] == pytest.approx(1.0)
    assert shares[270.0, "energy a token"] < 0.8
    # An RTX 3090 keeps 0.60 of the speed of prompts at 57 % of its power.
    assert 0.6 < shares[270.0, "prompt tokens/s"] < 0.7
