"""``watch once``: a machine and its engine beside the plan, on a stand-in for the driver."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from engine_metrics import LLAMA_CPP, served, vllm
from fake_nvml import build, write_state
from fake_nvml.scenarios import DRIVER_RELOAD, GPU_LOST, HEALTHY, NVLINK_DOWN, THROTTLING

from rightrig.errors import InputError, MissingError
from rightrig.facts.catalog import shipped
from rightrig.report.terminal import plain_text
from rightrig.verbs.told import whole_document, whole_json
from rightrig.verbs.watch import watch_once
from rightrig.watching import observing
from rightrig.watching.states import CardState, Derived, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from program import Program

    from rightrig.verbs.found import Found

    Answer = Found[Any]
    Driver = Callable[..., None]

COMMAND: Final = """
import typer
from rightrig.cli.command import command
from rightrig.verbs.watch import watch_once
app = typer.Typer(add_completion=False)
app.command()(command(watch_once))
app()
"""
AT_WORK: Final = {**HEALTHY, "count": 2, "gpu*.reasons": 0}


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def driver(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driver:
    """Return what sets the state of a machine of two cards at work."""
    state = tmp_path / "state"
    monkeypatch.setenv("LD_LIBRARY_PATH", str(library))
    monkeypatch.setenv("FAKE_NVML_STATE", str(state))

    def write(*states: dict[str, object]) -> None:
        write_state(state, AT_WORK, *states)

    write()
    return write


@pytest.fixture
def no_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a machine on which NVIDIA's library cannot be loaded."""
    (tmp_path / "libnvidia-ml.so.1").write_text("no library", "utf-8")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))


@pytest.fixture
def planned(program: Program, tmp_path: Path) -> str:
    """Return a prediction of two cards, written by the command."""
    text = program.lines("predict llama-3.3-70b --on 2xh100-sxm --concurrency 16 --json")
    path = tmp_path / "planned.json"
    path.write_text(text, "utf-8")
    return str(path)


@contextlib.contextmanager
def serving(tokens_per_s: float, **state: Any) -> Iterator[str]:
    """Yield the address of an engine that makes tokens."""
    began_s = time.monotonic()

    def page() -> str:
        passed_s = time.monotonic() - began_s
        ttft_s = (0.09,) * (3 + int(20 * passed_s))
        return vllm(tokens=1_000.0 + tokens_per_s * passed_s, running=16.0, ttft_s=ttft_s, **state)

    with served({"/metrics": page}) as url:
        yield url


def once(**words: Any) -> Answer:
    return watch_once(shipped(), over="0.5s", **words)


def told(found: Answer) -> str:
    return plain_text(whole_document(found))


def row(text: str, first: str) -> list[str]:
    """Return the cells of the line that begins with a word."""
    line = next(line for line in text.splitlines() if line.startswith(first))
    return [cell for cell in re.split(r"\s{2,}", line) if cell]


def test_a_healthy_machine_is_told_card_by_card(driver: Driver) -> None:
    del driver
    found = once()
    text = told(found)
    assert found.yes
    assert "2 × NVIDIA H100 80GB HBM3, driver 550.54.15" in text
    assert "No alert." in text
    cells = ["93 %", "88 %", "42 %", "68 %", "67.8/79.6", "1755/1980", "512/700", "61", "26"]
    # Cards that are alike share a row: a screen holds few.
    assert row(text, "0-1  ") == ["0-1", *cells]
    assert "5x16/5x16" in text
    assert "18/18" in text
    assert "Plan:" not in text


def test_its_json_has_stable_names_with_units(driver: Driver) -> None:
    del driver
    data = whole_json(once())
    json.dumps(data, allow_nan=False)
    assert (data["healthy"], data["driver"], data["plan"]) == (True, "550.54.15", None)
    card = data["cards"][1]  # type: ignore[index] # a list
    assert (card["card"], card["trouble"], card["power_w"]) == (1, "", 512.5)
    assert card["sm_clock_hz"] == 1.755e9
    assert card["memory_used_bytes"] == 69_400 << 20
    assert (card["busy_ratio"], card["sm_occupancy_ratio"]) == (0.93, 0.4225)
    assert (card["pcie_generation"], card["nvlinks_up_count"]) == (5, 18)
    assert card["ecc_volatile"] == {"corrected": 3, "uncorrected": 0}


def test_a_card_that_is_too_hot_is_critical_and_says_what_holds_it(driver: Driver) -> None:
    driver({key.replace("gpu2", "gpu1"): value for key, value in THROTTLING.items()})
    found = once()
    text = told(found)
    assert not found.yes
    assert "CRITICAL HwThermalSlowdown: GPU 1: " in text
    assert "rightrig watch runbook thermal" in text
    assert row(text, "1  ")[6] == "840/1980"
    assert "hardware, heat (SW), heat (HW)" in text
    held = whole_json(found)["cards"][1]["clocks_held_by"]  # type: ignore[index] # a list
    assert "hardware thermal slowdown" in held


def test_a_lost_card_is_told_and_the_other_goes_on(driver: Driver) -> None:
    driver({key.replace("gpu3", "gpu1"): value for key, value in GPU_LOST.items()})
    found = once()
    text = told(found)
    assert not found.yes
    assert "card (lost)" in text
    assert "CRITICAL GpuLost: GPU 1: " in text
    assert row(text, "1  ")[:3] == ["1", "lost", "–"]
    assert row(text, "0  ")[1] == "93 %"
    assert whole_json(found)["cards"][1]["trouble"] == "GpuIsLost"  # type: ignore[index] # a list


def test_a_link_that_is_down_is_counted(driver: Driver, planned: str) -> None:
    driver({key.replace("gpu4", "gpu0"): value for key, value in NVLINK_DOWN.items()})
    found = once(deployment=planned)
    assert "17/18" in told(found)
    card = whole_json(found)["cards"][0]  # type: ignore[index] # a list
    assert (card["nvlinks_up_count"], card["nvlinks_expected_count"]) == (17, 18)


def test_alike_alerts_stand_in_one_line(driver: Driver) -> None:
    driver({"count": 8, "gpu*.reasons": 0x40})
    text = told(once())
    assert text.count("HwThermalSlowdown") == 1
    assert "HwThermalSlowdown: GPU 0-7: " in text


def test_a_card_that_the_plan_names_and_the_machine_lacks_is_critical(
    driver: Driver, planned: str
) -> None:
    driver({"count": 1})
    found = once(deployment=planned)
    assert not found.yes
    assert told(found).count("CRITICAL") == 1
    assert "CRITICAL GpusMissing: driver: 1 GPUs, planned 2 a machine." in told(found)


def test_a_driver_that_shows_none_of_the_planned_cards_is_critical(
    driver: Driver, planned: str
) -> None:
    driver({"count": 0})
    found = once(deployment=planned)
    assert not found.yes
    assert "no card, driver 550.54.15" in told(found)
    assert "CRITICAL GpusMissing: driver: 0 GPUs" in told(found)
    with pytest.raises(MissingError, match="neither a card nor an engine"):
        once()


@pytest.mark.usefixtures("no_driver")
def test_an_engine_of_another_machine_lacks_no_card_of_this_one(planned: str) -> None:
    with serving(400.0) as url:
        found = once(engine=[url], deployment=planned)
    assert found.yes
    assert "No alert." in told(found)


def test_a_clock_that_is_set_back_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Backwards:
        def __init__(self, period_s: float) -> None:
            self.at_s = 1e9
            del period_s

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def latest(self) -> Snapshot:
            self.at_s -= 3600.0
            return Snapshot(self.at_s, (CardState(0, "H100"),), "550")

    monkeypatch.setattr(observing, "Collector", Backwards)
    began_s = time.monotonic()
    (seen,) = observing.observed((), None, 0.5, None)
    assert time.monotonic() - began_s < 5.0
    assert seen.moment.derived == Derived(over_s=0.0)


def test_a_driver_that_is_not_loaded_is_critical(driver: Driver) -> None:
    driver(dict(DRIVER_RELOAD))
    found = once()
    assert not found.yes
    assert "CRITICAL DriverDown" in told(found)
    assert whole_json(found)["driver_trouble"] == "DriverNotLoaded"


@pytest.mark.usefixtures("no_driver")
def test_without_card_and_engine_there_is_nothing_to_watch() -> None:
    with pytest.raises(MissingError, match=r"neither a card nor an engine.*--engine http"):
        once()


@pytest.mark.usefixtures("no_driver")
def test_without_a_card_an_engine_is_watched_all_the_same() -> None:
    with serving(400.0) as url:
        found = once(engine=[url])
    text = told(found)
    assert found.yes
    assert "no card" in text
    assert f"Engine {url} (vllm) serves tiny." in text
    assert row(text, "running / waiting")[1] == "16 / 1"
    assert row(text, "KV cache used")[1] == "25 %"
    assert row(text, "TTFT p50 / p95")[1] == "60–100 / 60–100 ms"
    assert row(text, "TPOT p50 / p95")[1:] == ["0–10 / 10–25 ms", "since start"]
    assert "$/M" not in text
    data: Any = whole_json(found)
    assert data["derived"]["output_tokens_per_s"] == pytest.approx(400.0, rel=0.2)
    ttft = next(one for one in data["latencies"] if one["metric"] == "ttft")
    assert (ttft["over"], ttft["p50_low_s"], ttft["p50_high_s"]) == ("reading", 0.06, 0.1)
    assert data["engines"][0]["requests_ended_count"]["length"] == 1_084.0


def test_an_engine_is_told_beside_the_plan(driver: Driver, planned: str) -> None:
    del driver
    with serving(600.0) as url:
        found = once(engine=[url], deployment=planned)
    text = told(found)
    data: Any = whole_json(found)
    plan = data["plan"]
    assert plan["cards_count"] == 2
    low, high = plan["output_tokens_per_s"]["low"], plan["output_tokens_per_s"]["high"]
    rate = data["derived"]["output_tokens_per_s"]
    verdict = "as predicted" if low <= rate <= high else "above the plan"
    assert plan["verdict"] == verdict
    assert row(text, "output tokens/s")[-1] == verdict
    cost = data["derived"]["cost_usd_per_output_token"]
    assert cost == pytest.approx(plan["cost_usd_per_hour"] / 3600.0 / rate)
    assert row(text, "$/M output tokens")[1] == f"{cost * 1e6:.3g}"
    assert data["derived"]["bandwidth_source"] == "measured"
    assert row(text, "memory bandwidth")[1] == "68 % (measured)"
    assert data["derived"]["output_tokens_per_j"] == pytest.approx(rate / 1_025.0, rel=0.05)
    assert "Plan: meta-llama/Llama-3.3-70B-Instruct on 2xh100-sxm" in text


def test_a_plan_of_other_cards_and_another_model_is_told(
    driver: Driver, program: Program, tmp_path: Path
) -> None:
    del driver
    path = tmp_path / "other.json"
    path.write_text(program.lines("predict qwen3-8b --on 1xrtx-4090 --concurrency 4 --json"))
    with serving(900.0) as url:
        found = once(engine=[url], deployment=str(path))
    text = " ".join(told(found).split())
    assert "The plan is not of what runs here: it is of rtx-4090, and here are h100-sxm" in text
    assert "it is of Qwen/Qwen3-8B, and the engine serves" in text
    assert "rtx-4090" in found.data()["plan"]["unlike"]


def test_an_engine_far_below_its_prediction_is_told(driver: Driver, planned: str) -> None:
    del driver
    with serving(50.0) as url:
        found = once(engine=[url], deployment=planned)
    assert row(told(found), "output tokens/s")[-1] == "below the plan"
    assert "OutputBelowPlan: deployment: " in told(found)


def test_an_engine_that_is_down_is_critical(driver: Driver) -> None:
    del driver
    with served({}) as url:
        address = url
    found = once(engine=[address])
    text = told(found)
    assert not found.yes
    assert f"Engine {address} cannot be read: nothing listens there." in text
    assert "EngineDown" in text
    assert row(text, "0-1  ")[1] == "93 %"


def test_replicas_are_told_each_and_together(driver: Driver) -> None:
    del driver
    with serving(100.0) as one, served({"/metrics": LLAMA_CPP}) as other:
        found = once(engine=[one, other])
    text = told(found)
    assert row(text, one)[1:] == ["16", "1", "25 %", "up"]
    assert row(text, other)[1:] == ["2", "1", "12 %", "up"]
    assert row(text, "running / waiting")[1] == "18 / 2"
    assert len(whole_json(found)["engines"]) == 2  # type: ignore[arg-type] # a list


@pytest.mark.parametrize(
    "words",
    [
        {"over": "0.1s"}, {"over": "2h"}, {"over": "soon"}, {"every": "0s"}, {"every": "1s"},
        {"engine": ["localhost"]}, {"engine": [f"http://h{n}" for n in range(65)]},
        {"engine": ["http://h", "http://h/v1"]}, {"deployment": "/no/such.json"},
    ],
)  # fmt: skip
def test_wrong_words_are_refused(words: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        watch_once(shipped(), **words)


def started(*words: str, out: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, "--over", "0.5s", "--every", "0.5s", *words],
        stdout=out, stderr=subprocess.PIPE if out == subprocess.PIPE else out,
        env={**os.environ, "TERM": "xterm-256color"},
    )  # fmt: skip


def interrupted(program: subprocess.Popen[bytes], *, after: int, mark: bytes) -> tuple[bytes, int]:
    """Return what a program prints until it told something so often, and its exit code."""
    assert program.stdout is not None
    out = b""
    lines = iter(program.stdout.readline, b"")
    watchdog = threading.Timer(30.0, program.kill)
    watchdog.start()
    for line in lines:
        out += line
        if out.count(mark) == after:
            program.send_signal(signal.SIGINT)
            break
    out += program.stdout.read()
    code = program.wait()
    watchdog.cancel()
    assert program.stderr is not None
    program.stdout.close()
    assert program.stderr.read() == b""
    program.stderr.close()
    return out, code


def test_every_appends_blocks_to_a_pipe_until_it_is_ended(driver: Driver) -> None:
    del driver
    out, code = interrupted(started(), after=3, mark=b" UTC, over ")
    blocks = out.decode().split("\n\n")
    assert code == 0
    assert blocks[-1] == ""
    times = [block[:19] for block in blocks[:-1]]
    assert len(times) >= 3
    assert times == sorted(times)
    assert all("No alert." in block and "93 %" in block for block in blocks[:-1])


def test_every_prints_a_line_of_json_an_answer(driver: Driver) -> None:
    driver({"gpu1.lost": 1})
    out, code = interrupted(started("--json"), after=3, mark=b'"healthy": false')
    answers = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert len(answers) >= 3
    assert [one["cards"][1]["trouble"] for one in answers] == ["GpuIsLost"] * len(answers)


def test_every_ends_the_reader_with_it(driver: Driver, tmp_path: Path) -> None:
    del driver
    mark = f"FAKE_NVML_STATE={tmp_path}".encode()
    interrupted(started(), after=1, mark=b" UTC, over ")
    end_s = time.monotonic() + 5.0
    while any(mark in one for one in environments()):
        assert time.monotonic() < end_s, "a reader is left behind"
        time.sleep(0.05)


def environments() -> Iterator[bytes]:
    """Yield the environment of every other process that may be looked at."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            with contextlib.suppress(OSError):
                yield (process / "environ").read_bytes()


@pytest.mark.parametrize("columns", [80, 120])
def test_every_redraws_a_terminal_within_its_width(
    columns: int, driver: Driver, planned: str
) -> None:
    del driver
    parent, child = pty.openpty()
    pty_size(child, columns)
    with serving(400.0) as url:
        program = started("--engine", url, "--deployment", planned, out=child)
        os.close(child)
        out = b""
        end_s = time.monotonic() + 30.0
        while out.count(b" UTC, over ") < 3 and time.monotonic() < end_s:
            if select.select([parent], [], [], 0.5)[0]:
                out += os.read(parent, 65_536)
        program.send_signal(signal.SIGINT)
        while select.select([parent], [], [], 5.0)[0]:
            try:
                out += os.read(parent, 65_536)
            except OSError:
                break  # its end is closed
        assert program.wait(timeout=10.0) in {0, 1}
    os.close(parent)
    assert out.count(b" UTC, over ") >= 3
    assert b"\x1b[1A" in out
    # Ctrl-C may come between the bytes of one sign.
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.decode(errors="replace"))
    assert max(len(line) for line in re.split(r"[\r\n]+", plain)) <= columns
    last = plain[plain.rindex(" UTC, over ") :]
    assert "Plan: meta-llama/Llama-3.3-70B-Instruct" in last


def pty_size(terminal: int, columns: int) -> None:
    import fcntl  # noqa: PLC0415 - not on every system
    import struct  # noqa: PLC0415 - with it
    import termios  # noqa: PLC0415 - with it

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 60, columns, 0, 0))
