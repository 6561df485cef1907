"""``simulate``: its answer as text and JSON, its files, the limit, and what it refuses."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest import mock
from xml.etree import ElementTree as ET

import pytest

from rightrig.cli import main, waiting
from rightrig.errors import InputError
from rightrig.verbs.requesting import Words, check_words, traffic_of

if TYPE_CHECKING:
    from collections.abc import Sequence

SCRIPT: Final = Path(sys.executable).with_name("rightrig")
MOST_BYTES: Final = 200_000
BASE: Final = "simulate llama-3.1-8b --on 1xh100-sxm"
SMALL: Final = f"{BASE} --rate 5/s --requests 2000"
KEPT: Final = f"{SMALL} --ttft-p99 2s --tpot-p99 100ms"
MISSED: Final = f"{SMALL} --ttft-p99 1ms"
COUNTS: Final = ("served_count", "rejected_count", "cancelled_count", "timed_out_count")
# One command of each kind, and how it leaves.
COMMANDS: Final = {
    SMALL: 0,
    KEPT: 0,
    MISSED: 1,
    f"{BASE} --concurrency 8 --think 1s --requests 200": 0,
    f"{BASE} --preset reasoning --rate 1/s --requests 200": 0,
    f"{BASE} --preset agent --concurrency 4 --requests 200": 0,
    f"{BASE} --preset batch --requests 50 --e2e-p50 1h": 0,
    f"{BASE} --arrivals mmpp:rates=1/s+20/s,sojourns=60s+5s --requests 200": 0,
    f"{BASE} --arrivals gamma:burstiness=0.5 --rate 2/s --output lognormal:mean=211,p99=600 "
    "--requests 200": 0,
    f"{BASE} --rate 400/s --requests 500 --timeout 2s --max-queue 50 --ttft-p90 1s": 1,
    f"{BASE} --rate 50/s --requests 200 --timeout 1ms --e2e-p50 1s": 1,
    "simulate llama-3.1-8b --on 4xh100-sxm --replicas 4 --prefill-replicas 1 --rate 9/s "
    "--requests 200 --router power-of-two": 0,
    f"{SMALL} --ttft-p99 500ms --tpot-p99 50ms --find-limit": 0,
    f"{SMALL} --ttft-p99 1ms --find-limit": 1,
    "simulate llama-3.3-70b --on rtx-4090 --rate 1/s --requests 50": 1,
    "simulate llama-3.1-8b --on rtx-4090 --runtime llama.cpp --rate 0.1/s --requests 50": 0,
}  # fmt: skip
SENTENCES: Final = (
    (BASE, "add --rate 5/s, --concurrency 32 or --trace FILE"),
    (f"{BASE} --preset chat", "add --rate 5/s"),
    (f"{BASE} --arrivals gamma:burstiness=2", "add --rate 5/s"),
    (f"{BASE} --rate 5/s --concurrency 2", "--concurrency and --rate do not go together"),
    (f"{BASE} --concurrency 2 --arrivals poisson", "--concurrency and --arrivals do not"),
    (f"{BASE} --trace t.csv --preset chat", "--trace and --preset do not go together"),
    (f"{BASE} --trace t.csv --input 100", "--trace and --input do not go together"),
    (f"{BASE} --trace t.csv --output 100", "--trace and --output do not go together"),
    (f"{BASE} --trace t.csv --arrivals poisson", "--trace and --arrivals do not go together"),
    (f"{BASE} --trace t.csv --concurrency 2", "--trace and --concurrency do not go together"),
    (f"{BASE} --preset chat --rate 1/s --input 100", "--preset and --input do not go together"),
    (f"{BASE} --rate 1/s --think 2s", "add --concurrency 32"),
    (f"{BASE} --rate 1/s --find-limit", "--find-limit needs an objective, such as --ttft-p99"),
    (f"{BASE} --concurrency 2 --ttft-p99 1s --find-limit", "the answers set the rate"),
    (f"{BASE} --preset batch --ttft-p99 1s --find-limit", "needs arrivals with a rate"),
    (f"{BASE} --arrivals closed:users=4 --rate 5/s", "a closed loop has no rate"),
    (f"{BASE} --preset chatt --rate 1/s", "the presets are agent, batch, chat"),
    (f"{BASE} --arrivals sometimes --rate 1/s", "'sometimes' is no kind of arrivals"),
    (f"{BASE} --input many --rate 1/s", "--input: 'many' is no distribution"),
    (f"{BASE} --rate fast", "--rate is 'fast'"),
    (f"{BASE} --rate 0/s", "--rate is 0"),
    (f"{BASE} --rate 1/s --requests 0", "--requests is 0"),
    (f"{BASE} --rate 1/s --requests 99999999", "from 1 to 20,000,000"),
    (f"{BASE} --rate 1/s --seed -1", "--seed is -1"),
    (f"{BASE} --concurrency 0", "--concurrency is 0"),
    (f"{BASE} --concurrency 2 --think never", "--think is 'never'"),
    (f"{BASE} --rate 1/s --ttft-p99 5000", "--ttft-p99 is 5000: the largest accepted is 3,600"),
    (f"{BASE} --rate 1/s --tpot-p99 50", "--tpot-p99 is 50: the largest accepted is 10"),
    (f"{BASE} --rate 1/s --itl-p50 x", "--itl-p50 is 'x'"),
    (f"{BASE} --rate 1/s --output 1 --tpot-p99 1s", "answers of one token have no time"),
    (f"{BASE} --rate 1/s --input 200000", "the longest request has 200,300 tokens"),
    (f"{BASE} --rate 1/s --router best", "it is one of round-robin, least-loaded"),
    (f"{BASE} --rate 1/s --prefill-replicas 1", "leave at least one for each part"),
    (f"{BASE} --rate 1/s --timeout 0", "--timeout is 0"),
    (f"{BASE} --rate 1/s --max-queue 0", "--max-queue is 0"),
    (f"{BASE} --rate 1/s --price cheap", "--price is 'cheap'"),
    (f"{BASE} --rate 1/s --spec-tokens 4", "belong together"),
    (f"{BASE} --rate 1/s --acceptance 0.7", "belong together"),
    (f"{BASE} --rate 1/s --draft llama-3.2-1b-instruct", "add --spec-tokens 4 --acceptance 0.7"),
    (f"{BASE} --rate 1/s --save /dev/null/x", "cannot be written to"),
    (f"{BASE} --rate 1/s --runtime ollama", "its speed is not yet"),
    (f"{BASE} --trace /nonexistent.csv", "No such file or directory"),
)
HEADER: Final = "arrival_s,input_tokens,output_tokens\n"
BROKEN: Final = (
    ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,374,44\nnoon,1,2\n", "line 3"),
    (f"{HEADER}0,10,20\n1,-5,20\n", "line 3"),
    (f"{HEADER}0,10,20\n1,ten,20\n", "line 3"),
    (f"{HEADER}0,10,20\n1,10\n", "line 3"),
    (f"{HEADER}0,10,20\nnan,10,20\n", "line 3"),
    ('{"timestamp": 0, "input_length": 10, "output_length": 5, "hash_ids": []}\n{\n', "line 2"),
    ("a,b,c\n1,2,3\n", "line 1"),
    (HEADER, "no request below its header"),
    ("", "is empty"),
)


@functools.cache
def ran(command: str) -> tuple[int, str, str]:
    """Run a command in this process, once; return its exit code and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["rightrig", *command.split()]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as left,
    ):
        main()
    assert isinstance(left.value.code, int)
    said = [line for line in err.getvalue().splitlines() if not line.startswith("compiling")]
    return left.value.code, out.getvalue(), "\n".join(said)


def found(command: str) -> Any:
    """Return the JSON of a command."""
    return json.loads(ran(f"{command} --json")[1])


@functools.cache
def text(command: str) -> str:
    """Return what a command prints, on one line."""
    return " ".join(ran(command)[1].split())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_simulation_leaves_with_1_when_an_objective_is_not_kept(command: str) -> None:
    code, out, err = ran(command)
    assert (code, err) == (COMMANDS[command], "")
    assert max(len(line) for line in out.splitlines()) <= 100
    assert "None" not in out
    assert "nan" not in out.lower().split()


@pytest.mark.parametrize("command", COMMANDS)
def test_its_json_is_small_and_every_request_ends_once(command: str) -> None:
    code, out, err = ran(f"{command} --json")
    assert (code, err) == (COMMANDS[command], "")
    assert len(out.encode()) < MOST_BYTES

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    answer = json.loads(out, parse_constant=refuse)
    assert answer["requests_count"] == sum(answer[name] for name in COUNTS)


@pytest.mark.parametrize(("command", "says"), SENTENCES, ids=[c for c, _ in SENTENCES])
def test_wrong_input_is_answered_in_one_sentence(command: str, says: str) -> None:
    code, out, err = ran(command)
    assert (code, out) == (2, "")
    assert err.startswith("rightrig: ")
    assert len(err.splitlines()) == 1
    assert says in err


@pytest.mark.parametrize(("content", "says"), BROKEN, ids=[says for _, says in BROKEN])
def test_a_malformed_trace_is_refused_with_file_and_line(
    tmp_path: Path, content: str, says: str
) -> None:
    file = tmp_path / "broken.csv"
    file.write_text(content, encoding="utf-8")
    code, out, err = ran(f"{BASE} --trace {file}")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert str(file) in err
    assert says in err


def test_percentiles_rise_and_intervals_hold_their_middle() -> None:
    latencies = found(KEPT)["latencies"]
    assert set(latencies) == {"ttft", "tpot", "itl", "e2e", "wait"}
    for latency in latencies.values():
        mids = [latency[name]["mid_s"] for name in ("p50", "p90", "p95", "p99", "p99_9")]
        assert mids == sorted(mids)
        for value in latency.values():
            joined = value["joined_s"]
            for part in (value["sampling_s"], value["model_s"]):
                assert joined["low"] <= part["low"] * 1.000001
                assert joined["high"] >= part["high"] * 0.999999
            assert joined["low"] <= value["mid_s"] <= joined["high"]


def test_percentiles_that_rest_on_few_requests_are_marked() -> None:
    ttft = found(SMALL)["latencies"]["ttft"]
    assert ttft["p99_9"]["is_thin"]
    assert not ttft["p99"]["is_thin"]
    assert "fewer than 10 requests lie above it" in text(SMALL)


def test_objectives_have_verdicts() -> None:
    answer = found(KEPT)
    assert [(own["metric"], own["verdict"]) for own in answer["objectives"]] == [
        ("ttft", "surely"), ("tpot", "surely"),
    ]  # fmt: skip
    assert answer["slo_met"] == "surely"
    assert "KEPT SURELY" in text(KEPT)
    assert found(MISSED)["slo_met"] == "not"
    assert "NOT KEPT" in text(MISSED)
    assert found(SMALL)["slo_met"] == "no objective"


def test_an_objective_that_no_request_lived_to_see_is_not_kept() -> None:
    answer = found(f"{BASE} --rate 50/s --requests 200 --timeout 1ms --e2e-p50 1s")
    assert answer["timed_out_count"] == 200
    assert answer["objectives"][0]["verdict"] == "not"
    assert answer["objectives"][0]["mid_s"] is None
    assert answer["cost_usd_per_million_good_tokens"] is None


def test_a_model_that_does_not_fit_is_an_answer_and_no_error() -> None:
    command = "simulate llama-3.3-70b --on rtx-4090 --rate 1/s --requests 50"
    assert "DOES NOT FIT: " in text(command)
    assert found(command)["fit_verdict"] == "no"


def test_the_price_is_the_cheapest_offer_with_provider_and_date_or_what_the_user_says() -> None:
    price = found(SMALL)["price"]
    assert price["provider"] in text(SMALL)
    assert price["date"] in text(SMALL)
    said = f"{SMALL} --price 3.5"
    assert found(said)["price"]["rent_usd_per_hour"] == pytest.approx(3.5)
    assert "$3.50/h (as you say)" in text(said)
    ratio = 3.5 / price["rent_usd_per_hour"]
    cost = found(SMALL)["cost_usd_per_million_good_tokens"]
    assert found(said)["cost_usd_per_million_good_tokens"] == pytest.approx(cost * ratio)


def test_instances_that_nobody_sells_have_no_price() -> None:
    command = "simulate llama-3.1-8b --on 1xh100-sxm@mig=3g.40gb --rate 1/s --requests 50"
    assert found(command)["price"] is None
    assert "rent" not in text(command)


def test_the_limit_keeps_the_objectives_and_names_what_breaks_above_it() -> None:
    command = f"{SMALL} --ttft-p99 500ms --tpot-p99 50ms --find-limit"
    answer = found(command)
    rate = answer["limit"]["rate_requests_per_s"]
    assert rate["low"] < rate["mid"] < rate["high"]
    assert all(own["mid_s"] <= own["limit_s"] for own in answer["objectives"])
    binding = answer["limit"]["binding"]
    assert binding["mid_s"] > binding["limit_s"]
    assert f"{binding['metric'].upper()} p99 breaks first" in text(command)
    above = f"{BASE} --rate {1.1 * rate['mid']}/s --requests 2000 --ttft-p99 500ms --tpot-p99 50ms"
    assert found(above)["slo_met"] == "not"


def test_objectives_that_nothing_breaks_have_no_limit() -> None:
    command = f"{BASE} --rate 5/s --requests 50 --ttft-p99 1h --find-limit"
    assert text(command).count("NO LIMIT: ") == 1
    assert found(command)["limit"]["binding"] is None


def test_a_rate_of_sessions_is_told_in_requests_too() -> None:
    command = f"{BASE} --preset agent --requests 600 --ttft-p50 40ms --find-limit"
    limit = found(command)["limit"]
    turns = found(command)["traffic"]["requests_per_arrival_count"]
    assert turns > 10
    requests, arrivals = limit["rate_requests_per_s"], limit["rate_arrivals_per_s"]
    assert requests["mid"] == pytest.approx(turns * arrivals["mid"])


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("trace") / "recorded.csv"
    rows = [f"{0.2 * n},{100 + n % 7},{20 + n % 5},{'ab'[n % 2]}\n" for n in range(300)]
    file.write_text(f"arrival_s,input_tokens,output_tokens,tenant\n{''.join(rows)}")
    return file


@pytest.fixture(scope="module")
def saved(trace: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("saved") / "new"
    answer = found(f"{BASE} --trace {trace} --ttft-p99 500ms --save {folder}")
    return folder, answer


def test_a_trace_is_replayed_stretched_and_repeated(trace: Path) -> None:
    command = f"{BASE} --trace {trace}"
    own, faster = found(command), found(f"{command} --rate 20/s")
    assert own["requests_count"] == 300
    assert own["offered_requests_per_s"] == pytest.approx(5.0)
    assert faster["offered_requests_per_s"] == pytest.approx(20.0)
    again = found(f"{command} --requests 700")
    assert again["requests_count"] == 700
    assert "again and again" in again["traffic"]["notes"][0]
    assert found(f"{command} --requests 10")["requests_count"] == 10


def test_a_trace_is_stretched_to_its_limit(trace: Path) -> None:
    answer = found(f"{BASE} --trace {trace} --ttft-p99 500ms --find-limit")
    assert answer["limit"]["rate_requests_per_s"]["mid"] > 5.0


def test_the_saved_requests_can_be_read_back(saved: tuple[Path, Any]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    folder, answer = saved
    rows = parquet.read_table(folder / "requests.parquet").to_pylist()
    assert len(rows) == answer["requests_count"]
    assert {row["status"] for row in rows} == {"served"}
    assert [row["tenant"] for row in rows[:4]] == ["a", "b", "a", "b"]
    mean_s = sum(row["ttft_s"] for row in rows) / len(rows)
    assert mean_s == pytest.approx(answer["latencies"]["ttft"]["mean"]["mid_s"])
    for row in rows:
        assert row["arrival_s"] <= row["scheduled_s"] <= row["first_token_s"] <= row["finish_s"]


def test_the_saved_series_has_every_request_and_the_saved_json_is_the_answer(
    saved: tuple[Path, Any],
) -> None:
    folder, answer = saved
    header, *lines = (folder / "series.csv").read_text().splitlines()
    place = header.split(",").index("arrivals_count")
    assert sum(int(line.split(",")[place]) for line in lines) == answer["requests_count"]
    assert 10 < len(lines) <= 128
    assert json.loads((folder / "outcome.json").read_text(encoding="utf-8")) == answer
    assert sorted(answer["saved"]) == sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["latency", "timeline"])
def test_charts_are_pictures(saved: tuple[Path, Any], name: str) -> None:
    pytest.importorskip("vl_convert")
    folder, _ = saved
    root = ET.fromstring((folder / f"{name}.svg").read_text())  # noqa: S314 - ours
    assert root.tag.endswith("svg")
    assert float(root.attrib["width"]) > 500
    assert "TTFT" in (folder / f"{name}.svg").read_text()
    assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG\r\n")


def without(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Let an extra seem to be absent."""
    for module in ("saving", "saving_simulation"):
        monkeypatch.setattr(
            f"rightrig.verbs.{module}.find_spec",
            lambda name: None if name == missing else object(),
        )


def test_without_its_extra_charts_are_specifications(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without(monkeypatch, "vl_convert")
    command = f"{BASE} --concurrency 4 --requests 100 --save {tmp_path}"
    assert "pip install 'rightrig[charts]'" in text(command)
    for name in ("latency", "timeline"):
        chart = json.loads((tmp_path / f"{name}.vl.json").read_text(encoding="utf-8"))
        assert "vega-lite" in chart["$schema"]


def test_without_its_extra_no_table_is_promised(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without(monkeypatch, "pyarrow")
    code, out, err = ran(f"{BASE} --rate 1/s --save {tmp_path}/none")
    assert (code, out) == (3, "")
    assert "pip install 'rightrig[parquet]'" in err
    assert not (tmp_path / "none").exists()


def test_a_first_run_says_that_it_compiles(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("rightrig.simulation._jit.KERNELS_FOLDER", str(tmp_path))
    waiting.Terminal().compiling()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    waiting.Terminal().compiling()
    assert capsys.readouterr().err.startswith("compiling the simulator once")
    (tmp_path / "run.nbi").touch()
    waiting.Terminal().compiling()
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with waiting.Terminal().shares() as nobody_looks:
        assert nobody_looks is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with waiting.Terminal().shares() as tell:
        assert tell is not None
        tell(1.5)


def test_too_few_sessions_for_the_asked_rate_say_so() -> None:
    words = Words("1/s", None, None, None, "agent", None, None, None, 2000, 1)
    *_, note = traffic_of(words, 131_072, finds_limit=False).notes
    assert note.startswith("20 sessions are too few for 1 requests/s")
    assert note.endswith("ask for --requests 160000 or more")
    slow = replace(words, rate="0.001/s")
    assert len(traffic_of(slow, 131_072, finds_limit=False).notes) == 1


def test_sessions_stay_within_the_context_of_the_model() -> None:
    words = Words(None, 4, None, None, "agent", None, None, None, 300, 1)
    requests = traffic_of(words, 32_768, finds_limit=False).requests
    assert (requests.input_tokens + requests.output_tokens).max() <= 32_768


@pytest.mark.parametrize("other", ["preset", "input", "output", "arrivals", "think"])
def test_a_trace_goes_with_no_other_lengths_or_times(other: str) -> None:
    given: dict[str, Any] = dict.fromkeys(Words.__dataclass_fields__)
    with pytest.raises(InputError, match=f"--trace and --{other}"):
        check_words(Words(**{**given, "seed": 1, "trace": "t", other: "x"}), finds_limit=False)


def loaded(words: Sequence[str]) -> set[str]:
    """Return the modules that a command loads."""
    code = (
        f"import json, sys\nsys.argv = {['rightrig', *words]!r}\nfrom rightrig.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('\\n' + json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("command", ["--help", "simulate --help", "fit llama-3.1-8b --on h100-sxm"])
def test_other_commands_load_no_compiler(command: str) -> None:
    assert {"numba", "numpy", "rightrig.simulation"}.isdisjoint(loaded(command.split()))


def test_a_prediction_loads_no_compiler() -> None:
    modules = loaded(["predict", "llama-3.1-8b", "--on", "h100-sxm"])
    assert "rightrig.prediction.predict" in modules
    assert {"numba", "rightrig.simulation.loop"}.isdisjoint(modules)


def test_the_installed_program_simulates() -> None:
    command = [str(SCRIPT), *f"{BASE} --rate 2/s --requests 100 --json".split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["served_count"] == 100
