"""``rightrig load`` as its users see it, against a server whose truth is known."""

from __future__ import annotations

import csv
import http.server
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from killing import dice_of, random_delay_s
from mock_llm_process import mock_llm
from pydantic import TypeAdapter

from rightrig.report.schema.loading import LoadJson
from rightrig.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mock_llm_process import MockLlm
    from program import Program

FIRST_S, GAP_S, TOKENS, SLOTS = 0.02, 0.01, 4, 4
SERVICE_S: Final = FIRST_S + (TOKENS - 1) * GAP_S
CAPACITY_PER_S: Final = SLOTS / SERVICE_S
LENGTHS: Final = f"--input 20 --output {TOKENS}"
RUNTIME: Final = (sys.executable, "-m", "rightrig")
BUSY: Final = "this machine is too busy for a client that keeps its times"


@pytest.fixture(scope="module")
def queue() -> Iterator[MockLlm]:
    """A server of four places: 80 requests/s of four tokens, not one more."""
    with mock_llm(first_s=FIRST_S, gap_s=GAP_S, slots_count=SLOTS) as server:
        yield server


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIGHTRIG_DB", str(tmp_path / "runs.db"))
    monkeypatch.setenv("RIGHTRIG_MACHINE", "")


def loaded(program: Program, command: str, leaves: tuple[int, ...] = (0,)) -> Any:
    code, out = program.said(f"load {command} --json")
    assert code in leaves
    found = json.loads(out, parse_constant=pytest.fail)
    TypeAdapter(LoadJson).validate_python(found, strict=True)
    return found


def test_closed_levels_show_what_the_server_is_known_to_do(
    program: Program, queue: MockLlm
) -> None:
    command = f"{queue.url} --concurrency 1,4,8 {LENGTHS} --requests 60 --no-keep"
    found = loaded(program, command)
    assert [one["concurrency"] for one in found["levels"]] == [1, 4, 8]
    rates = [one["served_requests_per_s"] for one in found["levels"]]
    assert rates[0] == pytest.approx(1.0 / SERVICE_S, rel=0.15)
    assert rates[1] == pytest.approx(CAPACITY_PER_S, rel=0.15)
    assert rates[2] == pytest.approx(CAPACITY_PER_S, rel=0.15)
    tpot = found["levels"][0]["latencies"]["tpot"]["statistics"]["p50"]["mid_s"]
    assert tpot == pytest.approx(GAP_S, rel=0.15)
    # Eight users at four places: each waits for one service before its own.
    ttft = found["levels"][2]["latencies"]["ttft"]["statistics"]["p50"]["mid_s"]
    assert ttft == pytest.approx(FIRST_S + SERVICE_S, rel=0.25)
    assert (found["name"], found["slo_met"], found["run_id"]) == ("mock", "no objective", None)


def test_the_breaking_point_found_is_the_capacity(program: Program, queue: MockLlm) -> None:
    # Even arrivals: there a queue of fixed service times breaks at its capacity, and nowhere else.
    even = "--arrivals gamma:burstiness=1000"
    command = f"{queue.url} --rate 120/s --ramp {even} {LENGTHS} --ttft-p99 120ms --requests 180"
    for _ in range(3):
        found = loaded(program, f"{command} --no-keep", leaves=(0, 1))
        if found["breaking"]["status"] != "client-limited":
            break
    else:
        pytest.skip(BUSY)
    full = loaded(program, f"{queue.url} --concurrency 12 {LENGTHS} --requests 150 --no-keep")
    capacity = full["levels"][0]["served_requests_per_s"]
    if capacity < 0.9 * CAPACITY_PER_S:
        pytest.skip(BUSY)
    breaking = found["breaking"]
    assert breaking["status"] == "found"
    assert breaking["is_monotone"]
    assert breaking["rate_requests_per_s"]["mid"] == pytest.approx(capacity, rel=0.1)
    ends = breaking["rate_requests_per_s"]
    assert 1.0 < ends["high"] / ends["low"] <= 1.08 * 1.001
    # The planned load, 120/s, is beyond what four places can do.
    assert (found["slo_met"], found["is_usual_slo"]) == ("not", False)
    held = [one for one in breaking["tried"] if one["holds"]]
    assert all(one["good_ratio"] >= 0.9 for one in held)


def test_a_limit_that_is_missed_leaves_with_one(program: Program, queue: MockLlm) -> None:
    command = f"{queue.url} --rate 30/s {LENGTHS} --requests 40 --ttft-p50 1ms --no-keep"
    found = loaded(program, command, leaves=(0, 1))
    if found["levels"][0]["verdict"] == "CLIENT-LIMITED":
        pytest.skip(BUSY)
    assert found["slo_met"] == "not"
    assert found["levels"][0]["goodput_requests_per_s"] == 0.0
    assert "NOT MET" in program.text(f"load {command}", leaves=1)


def test_a_run_is_kept_with_its_requests_and_can_be_repeated(
    program: Program, queue: MockLlm, tmp_path: Path
) -> None:
    requests = tmp_path / "requests.csv"
    command = (
        f"{queue.url} --concurrency 1,2 {LENGTHS} --requests 20 --csv {requests} "
        "--model llama-3.2-1b --on 1xl4"
    )
    found = loaded(program, command)
    with open_store() as store:
        run = store.run(found["run_id"])
        columns = store.samples(found["run_id"], "level-1-requests")
        gaps = store.samples(found["run_id"], "level-2-gaps")
    assert (run.status, run.new.kind) == ("finished", "load")
    assert run.new.served is not None
    assert (run.new.served.gpu, run.new.served.runtime) == ("l4", "vllm")
    assert run.new.command[:2] == ("rightrig", "load")
    assert run.new.settings["max_seqs"] == 256
    means = [one for one in run.values if one.name == "ttft_s" and one.labels["level"] == 1.0]
    mean = next(one for one in means if one.labels["statistic"] == "mean")
    assert mean.labels["concurrency"] == 1.0
    assert mean.labels["output_tokens"] == TOKENS
    first = found["levels"][0]
    assert mean.value == first["latencies"]["ttft"]["statistics"]["mean"]["mid_s"]
    assert len(columns["due_s"]) == 20
    assert len(gaps["gap_s"]) == 20 * (TOKENS - 1)
    with requests.open() as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 40
    assert {row["level"] for row in rows} == {"1", "2"}
    assert all(row["outcome"] == "ok" and row["output_tokens"] == "4" for row in rows)


@pytest.mark.usefixtures("compiled")
def test_predictions_and_prices_stand_beside_each_level(program: Program, queue: MockLlm) -> None:
    served = "--model llama-3.2-1b --on 1xl4 --price 3.6 --no-keep"
    found = loaded(program, f"{queue.url} --concurrency 2 {LENGTHS} --requests 30 {served}")
    (level,) = found["levels"]
    assert level["prediction"]["latencies"]["tpot"]["mean"]["mid"] > 0.0
    measured = level["cost"]["cost_usd_per_million_output_tokens"]
    assert measured == pytest.approx(3.6 / 3600.0 / level["output_tokens_per_s"] * 1e6)
    predicted = level["cost"]["predicted_usd_per_million_output_tokens"]
    assert predicted["low"] < predicted["mid"] < predicted["high"]
    assert level["cost"]["is_regression"] == (measured > predicted["high"])
    opened = f"{queue.url} --rate 20/s {LENGTHS} --requests 40 {served}"
    text = program.text(f"load {opened}")
    for words in ("TTFT p99", "output tokens/s", "$ a million output tokens", "as you say"):
        assert words in text
    latencies = loaded(program, opened)["levels"][0]["prediction"]["latencies"]
    assert {"mean", "p50", "p99"} <= latencies["ttft"].keys()


def plan_of(folder: Path, program: Program) -> str:
    """Return the file of a simulation whose rate the server of these tests carries."""
    path = folder / "simulated.json"
    command = (
        f"simulate llama-3.2-1b --on 1xl4 --rate 40/s {LENGTHS} --requests 200 --max-seqs 4 "
        "--ttft-p99 150ms --price 3.6"
    )
    code, out = program.said(f"{command} --json")
    assert code in {0, 1}
    path.write_text(out)
    return str(path)


@pytest.mark.usefixtures("compiled")
def test_a_plan_alone_prints_its_test(tmp_path: Path, program: Program) -> None:
    file = plan_of(tmp_path, program)
    found = loaded(program, f"--plan {file}")
    plan = found["plan"]
    assert [one["peak_ratio"] for one in plan["levels"]] == [0.5, 1.0, 2.0, 3.0]
    peak = plan["peak_requests_per_s"]
    assert [one["rate_requests_per_s"] for one in plan["levels"]] == [
        pytest.approx(peak * ratio) for ratio in (0.5, 1.0, 2.0, 3.0)
    ]
    assert all("vllm bench serve" in one["vllm"] for one in plan["levels"])
    assert all("aiperf profile" in one["aiperf"] for one in plan["levels"])
    assert (found["levels"], found["breaking"], found["slo_met"]) == ([], None, "not measured")
    breaking = plan["breaking_requests_per_s"]
    assert breaking["low"] <= breaking["mid"] <= breaking["high"]
    text = program.text(f"load --plan {file}")
    for words in ("Planned peak", "Predicted breaking point", "Passed when", "aiperf profile"):
        assert words in text


@pytest.mark.usefixtures("compiled")
def test_predicted_and_found_breaking_points_stand_side_by_side(
    tmp_path: Path, program: Program, queue: MockLlm
) -> None:
    command = f"{queue.url} --plan {plan_of(tmp_path, program)} --requests 60 --no-keep"
    for _ in range(3):
        found = loaded(program, command, leaves=(0, 1))
        breaking = found["breaking"]
        if breaking["status"] != "client-limited":
            break
    else:
        pytest.skip(BUSY)
    predicted = found["plan"]["breaking_requests_per_s"]
    assert breaking["predicted_requests_per_s"] == predicted
    assert breaking["status"] in {"found", "not reached"}
    if breaking["status"] == "found":
        middle = breaking["rate_requests_per_s"]["mid"]
        assert breaking["found_over_predicted_ratio"] == pytest.approx(middle / predicted["mid"])
        ends = breaking["rate_requests_per_s"]
        is_within = ends["low"] <= predicted["high"] and ends["high"] >= predicted["low"]
        assert breaking["is_within_prediction"] == is_within
    assert found["levels"][0]["peak_ratio"] == pytest.approx(0.5)
    assert found["price"]["cost_usd_per_hour"] == pytest.approx(3.6)


def test_results_of_another_tool_are_reported_and_kept_alike(
    tmp_path: Path, program: Program
) -> None:
    count = 40
    path = tmp_path / "saved.json"
    path.write_text(json.dumps({
        "model_id": "llama", "request_rate": "inf", "max_concurrency": 2, "duration": 4.0,
        "input_lens": [100] * count, "output_lens": [5] * count, "ttfts": [0.1] * count,
        "itls": [[0.025] * 4] * count, "start_times": [0.1 * at for at in range(count)],
    }))  # fmt: skip
    served = "--model llama-3.2-1b --on 1xl4"
    found = loaded(program, f"--read {path} --ttft-p99 200ms {served}")
    assert (found["tool"], found["slo_met"], found["url"]) == ("vllm", "met", None)
    assert found["levels"][0]["concurrency"] == 2
    assert found["levels"][0]["prediction"] is not None
    with open_store() as store:
        run = store.run(found["run_id"])
    assert (run.status, run.new.machine) == ("finished", "1xl4")
    assert any(one.name == "tpot_s" and one.value == pytest.approx(0.025) for one in run.values)
    assert "Results of vllm" in program.text(f"load --read {path} --no-keep")


def test_a_page_shows_the_charts(program: Program, queue: MockLlm, tmp_path: Path) -> None:
    page = tmp_path / "load.html"
    command = f"load {queue.url} --concurrency 1,4 {LENGTHS} --requests 20 --ttft-p99 1s --no-keep"
    program.said(f"{command} --html {page}")
    text = page.read_text()
    assert "latency over the load" in text
    assert "goodput over the load" in text


def test_a_trace_is_replayed_at_its_own_times(
    program: Program, queue: MockLlm, tmp_path: Path
) -> None:
    trace = tmp_path / "trace.csv"
    rows = [f"{0.02 * at},{10 + at},{TOKENS}" for at in range(30)]
    trace.write_text("\n".join(["arrival_s,input_tokens,output_tokens", *rows]) + "\n")
    queue.reset()
    found = loaded(program, f"{queue.url} --trace {trace} --warmup 0 --no-keep")
    assert found["levels"][0]["requests_count"] == 30
    assert found["levels"][0]["rate_requests_per_s"] is None
    arrivals_s = queue.stats()["arrivals_s"][-30:]
    assert arrivals_s[-1] - arrivals_s[0] == pytest.approx(0.58, abs=0.1)


def test_prompts_of_levels_and_seeds_share_no_beginning(program: Program, queue: MockLlm) -> None:
    queue.reset()
    command = f"load {queue.url} --concurrency 1,1 --input 40 --output 2 --requests 8 --no-keep"
    program.said(command)
    program.said(f"{command} --seed 2")
    asked = [body for body in queue.bodies() if body["max_tokens"] == 2]
    texts = [body["messages"][0]["content"] for body in asked]
    assert len(texts) == 32
    assert len({" ".join(text.split()[:4]) for text in texts}) == 32


@contextmanager
def listening(answer: str, status: int = 200) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Yield the address of a server that always answers the same, and what it was asked."""
    asked: list[dict[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answered()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answered()

        def answered(self) -> None:
            asked.append({**{k.lower(): v for k, v in self.headers.items()}, "path": self.path})
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the library
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


def test_the_key_goes_to_the_server_and_nowhere_else(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_OF_TEST", "sk-secret-1")
    with listening("no") as (url, asked):
        code, out, err = program.run(f"load {url} --name m --rate 1 --api-key-env KEY_OF_TEST")
    assert code == 3
    assert asked[0]["authorization"] == "Bearer sk-secret-1"
    assert "secret" not in out + err


def test_a_key_in_the_address_is_sent_and_not_shown(program: Program) -> None:
    with listening("no") as (url, asked):
        _, out, err = program.run(f"load {url}/v1?key=sk-secret-2 --name m --rate 1")
    assert asked[0]["path"] == "/v1/chat/completions?key=sk-secret-2"
    assert "secret" not in out + err


def test_a_server_with_several_models_asks_for_a_name(program: Program) -> None:
    models = json.dumps({"data": [{"id": "first"}, {"id": "second"}]})
    with listening(models) as (url, _):
        said = program.sentence(f"load {url} --rate 1")
    assert said.endswith("has several models: choose with --name: first, second")


def test_a_redirect_is_not_followed(program: Program) -> None:
    with listening("", status=307) as (url, asked):
        code, _, err = program.run(f"load {url} --name m --rate 1")
    assert code == 3
    assert "redirect" in err
    assert {one["path"] for one in asked} <= {"/v1/chat/completions", "/v1/models"}


def test_a_server_that_is_not_there_is_missing(program: Program) -> None:
    for name in ("", "--name m"):
        code, out, err = program.run(f"load http://127.0.0.1:9 {name} --rate 1")
        assert (code, out) == (3, "")
        assert "refused" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "load needs the address of a server"),
        ("URL", "how much comes is not said"),
        ("URL --rate 5 --concurrency 2", "--concurrency and --rate do not go together"),
        ("URL --ramp --concurrency 2", "a breaking point is a rate"),
        ("URL --model llama-3.1-8b --rate 1", "--model and --on belong together"),
        ("URL --concurrency 1,x", "write whole numbers by comma"),
        ("URL --concurrency 0", "--concurrency is 0"),
        ("URL --concurrency " + ",".join("1" * 33), "ask for at most 32"),
        ("URL --ramp --requests 5", "by 30 requests or more"),
        ("URL --rate 5 --requests 10 --warmup 99s", "take a shorter one"),
        ("URL --rate 5 --seconds 0", "--seconds is 0"),
        ("URL --rate 5 --api-key-env NO_SUCH_KEY", "is not set in the environment"),
        ("URL --rate 5 --price -3", "--price is"),
        ("http://u:p@h --rate 1", "holds a name or password"),
        ("ftp://h --rate 1", "is no address of http or https"),
        ("--plan no-such-file", "there is no such file"),
        ("--plan x --rate 5", "--plan and --rate do not go together"),
        ("--plan x --csv y", "nothing is measured"),
        ("--read x --rate 5", "--read and --rate do not go together"),
        ("http://h --read x", "--read and a URL do not go together"),
    ],
)
def test_wrong_words_are_one_sentence(program: Program, words: str, message: str) -> None:
    said = program.sentence(f"load {words.replace('URL', 'http://127.0.0.1:9 --name m')}")
    assert message in said


def test_ctrl_c_gives_what_was_measured_and_leaves_with_130(queue: MockLlm, tmp_path: Path) -> None:
    queue.reset()
    words = (
        "load", queue.url, "--concurrency", "2,3", "--input", "20", "--output", "4", "--requests",
        "5000", "--json",
    )  # fmt: skip
    environment = {**os.environ, "RIGHTRIG_DB": str(tmp_path / "runs.db"), "RIGHTRIG_MACHINE": ""}
    with subprocess.Popen(
        [*RUNTIME, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment,
    ) as process:  # fmt: skip
        while queue.stats()["requests_count"] < 30:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        begun_s = time.monotonic()
        out, err = process.communicate(timeout=30)
    assert time.monotonic() - begun_s < 10.0
    assert (process.returncode, err) == (130, "")
    found = json.loads(out)
    assert found["interrupted"]
    (level,) = found["levels"]
    assert level["interrupted"]
    assert 20 <= level["ok_count"] < 5000
    assert level["faults"] == {}
    with open_store(str(tmp_path / "runs.db")) as store:
        assert store.run(found["run_id"]).status == "interrupted"


def test_a_killed_run_leaves_whole_levels_and_an_open_store(queue: MockLlm, tmp_path: Path) -> None:
    place, dice = str(tmp_path / "runs.db"), dice_of(9)
    words = (
        *RUNTIME, "load", queue.url, "--concurrency", ",".join("2" * 30), "--input", "20",
        "--output", "2", "--requests", "10",
    )  # fmt: skip
    environment = {"RIGHTRIG_DB": place, "RIGHTRIG_MACHINE": ""}
    for _ in range(3):
        queue.reset()
        with subprocess.Popen(words, env={**os.environ, **environment}) as process:
            while queue.stats()["requests_count"] < 25:
                assert process.poll() is None
                time.sleep(0.02)
            time.sleep(random_delay_s(dice, 2.0))
            process.kill()
    with open_store(place) as store:
        runs = store.runs(kind="load")
        assert {run.status for run in runs} <= {"died"}
        assert len(runs) <= 3
        for run in runs:
            levels = [one.labels["level"] for one in run.values if one.name == "error_ratio"]
            assert levels == [float(number) for number in range(1, len(levels) + 1)]
            for name in run.samples:
                assert store.samples(run.id, name)
    assert any(run.values for run in runs)


def test_the_terminal_shows_how_far_a_level_is(queue: MockLlm, tmp_path: Path) -> None:
    main, other = pty.openpty()
    words = ("load", queue.url, "--concurrency", "2", "--input", "20", "--output", "4")
    environment = {**os.environ, "RIGHTRIG_DB": str(tmp_path / "runs.db"), "COLUMNS": "160"}
    with subprocess.Popen(
        [*RUNTIME, *words, "--requests", "80", "--no-keep"], stderr=other,
        stdout=subprocess.PIPE, env={**environment, "TERM": "xterm"},
    ) as process:  # fmt: skip
        out, _ = process.communicate(timeout=60)
    os.close(other)
    seen = os.read(main, 1_000_000).decode()
    os.close(main)
    assert process.returncode == 0
    assert "level 1: 2 users" in seen
    assert "answered" in seen
    assert b"level 1:" not in out
