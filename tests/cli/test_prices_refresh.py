"""``prices refresh`` against a real server of lists in gpuhunt's format."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("gpuhunt", reason="the extra 'prices' is not installed")

from price_lists import LAMBDA, TODAY, archive, listed, offered, publish
from typer.testing import CliRunner

from rightrig.cli.app import app
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.fetching.gpuhunt_offers import Download
from rightrig.fetching.prices import refresh as keep_refreshed
from rightrig.verbs.price_ages import today

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

SCRIPT = Path(sys.executable).with_name("rightrig")
HEADER = (
    "instance_name,location,price,cpu,memory,gpu_count,gpu_name,gpu_memory,spot,disk_size,"
    "gpu_vendor,flags,cpu_arch,provider_data"
)
VULTR_ROW = "{name},ewr,{price},8,64.0,1,L40S,48.0,False,,nvidia,,x86,{{}}"


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and prints nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Slow(BaseHTTPRequestHandler):
    """Answers a byte at a time, so that no wait for one of them is long."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(600):
                self.wfile.write(b"2")
                self.wfile.flush()
                time.sleep(0.1)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def serving(handler: object) -> Generator[str, None, None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)  # type: ignore[arg-type]
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """The folder that the host serves: one provider's list."""
    folder = tmp_path / "lists"
    folder.mkdir()
    publish(folder, "lambdalabs", LAMBDA)
    return folder


@pytest.fixture
def host(lists: Path) -> Iterator[str]:
    yield from serving(partial(Quiet, directory=str(lists)))


def rightrig(cache: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    environment = {**kept, "RIGHTRIG_PRICES": str(cache), "COLUMNS": "200", **more}
    return subprocess.run(
        [str(SCRIPT), *arguments], capture_output=True, text=True, check=False, env=environment,
        timeout=60,
    )  # fmt: skip


def refresh(
    cache: Path, host: str, *arguments: str, provider: str = "lambda"
) -> subprocess.CompletedProcess[str]:
    return rightrig(
        cache, "prices", "refresh", "--provider", provider, *arguments, GPUHUNT_CATALOG_URL=host
    )


def good(cache: Path) -> bytes:
    """Lay the snapshot of a refresh into a cache; return its content."""
    found = Download((listed("lambdalabs", *LAMBDA),), {})
    path = keep_refreshed(found, cache, shipped(), TODAY).path
    assert path is not None
    return path.read_bytes()


def nobody() -> str:
    """An address where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_refreshed_prices_are_what_commands_then_answer_with(host: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    done = refresh(cache, host)
    assert (done.returncode, done.stderr) == (0, "")
    assert "5 offers are in" in done.stdout
    assert "lambdalabs A100 40 GB (1)" in done.stdout

    shown = json.loads(rightrig(cache, "prices", "show", "gh200-96gb", "--json").stdout)
    lambdas = [p for p in shown["prices"] if p["provider"] == "lambda"]
    assert [(p["per_gpu_usd_per_hour"], p["date"]) for p in lambdas] == [(1.49, "2026-11-20")]
    assert shown["snapshot"]["in_use"] == "refreshed"
    told = json.loads(rightrig(cache, "compare", "gh200-96gb", "h100-sxm", "--json").stdout)
    assert told["refreshed_prices_from"] == "2026-11-20"

    said = rightrig(cache, "compare", "gh200-96gb", "h100-sxm").stdout
    assert "$1.49" in said
    assert "With refreshed prices" in said
    old = rightrig(cache, "compare", "gh200-96gb", "h100-sxm", RIGHTRIG_PRICES="shipped").stdout
    assert "$1.49" not in old
    assert "refreshed" not in old


def test_status_says_which_prices_are_in_use(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    before = json.loads(rightrig(cache, "prices", "status", "--json").stdout)
    assert (before["in_use"], before["date"], before["refreshed_count"]) == (
        "shipped",
        "2026-11-20",
        0,
    )
    good(cache)
    after = json.loads(rightrig(cache, "prices", "status", "--json").stdout)
    assert (after["in_use"], after["refreshed_count"]) == ("refreshed", 5)
    assert after["age_days"] == (today() - TODAY).days
    assert {"provider": "lambda", "date": "2026-11-21", "offers_count": 5} in after["providers"]
    text = rightrig(cache, "prices", "status").stdout
    assert "matches" in text
    assert str(cache / "prices.json") in text


def test_a_provider_that_fails_is_named_and_the_others_count(
    host: str, lists: Path, tmp_path: Path
) -> None:
    publish(lists, "verda", [offered("1L40S.20V", "L40S", 48.0, 0.9, 1, "FIN-01")])
    (lists / "verda" / "20260101-1").mkdir()
    (lists / "verda" / "version").write_text("20260101-1")
    done = refresh(tmp_path / "cache", host, "--json", provider="lambda,verda")
    assert done.returncode == 0
    told = {p["provider"]: p for p in json.loads(done.stdout)["providers"]}
    assert told["lambda"]["kept_because"] == ""
    assert "404" in told["verda"]["kept_because"]


@pytest.mark.parametrize("kind", ["html", "truncated", "empty", "other list", "gone"])
def test_a_bad_download_never_replaces_a_good_one(
    kind: str, host: str, lists: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    before = good(cache)
    (file,) = lists.glob("lambdalabs/*/catalog.zip")
    content = file.read_bytes()
    if kind == "gone":
        file.unlink()
    elif kind == "other list":
        archive(file, "aws", HEADER)
    else:
        bad = {"html": b"<html>not found</html>", "truncated": content[:-60], "empty": b""}[kind]
        file.write_bytes(bad)
    done = refresh(cache, host)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("rightrig: no prices came, and those in use are unchanged")
    assert done.stderr.count("\n") == 1
    assert (cache / "prices.json").read_bytes() == before


def test_a_server_that_never_ends_is_left_after_the_time(tmp_path: Path) -> None:
    servers = serving(Slow)
    start_s = time.monotonic()
    done = refresh(tmp_path / "cache", next(servers), "--timeout", "2s")
    assert time.monotonic() - start_s < 8.0
    assert done.returncode == 3
    assert "did not come within 2 s" in done.stderr
    assert not (tmp_path / "cache").exists()
    servers.close()


def test_without_a_network_nothing_changes(tmp_path: Path) -> None:
    done = refresh(tmp_path / "cache", nobody())
    assert done.returncode == 3
    assert "check the network or give a file with --from" in done.stderr
    assert not (tmp_path / "cache").exists()


def test_without_the_extra_the_command_that_adds_it_is_named(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['gpuhunt'] = None; sys.argv = ['rightrig', 'prices', 'refresh'];"
        "from rightrig.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "RIGHTRIG_PRICES": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 3
    assert "pip install 'rightrig[prices]'" in done.stderr


def from_file(
    cache: Path, table: str, tmp_path: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    file = archive(tmp_path / "catalog.zip", "cloudrift", table)
    return rightrig(cache, "prices", "refresh", "--from", str(file), "--json", *arguments)


def test_rows_that_are_no_prices_in_dollars_are_counted_not_used(tmp_path: Path) -> None:
    rows = {"good": "1.60", "negative": "-1.60", "euros": "€1.60", "free": "0", "nan": "nan"}
    table = "\n".join([HEADER, *(VULTR_ROW.format(name=k, price=v) for k, v in rows.items())])
    done = from_file(tmp_path / "cache", table, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["offers_count"] == 1
    assert {(r["reason"], r["what"]): r["offers_count"] for r in told["left_out"]} == {
        ("prices that are none: zero, negative or not finite", "cloudrift negative"): 1,
        ("prices that are none: zero, negative or not finite", "cloudrift free"): 1,
        ("prices that are none: zero, negative or not finite", "cloudrift nan"): 1,
        ("rows that gpuhunt cannot read", "cloudrift"): 1,
    }
    (row,) = json.loads(
        rightrig(tmp_path / "cache", "prices", "list", "--provider", "cloudrift", "--json").stdout
    )["prices"]
    assert (row["instance"], row["date"], row["source"]) == (
        "good", "2026-11-20", "gpuhunt: cloudrift of catalog.zip",
    )  # fmt: skip


def test_a_list_of_nothing_but_wrong_rows_answers_no(tmp_path: Path) -> None:
    table = "\n".join([HEADER, VULTR_ROW.format(name="a", price="1000")])
    done = from_file(tmp_path / "cache", table, tmp_path)
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["path"], len(told["quarantined"])) == (None, 1)
    assert not (tmp_path / "cache").exists()


def test_the_day_of_a_file_can_be_said(tmp_path: Path) -> None:
    table = "\n".join([HEADER, VULTR_ROW.format(name="a", price="1.6")])
    from_file(tmp_path / "cache", table, tmp_path, "--date", "2026-11-01")
    shown = rightrig(tmp_path / "cache", "prices", "list", "--provider", "cloudrift", "--json")
    assert json.loads(shown.stdout)["prices"][0]["date"] == "2026-11-01"
    file = archive(tmp_path / "old.zip", "cloudrift", table, (1980, 1, 1))
    done = rightrig(tmp_path / "cache", "prices", "refresh", "--from", str(file))
    assert done.returncode == 2
    assert "say the day with --date" in done.stderr


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<html>", "is no snapshot of prices"),
        (b"", "is no snapshot of prices"),
        (None, "is cut short or was changed: its checksum differs"),
    ],
)
def test_a_damaged_cache_is_one_warning_and_the_shipped_prices_answer(
    content: bytes | None, says: str, tmp_path: Path
) -> None:
    whole = good(tmp_path)
    (tmp_path / "prices.json").write_bytes(whole[:-20] if content is None else content)
    done = rightrig(tmp_path, "prices", "list", "--gpu", "gh200-96gb", "--json")
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert {p["per_gpu_usd_per_hour"] for p in told["prices"]} == {
        p.per_gpu_usd_per_hour for p in shipped().prices() if p.gpu == "gh200-96gb"
    }
    assert done.stderr.count("\n") == 1
    assert says in done.stderr
    assert says in told["snapshot"]["damage"]


def test_undo_brings_back_the_prices_before(host: str, lists: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    good(cache)
    dearer = [offered("gpu_1x_gh200", "GH200", 96.0, 2.99)] * 3 + list(LAMBDA[:2])
    publish(lists, "lambdalabs", dearer, "20261121-1")
    assert refresh(cache, host).returncode == 0
    asked = ("prices", "list", "--provider", "lambda", "--gpu", "gh200-96gb")
    assert "2.990" in rightrig(cache, *asked).stdout
    undone = rightrig(cache, "prices", "refresh", "--undo")
    assert "In use again: 5 offers" in undone.stdout
    assert "1.490" in rightrig(cache, *asked).stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--provider", "nowhere"], "no prices of 'nowhere' can be had"),
        (["--timeout", "soon"], "--timeout is 'soon'"),
        (["--timeout", "-1s"], "--timeout"),
        (["--date", "2026-11-20"], "--date needs a file"),
        (["--date", "yesterday", "--from", "x.zip"], "--date is 'yesterday'"),
        (["--from", "nowhere.zip"], "there is no such file"),
        (["--from", "nowhere.zip", "--provider", "aws"], "exclude each other"),
        (["--undo"], "no earlier snapshot"),
        (["--undo", "--accept-fewer"], "--undo stands alone"),
    ],
)
def test_wrong_input_is_one_sentence(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIGHTRIG_PRICES", str(tmp_path))
    done = CliRunner().invoke(app, ["prices", "refresh", *arguments])
    assert isinstance(done.exception, InputError)
    assert (done.stdout, done.exception.exit_code) == ("", 2)
    assert says in str(done.exception)


def test_refreshing_what_would_not_count_is_refused(tmp_path: Path) -> None:
    done = rightrig(tmp_path, "prices", "refresh", RIGHTRIG_PRICES="shipped")
    assert done.returncode == 2
    assert "RIGHTRIG_PRICES is 'shipped'" in done.stderr


def rows(*arguments: str) -> list[dict[str, object]]:
    """The shipped offers that a list of prices shows."""
    done = CliRunner().invoke(app, ["prices", "list", "--json", *arguments])
    assert done.exit_code == 0
    found: list[dict[str, object]] = json.loads(done.stdout)["prices"]
    return found


def test_lists_can_be_limited_and_sorted() -> None:
    cards = rows("--gpu", "H100 SXM5", "--provider", "nebius,verda")
    assert {(r["gpu"], r["provider"]) for r in cards} == {
        ("h100-sxm", "nebius"),
        ("h100-sxm", "verda"),
    }
    assert {r["country"] for r in rows("--country", "FI")} == {"FI"}
    spots = [r["spot_usd_per_hour"] for r in rows("--spot", "--gpu", "h200-sxm", "--sort", "price")]
    assert len(spots) >= 2
    assert None not in spots
    each = [r["per_gpu_usd_per_hour"] for r in rows("--sort", "price") if r["per_gpu_usd_per_hour"]]
    assert each == sorted(each)  # type: ignore[type-var]
    ages = [r["age_days"] for r in rows("--sort", "age")]
    dated = [age for age in ages if age is not None]
    assert ages == [*sorted(dated), *[None] * (len(ages) - len(dated))]  # type: ignore[type-var]
    assert 0 < len(dated) < len(ages)


def test_a_list_of_an_unknown_provider_names_the_nearest() -> None:
    done = rightrig(Path("shipped"), "prices", "list", "--provider", "awz")
    assert done.returncode == 2
    assert "did you mean aws" in done.stderr
