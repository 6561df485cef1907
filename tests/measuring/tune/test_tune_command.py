"""``rightrig tune`` as its user types it: a live engine whose speed is known, and the simulator."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from answer_types import answer_type, assert_is
from killing import killed

from rightrig.store import open_store
from rightrig.verbs.tune import tune

if TYPE_CHECKING:
    from program import Program

SLOTTED: Final = Path(__file__).parents[2] / "support" / "slotted_engine.py"
ENGINE: Final = (
    f"{shlex.quote(sys.executable)} {shlex.quote(str(SLOTTED))} --port {{port}} --slots {{slots}}"
)
# Objectives so wide that a busy machine of tests is no limited client.
TRAFFIC: Final = "--concurrency 4 --input 20 --output 8 --requests 24 --ttft-p99 9s"
LIVE: Final = f"{TRAFFIC} --metric output-tokens --one-start"
TRIES: Final = 3
RIGHTRIG: Final = (sys.executable, "-m", "rightrig")


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep runs in a store of this test."""
    monkeypatch.setenv("RIGHTRIG_DB", str(tmp_path / "runs.db"))
    monkeypatch.setenv("RIGHTRIG_MACHINE", "")


def live(program: Program, words: str, *more: str, engine: str = ENGINE) -> Any:
    """Return the JSON of an experiment on an engine."""
    return program.json(f"tune {LIVE} {words}", "--engine", engine, *more)


def statuses_of(numbers: list[int]) -> set[str]:
    """Return how runs ended."""
    with open_store() as store:
        return {store.run(number).status for number in numbers}


def test_a_live_engine_is_tuned_and_every_run_is_kept(program: Program) -> None:
    words = f"tune {LIVE} --json --baseline slots=1 --knob slots=4"
    # A busy machine may stand still for longer than a run: a spread that no gain beats, or a run in
    # which the client was late.
    for _ in range(TRIES):
        printed = program.lines(f"{words} --fresh", "--engine", ENGINE)
        assert_is(answer_type(tune), printed)
        found = json.loads(printed)
        if found["kept"] and statuses_of(found["run_ids"]) == {"finished"}:
            break
    assert statuses_of(found["run_ids"]) == {"finished"}
    (change,) = found["changes"]
    assert (change["knob"], change["value"], change["fate"]) == ("slots", "4", "better")
    # Four users and four slots: four times as quick, less what the machine itself takes.
    assert 2.0 <= change["change_ratio"]["mid"] <= 6.0
    assert found["kept"] == {"slots": "4"}
    assert found["baseline"] == {"slots": "1"}
    # 8 tokens of 5 ms each from one slot.
    assert 9.0 <= found["baseline_figures"]["requests_per_s"] <= 26.0
    assert found["baseline_figures"]["error_ratio"] == 0.0
    assert found["baseline_runs_count"] == 6
    with open_store() as store:
        runs = [store.run(number) for number in found["run_ids"]]
        assert len(runs) == 9
        assert {run.new.kind for run in runs} == {"tune"}
        settings = [run.new.settings["setting"] for run in runs]
        assert settings == [{"slots": "1"}] * 3 + [{"slots": "4"}] * 3 + [{"slots": "1"}] * 3
        assert runs[0].new.command[:2] == ("rightrig", "tune")
        assert len(store.samples(runs[0].id, "requests")["due_s"]) == 24
    # The same command goes on from there: nothing is left to do, and it says the same.
    again = json.loads(program.lines(words, "--engine", ENGINE))
    assert sorted(again["run_ids"]) == sorted(found["run_ids"])
    assert again["reused_runs_count"] == 9
    changed = ("elapsed_s", "reused_runs_count", "notes", "changes", "run_ids")
    assert {k: v for k, v in again.items() if k not in changed} == {
        k: v for k, v in found.items() if k not in changed
    }
    assert again["changes"][0]["change_ratio"] == change["change_ratio"]


def test_a_setting_at_which_the_engine_does_not_start_is_a_result(program: Program) -> None:
    found = live(program, "--baseline slots=1 --knob slots=0")
    (change,) = found["changes"]
    assert change["fate"] == "failed"
    assert "before it answered" in change["reason"]
    assert change["log"] == ["slotted_engine: --slots must be at least 1"]
    assert found["kept"] == {}


def test_an_engine_that_dies_under_load_is_a_result(program: Program) -> None:
    found = live(
        program, "--baseline slots=1,dies=0 --knob dies=14",
        engine=f"{ENGINE} --dies-after {{dies}}",
    )  # fmt: skip
    (change,) = found["changes"]
    assert (change["fate"], change["reason"]) == ("failed", "the engine ended with exit code 1")
    assert "CUDA out of memory" in change["log"][-1]
    with open_store() as store:
        assert [run.status for run in store.runs("tune")] == ["failed", *["finished"] * 3]


def test_a_baseline_that_does_not_start_is_told_with_its_last_words(program: Program) -> None:
    text = program.text(
        f"tune {LIVE} --baseline slots=0 --knob slots=2", "--engine", ENGINE, leaves=1
    )
    assert "The baseline slots=0 did not run: the engine ended with exit code 1" in text
    assert "| slotted_engine: --slots must be at least 1" in text


def test_every_request_in_time_at_a_rate_ends_the_experiment(program: Program) -> None:
    found = program.json(
        "tune --rate 20/s --requests 40 --input 20 --output 4 --ttft-p99 5s --one-start "
        "--baseline slots=4 --knob slots=8,16", "--engine", ENGINE,
    )  # fmt: skip
    assert found["metric"] == "goodput"
    assert [change["fate"] for change in found["changes"]] == ["not tried"] * 2
    assert "the baseline answers every request in time" in found["stopped_because"]


def test_each_run_is_a_start_of_its_own_unless_one_is_asked_for(program: Program) -> None:
    quick = TRAFFIC.replace("--requests 24", "--requests 8")
    found = program.json(
        f"tune {quick} --metric output-tokens --no-keep --baseline slots=2,dies=20 --knob slots=1",
        "--engine", f"{ENGINE} --dies-after {{dies}}",
    )  # fmt: skip
    # An engine that dies after 20 answers lives through one run of 8 and its warming, not two.
    assert not found["one_start"]
    assert found["run_ids"] == []
    assert found["changes"][0]["figures"]["runs_count"] == 3


def test_a_kill_at_any_moment_loses_no_finished_run(program: Program) -> None:
    words = [
        *RIGHTRIG, "tune", *shlex.split(LIVE), "--baseline", "slots=1", "--knob", "slots=4",
        "--engine", ENGINE,
    ]  # fmt: skip
    finished: set[int] = set()
    for delay_s in (3.0, 5.0):
        assert killed(words, delay_s).was_running
        with open_store() as store:
            runs = store.runs("tune")
            now = {run.id for run in runs if run.status == "finished"}
            assert finished <= now
            assert {run.status for run in runs} <= {"finished", "died"}
            finished = now
    found = live(program, "--baseline slots=1 --knob slots=4")
    assert found["reused_runs_count"] == len(finished)
    assert finished <= set(found["run_ids"])
    assert found["changes"][0]["figures"]["runs_count"] == 3


def test_ctrl_c_prints_what_was_measured() -> None:
    words = [
        *RIGHTRIG, "tune", *shlex.split(LIVE), "--json", "--baseline", "slots=2", "--knob",
        "slots=4,8,16,32", "--repeats", "50", "--engine", ENGINE,
    ]  # fmt: skip
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        try:
            running.wait(5.0)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30.0)
    assert running.returncode == 130
    assert b"Traceback" not in err
    found = json.loads(out)
    assert {change["fate"] for change in found["changes"]} <= {"not tried", "unfinished", "better"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "say what to tune"),
        ("--simulate --engine x", "say what to tune"),
        ("--simulate", "--simulate needs MODEL --on RIG"),
        ("qwen3-8b --simulate", "--simulate needs MODEL --on RIG"),
        ("--engine python3", "add --baseline"),
        ("--engine python3 --baseline a=1", "add --knob"),
        ("--engine python3 --baseline a=1 --knob b=2", "add b=…"),
        ("--engine 'python3 {port} {a}' --baseline a=1 --knob a=2", "how much comes is not said"),
        ("--engine 'python3 {a}' --baseline a=1 --knob a=2 --rate 1/s", "has no place {port}"),
        ("--engine 'python3 {port}' --baseline a=1 --knob a=2 --rate 1/s", "no place {a}"),
        (
            "--engine 'python3 {port} {a}' --baseline a=1 --knob a=2 --rate 1/s --url http://h:1",
            "write {port} into --url too",
        ),
        (
            "--engine 'python3 {port} {a}' --baseline a=1 --knob a=2 --rate 1/s --repeats 2",
            "from 3, which is what it takes to know the spread",
        ),
        (
            "--engine 'python3 {port} {a}' --baseline a=1 --knob a=2 --rate 1/s --metric speed",
            "--metric is 'speed'",
        ),
        (
            "--engine 'python3 {port} {a}' --baseline a=1 --knob a=2 --rate 1/s --api-key-env NOPE",
            "is not set in the environment",
        ),
        (
            "qwen3-8b --engine 'python3 {port} {a}' --baseline a=1 --knob a=2 --rate 1/s",
            "a prediction needs both",
        ),
        (
            "qwen3-8b --on 1xl4 --simulate --baseline x=1 --knob x=2 --rate 1/s",
            "the simulator does not know x",
        ),
        (
            "qwen3-8b --on 1xl4 --simulate --baseline tp=two --knob tp=1 --rate 1/s",
            "tp is 'two': write a whole number",
        ),
        (
            "qwen3-8b --on 1xl4 --simulate --kv fp8 --baseline kv_dtype=bf16 --knob kv_dtype=fp8",
            "say the same; drop --kv",
        ),
        (
            "qwen3-8b --on 1xl4 --simulate --baseline spec_tokens=0 --knob spec_tokens=4",
            "needs --acceptance",
        ),
    ],
)
def test_wrong_words_are_answered_with_one_sentence(
    program: Program, words: str, says: str
) -> None:
    assert says in program.sentence(f"tune {words}")


def test_an_engine_that_is_not_installed_is_missing(program: Program) -> None:
    code, _, error = program.run(
        "tune --engine 'no-such-engine {port} {a}' --baseline a=1 --knob a=2 --rate 1/s"
    )
    assert code == 3
    assert "'no-such-engine' is no program of this machine; install it" in error


@pytest.mark.usefixtures("compiled")
class TestSimulated:
    """The same on the simulator."""

    WORDS: Final = "tune qwen3-8b --on 1xl4 --weights fp8 --simulate --requests 200 --input 300"

    def test_more_sequences_give_more_tokens_as_predicted(self, program: Program) -> None:
        printed = program.lines(
            f"{self.WORDS} --output 60 --concurrency 16 --baseline max_num_seqs=4 "
            "--knob max_num_seqs=2,8,16 --json"
        )
        assert_is(answer_type(tune), printed)
        found = json.loads(printed)
        assert [c["fate"] for c in found["changes"]] == ["better", "better", "worse"]
        assert found["kept"] == {"max_num_seqs": "16"}
        for change in found["changes"]:
            measured, predicted = change["change_ratio"]["mid"], change["predicted_change_ratio"]
            assert predicted == pytest.approx(measured, rel=0.1)
            # What a change does to throughput, latency, memory and cost is told together.
            figures = change["figures"]
            for name in ("output_tokens_per_s", "ttft_p99_s", "memory_bytes"):
                assert figures[name] > 0.0
            assert figures["usd_per_output_token"] > 0.0
        assert found["deployment"]["max_seqs"] == 4
        assert found["run_ids"] == []

    def test_the_same_experiment_finds_the_same(self, program: Program) -> None:
        words = (
            f"{self.WORDS} --output lognormal:mean=60,p99=300 --rate 3/s --baseline "
            "max_batched_tokens=2048 --knob max_batched_tokens=512,8192 --ttft-p99 300ms"
        )
        first, again = program.json(words), program.json(words)
        assert {**first, "elapsed_s": 0.0} == {**again, "elapsed_s": 0.0}
        assert first["metric"] == "goodput"

    def test_what_does_not_fit_or_split_is_a_result(self, program: Program) -> None:
        found = program.json(
            f"{self.WORDS} --output 60 --concurrency 4 --baseline tp=1,weights=fp8 "
            "--knob tp=2 --knob weights=bf16,awq".replace("--weights fp8", "")
        )
        fates = {f"{c['knob']}={c['value']}": c["fate"] for c in found["changes"]}
        assert fates["tp=2"] == "failed"
        assert fates["weights=awq"] == "better"
        (split,) = [c for c in found["changes"] if c["knob"] == "tp"]
        assert "needs a multiple of 2 cards" in split["reason"]

    def test_prefix_caching_and_drafts_are_simulated_too(self, program: Program) -> None:
        found = program.json(
            "tune qwen3-8b --on 1xl4 --weights fp8 --simulate --requests 150 --preset agent "
            "--rate 0.5/s --metric ttft-p99 --acceptance 0.8 "
            "--baseline prefix_cache=on,spec_tokens=0 --knob prefix_cache=off --knob spec_tokens=3"
        )
        fates = {f"{c['knob']}={c['value']}": c for c in found["changes"]}
        assert fates["prefix_cache=off"]["change_ratio"]["mid"] > 1.0
        assert (
            fates["spec_tokens=3"]["figures"]["tpot_p50_s"]
            < (found["baseline_figures"]["tpot_p50_s"])
        )

    def test_several_kept_values_are_said_to_be_unknown_together(self, program: Program) -> None:
        text = program.text(
            f"{self.WORDS} --output 60 --concurrency 16 --baseline "
            "max_num_seqs=4,max_batched_tokens=64 --knob max_num_seqs=16 "
            "--knob max_batched_tokens=4096"
        )
        assert "Keep: max_num_seqs=16, max_batched_tokens=4096. Each beats the spread." in text
        assert "what they do together was not" in text
        assert "--baseline max_batched_tokens=4096,max_num_seqs=16." in text
        assert "Simulated: an estimate, which is not kept among measured runs." in text
