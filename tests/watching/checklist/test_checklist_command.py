"""The command: its answer, exit codes and pages; against a real Prometheus from end to end."""

from __future__ import annotations

import contextlib
import datetime
import http.server
import json
import re
import shlex
import shutil
import socket
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import pytest
import typer
from answer_types import answer_type, assert_is
from program import Program
from ready_deployment import CATALOG, PEAK, PLAN, card
from scripts import ROOT
from typer.testing import CliRunner

from rightrig.cli.command import command
from rightrig.errors import InputError
from rightrig.measuring.load.levels_predicted import predicted_closed
from rightrig.measuring.load.ramp_kept import served_by
from rightrig.measuring.load.readers_plan import read_plan
from rightrig.measuring.probe import here
from rightrig.measuring.probe.readings import Reading
from rightrig.report.terminal import plain_text
from rightrig.verbs.checking_file import price_of, said_by
from rightrig.verbs.checklist import checklist
from rightrig.watching.checklist import names
from rightrig.watching.checklist.items import ITEMS
from rightrig.watching.checklist.outside import address_of
from rightrig.watching.checklist.prometheus import read_rules
from rightrig.watching.rules.thresholds import thresholds_of
from rightrig.watching.rules.writing import rules, yaml_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rightrig.report.schema.checklist import ChecklistJson
    from rightrig.watching.checklist.evidence import Evidence, LoadedAlert

APP: Final = typer.Typer()
APP.command("checklist")(command(checklist))
LIMIT_S: Final = 60.0


def asked(file: Path, **words: object) -> ChecklistJson:
    return checklist(CATALOG, str(file), **words).data()  # type: ignore[arg-type]


def statuses(data: ChecklistJson) -> dict[str, str]:
    return {item["id"]: item["status"] for item in data["items"]}


@pytest.fixture(autouse=True)
def own_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep runs in a store of the test, on a machine that has the planned cards."""
    monkeypatch.setenv("RIGHTRIG_DB", str(tmp_path / "runs.db"))
    monkeypatch.setenv("RIGHTRIG_MACHINE", str(tmp_path / "machine.json"))
    versions = {"driver": "580.95.05", "cuda": "13.0"}
    reading = Reading(cards=(card(0), card(1)), versions=versions)
    monkeypatch.setattr(here, "read_here", lambda: reading)


def no_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(here, "read_here", Reading)


# Exit codes and forms


@pytest.fixture
def unsold(tmp_path: Path) -> Path:
    """Return the plan of instances that nobody rents out apart: its own rent is what is known."""
    plan = {**PLAN["plans"][0], "rig": "2xh100-sxm@mig=1g.10gb", "tp": 1, "replicas": 2}
    document = {**PLAN, "model": "meta-llama/Llama-3.2-1B", "plans": [plan]}
    path = tmp_path / "unsold.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_no_fail_leaves_with_zero_and_strictly_with_one(
    unsold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_cards(monkeypatch)
    run = CliRunner().invoke
    loose = run(APP, ["--deployment", str(unsold), "--json"])
    assert (loose.exit_code, loose.stderr) == (0, "")
    data = json.loads(loose.stdout)
    # Nothing failed; that it is ready nobody has verified.
    assert (data["failed_count"], data["ready"]) == (0, False)
    assert data["unverified_count"] > 0
    assert run(APP, ["--deployment", str(unsold)]).stdout.startswith("Nothing failed, not all of")
    strict = run(APP, ["--deployment", str(unsold), "--json", "--strict"])
    assert (strict.exit_code, json.loads(strict.stdout)["ready"]) == (1, False)


def test_a_fail_leaves_with_one_and_the_text_has_its_remedy(plan_file: Path) -> None:
    result = CliRunner().invoke(APP, ["--deployment", str(plan_file)])
    assert result.exit_code == 1
    # Runs of this machine, which has the cards, are kept nowhere.
    assert "FAIL  Regressions are looked for" in result.stdout
    assert "rightrig bench --quick && rightrig watch drift" in " ".join(result.stdout.split())


def test_a_page_is_written(plan_file: Path, tmp_path: Path) -> None:
    page = tmp_path / "list.html"
    CliRunner().invoke(APP, ["--deployment", str(plan_file), "--html", str(page)])
    text = page.read_text(encoding="utf-8")
    assert "CHECK-LINKS" in text
    assert "not verifiable" in text


def test_wrong_words_are_refused_before_anything_is_read(
    plan_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(here, "read_here", lambda: pytest.fail("the machine was read"))
    for words in ({"prometheus": "x"}, {"exporter": "ftp://x"}, {"url": "x"}, {"rules": "no.yml"}):
        with pytest.raises(InputError):
            asked(plan_file, **words)
    with pytest.raises(InputError, match="drop --rules"):
        asked(plan_file, rules="rules.yml", prometheus="http://localhost:9090")
    with pytest.raises(InputError, match=r"none\.json"):
        asked(tmp_path / "none.json")


def test_every_plan_of_the_catalogue_s_own_making_has_a_list(tmp_path: Path) -> None:
    path = tmp_path / "unknown.json"
    plan = {**PLAN["plans"][0], "rig": "2xno-such-card"}
    path.write_text(json.dumps({**PLAN, "plans": [plan]}), encoding="utf-8")
    data = asked(path)
    found = {item["id"]: item for item in data["items"]}
    assert found["CHECK-CARDS"]["status"] == "not verifiable"
    assert "no-such-card" in found["CHECK-CARDS"]["found"]


# What files say


def test_the_price_of_a_plan_is_as_old_as_its_offer(tmp_path: Path) -> None:
    def judged(date: str) -> tuple[str, str]:
        offer = {"provider": "p", "date": date}
        plan = {**PLAN["plans"][0], "purchase": offer}
        path = tmp_path / "plan.json"
        path.write_text(json.dumps({**PLAN, "plans": [plan, plan]}), encoding="utf-8")
        found = checklist(CATALOG, f"{path}#2").data()["items"]
        (item,) = (one for one in found if one["id"] == "CHECK-PRICE")
        return item["status"], item["found"]

    fresh = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    assert judged(fresh) == ("pass", f"$5.00 an hour, as the file says: p, {fresh}")
    assert judged("2020-01-01")[0] == "fail"
    assert "days old" in judged("2020-01-01")[1]
    assert judged("2026 snapshot, undated")[0] == "fail"


@pytest.mark.parametrize("offer", [None, 3, "x", [1], {"date": 7, "provider": {}}, {"date": []}])
def test_an_odd_offer_in_a_file_is_no_offer_or_an_undated_one(
    tmp_path: Path, offer: object
) -> None:
    path = tmp_path / "plan.json"
    question = {**PLAN["question"], "rate_requests_per_s": "5"}
    plan = {**PLAN["plans"][0], "purchase": offer}
    path.write_text(json.dumps({**PLAN, "question": question, "plans": [plan]}), encoding="utf-8")
    said = said_by(str(path))
    assert said.asked_requests_per_s == 5.0
    planned = read_plan(str(path))
    price = price_of(CATALOG, said, planned, None, None)
    assert price is not None
    assert price.rent_usd_per_hour == pytest.approx(5.0)


def test_predictions_and_simulations_are_checked_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    no_cards(monkeypatch)
    program = Program(monkeypatch, capsys)
    rig = "llama-3.1-8b --on 1xl40s"
    for words in (f"predict {rig}", f"simulate {rig} --rate 1/s --requests 50 --price 2/h"):
        path = tmp_path / "file.json"
        path.write_text(json.dumps(program.json(words)), encoding="utf-8")
        found = {item["id"]: item for item in asked(path)["items"]}
        # Neither was asked for a rate with room above it.
        assert found["CHECK-HEADROOM"]["status"] == "not verifiable"
    assert found["CHECK-PRICE"]["found"] == "$2.00 an hour, as the file says"
    assert found["CHECK-PRICE"]["status"] == "pass"


# The commands that it names exist and answer.


def test_commands_of_the_information_answer(
    plan_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    items = {item["id"]: item for item in asked(plan_file)["items"]}
    program = Program(monkeypatch, capsys)
    for name in ("INFO-SLA", "INFO-GROWTH", "INFO-TCO", "INFO-LOCKIN", "INFO-TELEMETRY"):
        assert items[name]["status"] == "information"
        words = shlex.split(items[name]["command"])
        assert words[0] == "rightrig"
        code, _, err = program.run(shlex.join(words[1:]))
        assert (code in {0, 1}, err) == (True, ""), items[name]["command"]


def test_lock_in_is_computed_for_the_deployment(plan_file: Path) -> None:
    items = {item["id"]: item for item in asked(plan_file)["items"]}
    assert "7 considerations tie" in items["INFO-LOCKIN"]["found"]


# From end to end


class Fixed(http.server.BaseHTTPRequestHandler):
    """Answers what its server holds, by path."""

    def do_GET(self) -> None:
        body = self.server.pages.get(self.path)  # type: ignore[attr-defined]
        self.send_response(404 if body is None else 200)
        self.end_headers()
        self.wfile.write((body or "").encode())

    def do_POST(self) -> None:
        """Take alerts."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def pages(found: Mapping[str, str]) -> Iterator[str]:
    """Yield host and port of a server of pages."""
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fixed)
    served.pages = found  # type: ignore[attr-defined]
    threading.Thread(target=served.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{served.server_port}"
    finally:
        served.shutdown()
        served.server_close()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextlib.contextmanager
def prometheus(folder: Path, config: str) -> Iterator[str]:
    """Yield the address of a Prometheus that is ready; it is ended with the test."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is absent: install Debian's prometheus")
    path = folder / "prometheus.yml"
    path.write_text(config, encoding="utf-8")
    port = free_port()
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [program, f"--config.file={path}", f"--storage.tsdb.path={folder / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}"],
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def exposition() -> str:
    """Return what an exporter of two sound cards says."""
    values = {
        names.GPU[0]: 0.9, names.MEMORY[0]: 0.5, names.OCCUPANCY[0]: 0.3, names.LANES[0]: 16,
        names.LANES_MAX[0]: 16, names.CARDS_UP[0]: 1,
    }  # fmt: skip
    lines = [
        f'{name}{{gpu="{number}",UUID="GPU-{number}",Hostname="h"}} {value}'
        for name, value in values.items() for number in (0, 1)
    ]  # fmt: skip
    lines.append(f'{names.ENGINE[0]}{{engine="http://e"}} 1')
    return "\n".join(lines) + "\n"


ENGINE_PAGE: Final = """# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="meta-llama/Llama-3.1-8B"} 3.0
# TYPE vllm:generation_tokens counter
vllm:generation_tokens_total{engine="0",model_name="meta-llama/Llama-3.1-8B"} 10.0
"""


def config_of(exporter: str, manager: str, rules_file: Path | None) -> str:
    """Return the configuration of a Prometheus that looks every second."""
    return json.dumps(
        {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [] if rules_file is None else [str(rules_file)],
            "scrape_configs": [
                {"job_name": "rightrig", "static_configs": [{"targets": [exporter]}]}
            ],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager]}]}]},
        }
    )


def keep_good_runs(good: Evidence) -> None:
    """Keep eight benches, and a load test that holds three times the peak at the predicted cost."""
    from rightrig.store import open_store  # noqa: PLC0415
    from rightrig.store.records import NewRun, Value  # noqa: PLC0415
    from rightrig.verbs.this_machine import machine_name  # noqa: PLC0415

    deployment = good.deployment
    assert deployment is not None
    assert deployment.rig.gpu.pcie is not None
    pcie, link = deployment.rig.gpu.pcie.bytes_per_s, deployment.rig.link(2).bytes_per_s
    figures: tuple[tuple[str, float, dict[str, str | float]], ...] = (
        ("copy", 0.9 * deployment.rig.gpu.memory_bandwidth_bytes_per_s, {"block": "copy"}),
        ("h2d", 0.85 * pcie, {"block": "transfer"}),
        ("d2h", 0.85 * pcie, {"block": "transfer"}),
        ("all_reduce", 0.9 * link,
         {"block": "collectives", "ranks": 2, "size_bytes": 1e9, "backend": "nccl"}),
    )  # fmt: skip
    with open_store() as store:
        for _ in range(8):
            new = NewRun("bench", machine_name(), ("rightrig", "bench", "--quick"),
                         settings={"device": "cuda:0", "title": "H100"})  # fmt: skip
            writer = store.begin(new)
            writer.add(
                Value(f"{name}_bytes_per_s", rate * k,
                      {**of, "device": "cuda:0 H100", "statistic": s})
                for name, rate, of in figures
                for s, k in (("p10", 0.99), ("p50", 1.0), ("p90", 1.01))
            )  # fmt: skip
            writer.finish()
        served = served_by(deployment, good.planned.model)
        writer = store.begin(NewRun("load", "server-1", ("rightrig", "load"), served=served))
        for ratio in (1.0, 2.0, 3.0):
            found = predicted_closed(deployment, 1000.0, 300.0, round(8 * ratio))
            labels: dict[str, str | float] = {
                "level": ratio, "verdict": "VALID", "rate_requests_per_s": ratio * PEAK,
                "input_tokens": 1000.0, "output_tokens": 300.0, "statistic": "mean",
            }  # fmt: skip
            means = {
                "requests_per_s": ratio * PEAK, "good_ratio": 1.0, "error_ratio": 0.0,
                "output_tokens_per_s": found.output_tokens_per_s.mid,
                "concurrency_mean_count": float(round(8 * ratio)),
            }  # fmt: skip
            writer.add(Value(name, value, labels) for name, value in means.items())
        writer.finish()


def until_seen(address: str, file: Path, wanted: Mapping[str, str], **words: str) -> ChecklistJson:
    """Return the list as soon as items are as they should be, or as it is at the end."""
    end_s = time.monotonic() + LIMIT_S
    while True:
        data = asked(file, prometheus=address, **words)
        found = statuses(data)
        if all(found[name] == word for name, word in wanted.items()) or time.monotonic() > end_s:
            return data
        time.sleep(0.2)


def evaluated(url: str) -> LoadedAlert:
    """Return the one rule of a Prometheus as soon as it failed, or as it is at the end."""
    address, end_s = address_of("--prometheus", url), time.monotonic() + LIMIT_S
    while True:
        (found,) = read_rules(address).alerts
        if found.health == "err" or time.monotonic() > end_s:
            return found
        time.sleep(0.1)


WATCHED: Final = (
    "CHECK-UTILISATION", "CHECK-MEMORY", "CHECK-OCCUPANCY", "CHECK-ENGINEMETRICS",
    "CHECK-ALERTHEAT", "CHECK-ALERTECC", "CHECK-ALERTLINK", "CHECK-ALERTPLAN", "CHECK-RUNBOOKS",
    "CHECK-ALERTMANAGER",
)  # fmt: skip


def test_a_real_prometheus_with_our_rules_passes_and_all_of_it_is_ready(
    good: Evidence, plan_file: Path, tmp_path: Path
) -> None:
    keep_good_runs(good)
    rules_file = tmp_path / "rules.yml"
    rules_file.write_text(yaml_text(rules(thresholds_of(good.expected)), ()), encoding="utf-8")
    with (
        pages({"/metrics": exposition()}) as exporter,
        pages({"/-/ready": "OK"}) as manager,
        pages({"/metrics": ENGINE_PAGE}) as engine,
        prometheus(tmp_path, config_of(exporter, manager, rules_file)) as url,
    ):
        wanted = dict.fromkeys(WATCHED, "pass")
        data = until_seen(url, plan_file, wanted, url=f"http://{engine}")
    found = statuses(data)
    assert {name: found[name] for name in WATCHED} == wanted
    rest = {name: word for name, word in found.items() if word not in {"pass", "information"}}
    # Whether this machine keeps logs is not for the test to say.
    assert set(rest) <= {"CHECK-LOGS"}
    assert data["failed_count"] == 0
    assert data["ready"] == (not rest)


def test_a_real_prometheus_without_rules_and_cards_fails(plan_file: Path, tmp_path: Path) -> None:
    # Series that become the same make the evaluation fail, and not the loading.
    same = 'label_replace({__name__=~"up|scrape_.*"}, "__name__", "same", "", "")'
    rule = {"alert": "HwThermalSlowdown", "expr": same}
    unhealthy = tmp_path / "rules.yml"
    unhealthy.write_text(json.dumps({"groups": [{"name": "a", "rules": [rule]}]}), encoding="utf-8")
    with (
        pages({"/metrics": "up_to_nothing 1\n"}) as exporter,
        prometheus(tmp_path, config_of(exporter, "127.0.0.1:9", unhealthy)) as url,
    ):
        failing = dict.fromkeys(WATCHED, "fail")
        data = until_seen(url, plan_file, failing)
        loaded = evaluated(url)
    assert (loaded.name, loaded.health) == ("HwThermalSlowdown", "err")
    assert "same labelset" in loaded.error
    found = {name: statuses(data)[name] for name in WATCHED}
    assert found == failing
    assert not data["ready"]


def test_a_file_of_our_rules_and_an_exporter_need_no_prometheus(
    good: Evidence, plan_file: Path, tmp_path: Path
) -> None:
    rules_file = tmp_path / "rules.yml"
    rules_file.write_text(yaml_text(rules(thresholds_of(good.expected)), ()), encoding="utf-8")
    with pages({"/metrics": exposition()}) as exporter:
        data = asked(plan_file, rules=str(rules_file), exporter=f"http://{exporter}")
    found = statuses(data)
    for name in WATCHED[:-1]:
        assert found[name] == "pass", name
    assert found["CHECK-ALERTMANAGER"] == "not verifiable"


def test_runs_of_another_day_are_told_with_their_age(
    good: Evidence, plan_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_good_runs(good)
    assert statuses(asked(plan_file))["CHECK-LOAD"] == "pass"
    later = datetime.datetime.now(tz=datetime.UTC).date() + datetime.timedelta(days=40)
    monkeypatch.setattr("rightrig.verbs.checking_answer.today", lambda: later)
    found = {item["id"]: item for item in asked(plan_file)["items"]}
    for name in ("CHECK-LOAD", "CHECK-LINKS", "CHECK-BENCH"):
        assert (found[name]["status"], "40 days old" in found[name]["found"]) == ("fail", True)


def test_json_has_only_numbers_that_json_knows(plan_file: Path) -> None:
    data: Any = asked(plan_file)
    assert_is(answer_type(checklist), json.dumps(data))
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    document = checklist(CATALOG, str(plan_file)).document()
    assert plain_text(document).startswith("Not ready: meta-llama/Llama-3.1-8B on 2xh100-sxm")


# What people ask


def test_is_this_rig_production_ready_and_who_should_avoid_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # F197: the rig itself is judged by its records; the deployment on it by the checklist.
    found = Program(monkeypatch, capsys).json("risk rig 16xrtx-4090")
    text = json.dumps(found)
    assert "with limits" in text
    # Who needs a supported server part, ECC or a machine to spare should avoid it.
    for reason in ("READY-TIER", "READY-ECCON", "READY-MACHINE"):
        assert reason in text
    assert "READY-TIER" not in json.dumps(Program(monkeypatch, capsys).json("risk rig 8xh100-sxm"))


def test_have_i_completed_the_production_checklist(plan_file: Path) -> None:
    # F200
    data = asked(plan_file)
    assert not data["ready"]
    counted = data["passed_count"] + data["failed_count"] + data["unverified_count"]
    assert counted == sum(item["id"].startswith("CHECK-") for item in data["items"])
    assert all(item["found"] for item in data["items"])


def test_every_item_stands_in_its_guide() -> None:
    guide = (ROOT / "docs" / "how-to" / "production-checklist.md").read_text(encoding="utf-8")
    assert {item.id for item in ITEMS if item.id.startswith("CHECK-")} == set(
        re.findall(r"`(CHECK-[A-Z]+)`", guide)
    )
