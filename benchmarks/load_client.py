"""How fast and how exact the load client is, beside others on the same server.

    python benchmarks/load_client.py [--seconds 8] [--users 1,32,256] [--peers guidellm,aiohttp]
    python benchmarks/load_client.py --install [--peers aiohttp]     # into .cache/peers

Peers are GuideLLM, AIPerf, and ``aiohttp_client.py``: what one writes with aiohttp and uvloop.

``timed``: the first token after 50 ms, then one every 10 ms, 32 in all, so that 256 users can have
711 requests a second. ``burst``: 16 tokens at once. Rates, the most streams at once and the true
time to the first token are the server's own (``tests/support/mock_llm.py``); start-up is from the
start of the process to its first request at the server, whatever it is busy with. Client and server
share the processors of this machine, as they did for the figures of others.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).resolve().parents[1]
PEERS: Final = ROOT / ".cache" / "peers"
SUPPORT: Final = ROOT / "tests" / "support"
PLAIN: Final = Path(__file__).with_name("aiohttp_client.py")
VERSIONS: Final = {
    "aiperf": ("aiperf==0.13.0",),
    "guidellm": ("guidellm==0.8.1",),
    "aiohttp": ("aiohttp==3.13.2", "uvloop"),
}
_LARGEST_INSTALL_BYTES: Final = 20e9
_BUDGETS: Final = {
    # case, users → requests a second, ms added to the first token at p50
    ("timed", 1): (2.6, 1.0),
    ("timed", 32): (85.0, 2.0),
    ("timed", 256): (600.0, 10.0),
    ("burst", 256): (2500.0, None),
}
_MOST_START_S: Final = 1.5


@dataclass(frozen=True, slots=True)
class Case:
    """One load."""

    name: str
    users: int
    seconds: float
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Row:
    """What one client did, by the server's account and its own."""

    client: str
    case: Case
    rate_per_s: float
    tokens_per_s: float
    most_held: int
    true_ms: float
    told_ms: float | None
    start_s: float
    cpu_s: float
    verdict: str = ""


def main() -> None:
    """Measure, print a table, and leave with 1 where a budget of our own is exceeded."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seconds", type=float, default=8.0)
    words.add_argument("--users", default="1,32,256")
    words.add_argument("--peers", default=",".join(VERSIONS))
    words.add_argument("--install", action="store_true")
    words.add_argument("--json", type=Path)
    words.add_argument("--client", nargs=4, help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.client:
        _be_client(*given.client)
        return
    peers = [name for name in given.peers.split(",") if name]
    if given.install:
        install(peers)
        return
    users = [int(text) for text in given.users.split(",")]
    cases = [Case("timed", n, given.seconds, 32) for n in users]
    cases += [Case("burst", n, given.seconds, 16) for n in users]
    rows = list(_rows(cases, peers))
    if given.json:
        given.json.write_text(json.dumps([_as_dict(row) for row in rows], indent=1))
    sys.exit(1 if _exceeded(rows) else 0)


def _rows(cases: list[Case], peers: list[str]) -> list[Row]:
    clients: dict[str, Callable[[str, Case, Path], list[str]]] = {"rightrig": _our_words}
    known = {"guidellm": _guidellm_words, "aiperf": _aiperf_words, "aiohttp": _plain_words}
    for name in peers:
        if (PEERS / name / "bin" / "python").exists():
            clients[name] = known[name]
        else:
            print(f"{name}: not installed (--install); see docs for the figures of others")
    print(_HEADER)
    rows = []
    for case in cases:
        for name, words_of in clients.items():
            rows.append(_measured(name, case, words_of))
            print(_line(rows[-1]), flush=True)
    return rows


def _measured(name: str, case: Case, words_of: Callable[[str, Case, Path], list[str]]) -> Row:
    """Run one client against a server of its own."""
    sys.path.insert(0, str(SUPPORT))
    from mock_llm_process import mock_llm  # noqa: PLC0415 - of the tests

    timed = {"first_s": 0.05, "gap_s": 0.01} if case.name == "timed" else {}
    with mock_llm(**timed) as server, tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        before = os.times()
        begun_s = time.perf_counter()
        done = subprocess.run(
            words_of(server.url, case, place),
            check=False, capture_output=True, text=True, cwd=place, timeout=600.0,
            env=os.environ | {"DO_NOT_TRACK": "1"},
        )  # fmt: skip
        after = os.times()
        truth = server.stats()
        told_ms, verdict = _TOLD[name](place, done.stdout)
    if done.returncode or not truth["arrivals_s"]:
        print(done.stdout[-2000:], done.stderr[-2000:])
        raise SystemExit(f"{name} failed with {done.returncode}")
    # The server itself is no child that has ended, so that the difference is the client's.
    cpu_s = after[2] + after[3] - before[2] - before[3]
    return _row(Row(name, case, 0, 0, 0, 0, told_ms, begun_s, cpu_s, verdict), truth)


def _row(found: Row, truth: dict[str, Any]) -> Row:
    """Return a row with the server's account, from its first arrival to its last end."""
    arrivals = truth["arrivals_s"]
    rate = truth["requests_count"] / max(truth["last_end_s"] - arrivals[0], 1e-9)
    return Row(
        found.client, found.case, rate, rate * found.case.output_tokens, truth["most_held_count"],
        1e3 * truth["first_p50_s"], found.told_ms, truth["begun_s"] + arrivals[0] - found.start_s,
        found.cpu_s, found.verdict,
    )  # fmt: skip


def _our_words(url: str, case: Case, place: Path) -> list[str]:
    del place
    words = [url, str(case.users), str(case.seconds), str(case.output_tokens)]
    return [sys.executable, __file__, "--client", *words]


def _plain_words(url: str, case: Case, place: Path) -> list[str]:
    del place
    words = [url, str(case.users), str(case.seconds), str(case.output_tokens)]
    return [str(PEERS / "aiohttp" / "bin" / "python"), str(PLAIN), *words]


def _be_client(url: str, users: str, seconds: str, output_tokens: str) -> None:
    """Be the client of ours (the main function of a process)."""
    from rightrig.demand.lengths import Fixed  # noqa: PLC0415 - only here
    from rightrig.demand.scenario import Scenario, sample  # noqa: PLC0415
    from rightrig.measuring.load.level import measure_level  # noqa: PLC0415
    from rightrig.measuring.load.outcome import Level  # noqa: PLC0415
    from rightrig.measuring.load.target import Target  # noqa: PLC0415

    count = int(6000 * float(seconds))
    scenario = Scenario(input=Fixed(tokens=64), output=Fixed(tokens=int(output_tokens)))
    level = Level("closed", int(users), requests_count=count, duration_s=float(seconds))
    found = measure_level(Target(url, "mock"), sample(scenario, count), level)
    p50_s = found.latencies["ttft"].statistics["p50"].value_s.mid
    verdict = "; ".join((found.validity.verdict, *found.validity.reasons))
    print(json.dumps({"ttft_p50_ms": 1e3 * p50_s, "verdict": verdict}))


def _aiperf_words(url: str, case: Case, place: Path) -> list[str]:
    return [
        str(PEERS / "aiperf" / "bin" / "aiperf"), "profile", "--model", "mock", "--url", url,
        "--endpoint-type", "chat", "--streaming", "--tokenizer", str(PEERS / "tokenizer"),
        "--isl", "64", "--osl", str(case.output_tokens), "--concurrency", str(case.users),
        "--benchmark-duration", str(case.seconds), "--artifact-dir", str(place),
        "--use-server-token-count", "--ui", "none", "--random-seed", "1",
    ]  # fmt: skip


def _guidellm_words(url: str, case: Case, place: Path) -> list[str]:
    lengths = f"prompt_tokens=64,output_tokens={case.output_tokens}"
    return [
        str(PEERS / "guidellm" / "bin" / "guidellm"), "run",
        "--backend", f"kind=openai_http,target={url},model=mock",
        "--profile", f"kind=concurrent,streams={case.users}",
        "--constraint", f"kind=max_duration,seconds={case.seconds}",
        "--tokenizer", f"kind=huggingface_auto,model={PEERS / 'tokenizer'}",
        "--data", f"kind=synthetic_text,{lengths}",
        "--output", f"kind=json,path={place / 'told.json'}", "--disable-console-interactive",
    ]  # fmt: skip


def _told_by_us(place: Path, out: str) -> tuple[float | None, str]:
    del place
    told = json.loads(out.splitlines()[-1])
    return told["ttft_p50_ms"], told["verdict"]


def _told_by_aiperf(place: Path, out: str) -> tuple[float | None, str]:
    del out
    found = list(place.rglob("profile_export_aiperf.json"))
    if not found:
        return None, ""
    told = json.loads(found[0].read_text())
    return float(told["time_to_first_token"]["p50"]), ""


def _told_by_guidellm(place: Path, out: str) -> tuple[float | None, str]:
    verdict = "warned" if "bottleneck" in out or "dispatch delay" in out else ""
    try:
        told = json.loads((place / "told.json").read_text())
        times = told["benchmarks"][0]["metrics"]["time_to_first_token_ms"]["successful"]
        return float(times["percentiles"]["p50"]), verdict
    except (OSError, KeyError, IndexError):
        return None, verdict


_TOLD: Final[dict[str, Callable[[Path, str], tuple[float | None, str]]]] = {
    "rightrig": _told_by_us, "aiperf": _told_by_aiperf, "guidellm": _told_by_guidellm,
    "aiohttp": _told_by_us,
}  # fmt: skip
_HEADER: Final = (
    f"{'client':9} {'case':6} {'users':>5} {'req/s':>8} {'tok/s':>8} {'held':>5} {'true':>7} "
    f"{'told ms':>8} {'start s':>8} {'CPU s':>6}"
)


def _line(row: Row) -> str:
    told = "-" if row.told_ms is None else f"{row.told_ms:.1f}"
    case = row.case
    return (
        f"{row.client:9} {case.name:6} {case.users:5} {row.rate_per_s:8,.1f} "
        f"{row.tokens_per_s:8,.0f} {row.most_held:5} {row.true_ms:7.1f} {told:>8} "
        f"{row.start_s:8.2f} {row.cpu_s:6.1f} {row.verdict}"
    )


def _as_dict(row: Row) -> dict[str, Any]:
    own = {name: getattr(row, name) for name in row.__slots__ if name != "case"}
    return own | {name: getattr(row.case, name) for name in row.case.__slots__}


def _exceeded(rows: list[Row]) -> list[str]:
    """Return the budgets of our own that are exceeded; say so."""
    found = []
    for row in rows:
        if row.client != "rightrig":
            continue
        least, most_ms = _BUDGETS.get((row.case.name, row.case.users), (0.0, None))
        if row.rate_per_s < least:
            found.append(f"{row.case}: {row.rate_per_s:.0f} requests/s, at least {least:.0f}")
        if most_ms is not None and row.told_ms is not None and row.told_ms - row.true_ms > most_ms:
            found.append(f"{row.case}: {row.told_ms - row.true_ms:.1f} ms added, at most {most_ms}")
        if row.start_s > _MOST_START_S:
            found.append(f"{row.case}: began after {row.start_s:.2f} s, at most {_MOST_START_S}")
    print("\n".join(found) or "every budget is kept")
    return found


def install(peers: list[str]) -> None:
    """Put peers into environments of their own; GuideLLM with a CPU's PyTorch."""
    free_bytes = shutil.disk_usage(ROOT).free
    if free_bytes < _LARGEST_INSTALL_BYTES:
        raise SystemExit(f"{free_bytes / 1e9:.0f} GB are free; 20 are needed")
    wheels = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.find-links"],
        check=False, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    links = [word for place in wheels for word in ("--find-links", place)]
    torch = ["torch==2.13.0+cpu"] if links else []
    for name in peers:
        where = PEERS / name
        subprocess.run([sys.executable, "-m", "venv", str(where)], check=True)
        more = [*links, *torch] if name == "guidellm" else []
        subprocess.run(
            [
                sys.executable, "-m", "uv", "pip", "install", "-q",
                "--python", str(where / "bin" / "python"), *VERSIONS[name], *more,
            ],
            check=True, timeout=600.0,
        )  # fmt: skip
    if "guidellm" in peers:
        _make_tokenizer()


def _make_tokenizer() -> None:
    """Write a tokenizer for GuideLLM, which takes none from the server."""
    code = (
        f"import sys; sys.path.insert(0, {str(SUPPORT)!r}); import tiny_llama, transformers; "
        "transformers.PreTrainedTokenizerFast(tokenizer_object=tiny_llama._byte_pairs(), "
        f"eos_token='<|eos|>').save_pretrained({str(PEERS / 'tokenizer')!r})"
    )
    subprocess.run([str(PEERS / "guidellm" / "bin" / "python"), "-c", code], check=True)


if __name__ == "__main__":
    main()
