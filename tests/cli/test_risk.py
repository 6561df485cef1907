"""``rightrig risk`` as users run it: answers, JSON, exit codes, charts, wrong input."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from rightrig.cli import main

if TYPE_CHECKING:
    from pathlib import Path


class Program:
    """The program in this process, which is quicker than one of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def run(self, line: str) -> tuple[int, str, str]:
        """Run a command of the group; return its exit code, what it printed and complained of."""
        self._monkeypatch.setattr(sys, "argv", ["rightrig", "risk", *line.split()])
        with pytest.raises(SystemExit) as left:
            main()
        printed = self._capsys.readouterr()
        code = left.value.code
        assert isinstance(code, int)
        return code, printed.out, printed.err

    def answer(self, line: str) -> Any:
        """Return the JSON of a command that is answered."""
        code, out, err = self.run(f"{line} --json")
        assert err == ""
        assert code in {0, 1}
        return json.loads(out)


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(monkeypatch, capsys)


def test_f195_a_fleet_is_told_its_silent_errors(program: Program) -> None:
    asked = "bits --gpus 1000 --memory 24GB --rate-per-gb-year 12 --ecc off --months 3"
    code, out, _ = program.run(asked)
    assert code == 0
    assert "72,000 single-bit errors of memory in 91.3125 days" in out
    assert "Rate: as stated." in out
    found = program.answer("bits --gpus 1000 --memory 24GB --ecc off --months 3")
    assert found["single_count"]["mid"] == pytest.approx(3502.5, abs=0.1)
    assert "Titan, single-bit errors" in found["explanation"]["sources"][0]


def test_f066_20_000_errors_are_corrected(program: Program) -> None:
    asked = "bits --gpus 1000 --memory 80GB --rate-per-gb-year 1 --ecc on --months 3"
    found = program.answer(asked)
    assert found["corrected_count"]["mid"] == pytest.approx(20_000.0)
    assert found["silent_count"]["mid"] == pytest.approx(0.619, abs=0.001)


def test_a_rig_says_its_memory_and_its_ecc(program: Program) -> None:
    consumer, server = program.answer("bits 8xrtx-4090"), program.answer("bits 8xh100-sxm")
    assert (consumer["ecc"], server["ecc"]) == (False, True)
    assert (consumer["memory_bytes"], server["memory_bytes"]) == (24e9, 80e9)
    assert program.answer("bits 8xrtx-4090 --ecc on")["ecc"]


@pytest.mark.parametrize(
    ("sla", "code", "words"),
    [("99.99%", 1, "an unacceptable risk"), ("80%", 0, "not significant")],
)
def test_f202_the_promise_decides_whether_the_same_errors_matter(
    sla: str, code: int, words: str, program: Program
) -> None:
    found, out, _ = program.run(f"bits 8xrtx-4090 --requests-per-day 1M --sla {sla}")
    assert found == code
    assert words in " ".join(out.split())


def test_f073_a_run_of_54_days_meets_419_interruptions(program: Program) -> None:
    found = program.answer("run --gpus 16384 --days 54 --save-time 60s --card-price 2.50")
    assert found["expected_interruptions_count"]["mid"] == pytest.approx(419.0)
    assert found["interruptions_range_count"] == [382, 456]
    assert found["useful_ratio"]["mid"] == pytest.approx(0.8526, abs=0.0005)
    hours = found["lost_gpu_s"]["mid"] / 3600.0
    assert found["lost_usd"]["mid"] == pytest.approx(2.5 * hours)
    code, out, _ = program.run("run --gpus 16384 --days 54 --save-time 60s")
    assert code == 0
    assert "interrupted every 3.093 h" in out


def test_a_rate_without_counts_says_so(program: Program) -> None:
    _, out, _ = program.run("run --gpus 1024 --days 30 --preset meta-rsc-1 --save-time 20s")
    assert "28.85 h: 25 times" in out
    assert "7.9 h" in out


def test_a_checkpoint_command_gives_four_intervals_and_the_cost_of_the_saves(
    program: Program,
) -> None:
    found = program.answer("checkpoint --mtbf 3.093078759h --save-time 60s")
    intervals = {one["name"]: one["interval_s"] for one in found["choices"]}
    assert intervals["Young"] == pytest.approx(1155.9, abs=0.1)
    assert intervals["Daly"] == pytest.approx(1116.3, abs=0.1)
    assert intervals["exact optimum"] == pytest.approx(1116.3, abs=0.1)
    assert intervals["most availability"] == pytest.approx(1188.2, abs=0.1)
    stored = program.answer(
        "checkpoint --gpus 1024 --state 2TB --bandwidth 100GB/s --keep 3 --storage-price 23"
    )
    assert stored["save_s"] == 20.0
    assert stored["storage_usd_per_month"] == pytest.approx(138.0)


def test_spare_replicas_for_a_target_and_the_exit_code_of_too_few(program: Program) -> None:
    asked = "serve --replicas 10 --mtbf 99h --mttr 1h --target 99.9%"
    found = program.answer(asked)
    assert (found["fewest_spares_count"], found["reached"]) == (2, True)
    code, out, _ = program.run(f"{asked} --spare 1")
    assert code == 1
    assert "target of 0.999 missed" in out
    by_cards = program.answer(
        "serve --replicas 4 --preset llama-3 --gpus-per-replica 8 --mttr 30min --target 99.9%"
    )
    assert by_cards["mtbf_s"] == pytest.approx(5.781086286 * 365.25 * 86400.0 / 8.0)


def test_spare_cards_for_a_delivery(program: Program) -> None:
    found = program.answer("spares --gpus 1000 --afr 9% --lead-time 30d --target 95%")
    assert found["spares_count"] == 12
    _, out, _ = program.run("spares --gpus 1000 --lead-time 30d --target 95%")
    assert "upper bound" in out


def test_f071_each_failure_mode_of_a_rig_has_a_symptom_a_check_and_a_fix(
    program: Program,
) -> None:
    found = program.answer("rig 4xh100-sxm")
    modes = {mode["id"]: mode for mode in found["failure_modes"]}
    assert {
        "FAIL-COOLING",
        "FAIL-VERSION",
        "FAIL-SWITCH",
        "FAIL-MIG",
        "FAIL-POWER",
        "FAIL-RANKS",
    } <= (modes.keys())
    assert all(mode["symptom"] and mode["check"] and mode["fix"] for mode in modes.values())
    assert "2,800 W" in modes["FAIL-POWER"]["why"]
    bare = {mode["id"] for mode in program.answer("rig 1xrtx-3090")["failure_modes"]}
    assert "FAIL-SILENT" in bare
    assert bare.isdisjoint({"FAIL-SWITCH", "FAIL-MIG", "FAIL-RANKS", "FAIL-COOLING"})


@pytest.mark.parametrize(
    ("rig", "word", "rules"),
    [
        ("2n:8xh100-sxm", "ready", []),
        ("8xh100-sxm", "with limits", ["READY-MACHINE"]),
        ("2xrtx-3090", "not as it is", ["READY-ECC", "READY-TIER", "READY-MACHINE"]),
        ("4xrtx-4090+1xa100-sxm-80gb", "with limits",
         ["READY-TIER", "READY-ECCON", "READY-MACHINE", "READY-EQUAL"]),
    ],
)  # fmt: skip
def test_f072_readiness_follows_from_the_attributes_of_a_rig(
    rig: str, word: str, rules: list[str], program: Program
) -> None:
    found = program.answer(f"rig {rig}")
    assert found["readiness"] == word
    assert [reason["rule"] for reason in found["reasons"]] == rules


def test_f070_more_cards_are_more_points_of_failure(program: Program) -> None:
    many, one = program.answer("rig 16xrtx-4090"), program.answer("rig 1xh100-sxm")
    assert many["failures_per_year"]["mid"] == pytest.approx(16 * 0.1082, abs=0.002)
    assert one["failures_per_year"]["mid"] == pytest.approx(0.1082, abs=0.0001)


def test_published_rates_are_listed_with_their_counts(program: Program) -> None:
    found = {preset["slug"]: preset for preset in program.answer("presets")["presets"]}
    assert found["llama-3"]["events_count"] == sum(
        cause["events_count"] for cause in found["llama-3"]["causes"]
    )
    assert found["meta-rsc-2"]["events_count"] is None
    assert found["titan-dbe-new"]["concentration_count"] == pytest.approx(0.04, abs=0.001)
    _, out, _ = program.run("presets")
    assert "0.0361% of all" in out


def test_a_chart_is_written_where_a_folder_is_named(program: Program, tmp_path: Path) -> None:
    code, out, err = program.run(f"run --gpus 64 --days 30 --save-time 60s --save {tmp_path}")
    assert (code, err) == (0, "")
    written = [path.name for path in tmp_path.glob("survival.*")]
    assert written
    assert all(file in " ".join(out.split()) for file in written)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("bits --gpus 8", "name a rig such as 8xh100-sxm, or give --gpus, --memory and --ecc"),
        ("bits 8xh100-sxm --gpus 4", "a rig says its cards and memory"),
        ("bits 8xh100-sxm --ecc off", "h100-sxm has ECC built into its memory"),
        ("bits 2xrtx-3090 --ecc on", "rtx-3090 has no ECC"),
        ("bits 1xrtx-3090+1xa100-sxm-80gb", "come with ECC on and off"),
        ("bits 8xh100-sxm --months -1", "--months is -1: it must be a positive"),
        ("bits 8xh100-sxm --sla 99%", "--requests-per-day and --sla belong together"),
        ("bits 8xh100-sxm --sla 200% --requests-per-day 5", "the largest accepted is 100"),
        ("bits 8xh100-sxm --sla 100% --requests-per-day 5", "it must be below 100%"),
        ("bits 8xh100-sxm --preset llama-3", "counts no single-bit errors"),
        ("bits 8xh100-sxm --rate-per-gb-year nan", "--rate-per-gb-year is nan"),
        ("bits 8xh100-sxm --vulnerability 2", "the largest accepted is 1"),
        ("bits 8xh100-sxm --concentration inf", "--concentration is inf"),
        ("run --gpus 0 --days 3 --save-time 60s", "--gpus is 0: it must be a whole number"),
        ("run --gpus 8 --days 3", "say how long a save stops the run"),
        (
            "run --gpus 8 --days 3 --save-time 60s --state 2TB --bandwidth 1GB",
            "--save-time 60s, or",
        ),
        ("run --gpus 8 --days 3 --save-time 60s --afr 5% --mtbf 3h", "give one of them"),
        ("run --gpus 8 --days 3 --save-time 60s --preset titan-sbe", "not failures"),
        ("run --gpus 8 --days 3 --save-time 60s --preset no-such", "no failure rate is called"),
        ("run --gpus 8 --days 3 --save-time 60s --card-price -2", "--card-price is -2"),
        ("checkpoint --save-time 60s", "say how many with --gpus N"),
        (
            "checkpoint --mtbf 3h --save-time 60s --storage-price 23",
            "--storage-price needs --state",
        ),
        ("checkpoint --mtbf 3h --save-time 5s --flush 60s --interval 30s", "cannot begin before"),
        ("checkpoint --mtbf 3h --save-time 60s --keep 0", "--keep is 0"),
        ("serve --replicas 2 --mttr 1h --target 99%", "say how often a replica fails"),
        ("serve --replicas 2 --mtbf 3d --mttr 1h --target 99% --zones 3", "add --zone-mtbf"),
        ("serve --replicas 2 --mtbf 3d --mttr 1h --target 99% --zone-mtbf 3d", "belong together"),
        ("serve --replicas 2 --mtbf 3d --mttr 1h --target 99% --spare -1", "--spare is -1"),
        ("spares --gpus 5 --lead-time 3d --target 0", "--target is 0"),
        ("spares --gpus 5 --lead-time 3d --target 99% --preset meta-rsc-1", "by cause"),
        ("spares --gpus 5 --lead-time 30 --target 99%", "--lead-time is '30': write its unit"),
        ("spares --gpus 5 --lead-time 3d --target 99% --preset titan-dbe-new", "not failures"),
        ("checkpoint --mtbf 3 --save-time 60s", "--mtbf is '3': write its unit"),
        ("serve --replicas 2 --mtbf 3d --mttr 30 --target 99%", "--mttr is '30': write its unit"),
        (
            "serve --replicas 2 --mtbf 3d --mttr 1h --target 99% --gpus-per-replica 8",
            "--mtbf is of a whole replica",
        ),
        ("rig 8xno-such-card", "no GPU is called"),
    ],
)
def test_wrong_input_is_one_sentence(line: str, message: str, program: Program) -> None:
    code, out, err = program.run(line)
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith("rightrig: ")
    assert err.count("\n") == 1


def test_a_target_is_shown_with_all_its_nines(program: Program) -> None:
    code, out, _ = program.run("serve --replicas 4 --target 99.99999999% --mttr 1d --mtbf 1h")
    assert code == 1
    text = " ".join(out.split())
    assert "target of 0.9999999999 missed" in text
    assert "a replica is out of service for too long; repair it sooner" in text


def test_the_failures_of_a_rig_are_those_of_all_its_cards(program: Program) -> None:
    one, two = (program.answer(f"rig {rig}")["failures_per_year"] for rig in ("l4", "2xl4"))
    assert two["mid"] == pytest.approx(2.0 * one["mid"])
    _, out, _ = program.run("rig 2xl4")
    assert f"{two['mid']:.3g} failures of its cards a year" in out


def test_an_hour_of_a_card_is_priced_with_or_without_its_unit(program: Program) -> None:
    plain, dated = (
        program.answer(f"run --gpus 8 --days 3 --save-time 60s --card-price {price}")["lost_usd"]
        for price in ("2.50", "$2.50/h")
    )
    assert plain == dated


def test_errors_that_change_a_result_are_the_wrong_answers_of_cards_with_ecc(
    program: Program,
) -> None:
    found = program.answer("bits 8xh100-sxm --requests-per-day 10M --sla 99.99%")
    # Of computation only, one answer each: the year's count over its days.
    wrong = found["corrupting_count"]["mid"] / 365.25
    assert found["sla"]["corrupted_requests_per_day"]["mid"] == pytest.approx(wrong)
