"""Services of systemd: verified by systemd itself, and by what they say."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from gated_llm import gated_llm
from servings import serving

from golden import golden
from rightrig.recipes import patience
from rightrig.recipes.engines import vllm
from rightrig.recipes.launch import Flag, Launch, Variable
from rightrig.recipes.places import systemd
from rightrig.recipes.places.listening import EVERY_INTERFACE

if TYPE_CHECKING:
    from rightrig.recipes.serving import Serving

LLAMA: Final = "meta-llama/Llama-3.1-8B"
RIGS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("4xh100-sxm", {"tp": 2, "replicas": 2}),
    ("4xmi300x", {"tp": 4}),
    ("2n:8xh100-sxm", {"tp": 8, "pp": 2}),
    ("2xh100-sxm@mig=3g.40gb", {"tp": 1, "replicas": 2}),
    ("1xarc-pro-b60", {}),
)
UNIT: Final = "rightrig-engine@.service"
JSON: Final = '{"method": "ngram", "share": "5%", "cost": "$1", "path": "a\\b"}'


def replicas() -> Serving:
    return serving(LLAMA, "4xh100-sxm", 8192, 64, runtime="vllm", tp=2, replicas=2)


def written(served: Serving, launch: Launch | None = None) -> dict[str, str]:
    """Return the files by their names."""
    found = systemd.files(served, launch or vllm.launch_of(served))
    return {Path(file.path).name: file.text for file in found}


def values(text: str, name: str) -> list[str]:
    """Return what a unit says under a name, continued lines joined."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")]


def analysed(files: dict[str, str], folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Return what ``systemd-analyze`` says of files."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is absent: install Debian's systemd")
    for name, text in files.items():
        (folder / name).write_text(text)
    # A colon at the end adds the folders that systemd knows.
    env = {"SYSTEMD_UNIT_PATH": f"{folder}:", "PATH": "/usr/bin:/bin"}
    command = [program, *words, "rightrig-engine@0.service"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


def verified(files: dict[str, str], folder: Path) -> str:
    """Return what ``systemd-analyze verify`` says; nothing where all is well."""
    done = analysed(files, folder, "verify", "--man=no", "rightrig.target")
    lines = [line for line in done.stderr.splitlines() if "rightrig" in line]
    assert bool(lines) or done.returncode == 0, done.stderr
    return "\n".join(lines)


def test_the_files_are_those_that_a_person_read() -> None:
    for name, text in written(replicas()).items():
        golden(f"systemd-{name}", text)


@pytest.mark.parametrize(("on", "choices"), RIGS)
def test_systemd_has_nothing_against_them(on: str, choices: dict[str, Any], tmp_path: Path) -> None:
    assert verified(written(serving(LLAMA, on, runtime="vllm", **choices)), tmp_path) == ""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Restart=on-failure", "Restart=on-failing"),
        ("TimeoutStartSec=", "TimeoutStartSec=soon"),
        ("[Service]", "[Services]"),
        ("NoNewPrivileges=yes", "NoNewPrivilege=yes"),
        ("ExecStart=/usr/bin/env", "ExecStart=bin/env"),
    ],
)
def test_systemd_finds_what_is_wrong(right: str, wrong: str, tmp_path: Path) -> None:
    files = written(replicas())
    assert right in files[UNIT]
    assert verified({**files, UNIT: files[UNIT].replace(right, wrong)}, tmp_path)


def test_systemd_rates_the_exposure_of_engines_as_medium_at_most(tmp_path: Path) -> None:
    # Of 10; services that nobody hardened have 9.6.
    words = ("security", "--no-pager", "--offline=yes", "--threshold=40")
    done = analysed(written(replicas()), tmp_path, *words)
    if "nrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze rates no files")
    assert done.returncode == 0, done.stdout[-300:]


def test_every_instance_has_its_port_and_its_cards() -> None:
    files = written(replicas())
    assert values(files["engine-0.env"], "PORT") == ["8000"]
    assert values(files["engine-0.env"], "CUDA_VISIBLE_DEVICES") == ["0,1"]
    assert values(files["engine-1.env"], "PORT") == ["8001"]
    assert values(files["engine-1.env"], "CUDA_VISIBLE_DEVICES") == ["2,3"]
    (command,) = values(files[UNIT], "ExecStart")
    assert "--port ${PORT}" in command


def test_a_port_that_a_variable_says_differs_from_instance_to_instance() -> None:
    where = Variable("OLLAMA_HOST", "0.0.0.0:11434", "")
    launch = Launch(
        "ollama", "1", ("ollama", "serve"), (), 11434, "/", port_flag="", environment=(where,)
    )
    files = written(replicas(), launch)
    assert "\nOLLAMA_HOST=127.0.0.1:11435\n" in files["engine-1.env"]
    assert "OLLAMA_HOST" not in files[UNIT]


def test_the_command_is_that_of_the_launch_as_systemd_reads_it() -> None:
    flags = (Flag("--speculative-config", JSON), Flag("--port", "8000"), Flag("--switch"))
    launch = Launch("vllm", "1", ("vllm", "serve"), flags, 8000, "/health", positional=("a b",))
    (command,) = values(written(replicas(), launch)[UNIT], "ExecStart")
    # What systemd undoes: doubled % and $ (systemd.service, systemd.unit); quotes as a shell does.
    words = [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(command)]
    assert words == ["/usr/bin/env", *launch.words[:-2], "${PORT}", "--switch"]


def test_a_crash_loop_ends() -> None:
    text = written(replicas())[UNIT]
    times = {n: int(values(text, n)[0]) for n in ("StartLimitIntervalSec", "StartLimitBurst")}
    longest_s = int(values(text, "TimeoutStartSec")[0]) + int(values(text, "RestartSec")[0])
    assert times["StartLimitIntervalSec"] > times["StartLimitBurst"] * longest_s


def test_engines_run_as_a_user_without_privileges() -> None:
    text = written(replicas())[UNIT]
    assert values(text, "User") == ["rightrig"]
    assert values(text, "CapabilityBoundingSet") == [""]
    assert values(text, "DevicePolicy") == ["closed"]
    assert values(text, "DeviceAllow") == ["char-nvidia* rwm"]


def test_amds_cards_are_reached_through_their_groups() -> None:
    text = written(serving(LLAMA, "1xmi300x", runtime="vllm"))[UNIT]
    assert values(text, "DeviceAllow") == ["/dev/kfd rw", "char-drm rw"]
    assert values(text, "SupplementaryGroups") == ["render video"]


def test_instances_of_mig_are_named_by_the_reader() -> None:
    served = serving(LLAMA, "2xh100-sxm@mig=3g.40gb", runtime="vllm", tp=1, replicas=2)
    assert "CUDA_VISIBLE_DEVICES=MIG-UUID-1\n" in written(served)["engine-1.env"]


def test_of_an_engine_that_spans_machines_only_the_first_is_asked_for_its_health() -> None:
    served = serving("meta-llama/Llama-3.1-405B", "2n:8xh200-sxm", runtime="vllm", tp=8, pp=2)
    files = written(served)
    (waits,) = values(files[UNIT], "ExecStartPost")
    assert '"$${MACHINE}" = 0 || exit 0' in waits
    assert "MACHINE=0\nLEADER=127.0.0.1\n" in files["engine-0.env"]
    (command,) = values(files[UNIT], "ExecStart")
    assert "${MACHINE}" in command
    assert "${LEADER}" in command


def test_variables_for_the_reader_are_in_the_file_of_the_instance() -> None:
    wanted = Variable("NCCL_SOCKET_IFNAME", "${NCCL_SOCKET_IFNAME:?the interface}", "the network")
    known = Variable("NCCL_DEBUG", "WARN", "says what fails")
    launch = Launch("vllm", "1", ("vllm",), (), 8000, "/health", environment=(wanted, known))
    files = written(replicas(), launch)
    assert "# the network\n#NCCL_SOCKET_IFNAME=\n" in files["engine-0.env"]
    assert "NCCL_SOCKET_IFNAME" not in files[UNIT]
    assert "NCCL_DEBUG=WARN" in values(files[UNIT], "Environment")


def waiting(port: int, pid: int) -> subprocess.Popen[bytes]:
    """Start what a unit runs after its program, with the variables that systemd sets."""
    (line,) = values(written(replicas())[UNIT], "ExecStartPost")
    words = [word.replace("$$", "$") for word in shlex.split(line)]
    return subprocess.Popen(
        words,
        env={
            "PORT": str(port),
            "LISTEN": "127.0.0.1",
            "MAINPID": str(pid),
            "PATH": "/usr/bin:/bin",
        },
    )


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is absent")
def test_a_unit_is_started_when_its_engine_is_healthy_and_failed_when_it_ended() -> None:
    with gated_llm() as engine, subprocess.Popen(["/bin/sleep", "60"]) as program:
        with waiting(engine.port, program.pid) as found:
            assert found.wait(10.0) == 0
        with waiting(1, program.pid) as found:
            with pytest.raises(subprocess.TimeoutExpired):
                found.wait(1.0)
            program.kill()
            program.wait()
            assert found.wait(10.0) == 1


def test_a_start_may_take_as_long_as_a_download() -> None:
    served = serving(LLAMA, "1xh100-sxm", 8192, 8, runtime="vllm")
    (text,) = values(written(served)[UNIT], "TimeoutStartSec")
    assert int(text) == patience.startup_s(served) > patience.loading_s(served)


def test_files_of_nvidias_devices_are_made_before_rights_are_dropped() -> None:
    unit = written(replicas())[UNIT]
    assert values(unit, "ExecStartPre") == ["-+/usr/bin/nvidia-modprobe -c 0 -u"]
    assert values(unit, "DeviceAllow") == ["char-nvidia* rwm"]
    amd = written(serving(LLAMA, "1xmi300x", 8192, 8, runtime="vllm"))[UNIT]
    assert "nvidia" not in amd
    assert values(amd, "DeviceAllow") == ["/dev/kfd rw", "char-drm rw"]


def test_one_machine_listens_to_itself_and_several_to_each_other() -> None:
    alone = written(replicas())
    assert "--host ${LISTEN}" in alone[UNIT]
    assert values(alone["engine-0.env"], "LISTEN") == ["127.0.0.1"]
    spans = serving(LLAMA, "2n:8xh100-sxm", 8192, 64, runtime="vllm", tp=8, pp=2)
    assert values(written(spans)["engine-0.env"], "LISTEN") == [EVERY_INTERFACE]


def test_there_is_no_systemd_beside_linux() -> None:
    mac = serving(LLAMA, "1xm3-ultra-512gb", runtime="llama.cpp")
    assert "systemd is of Linux" in (systemd.reason(mac) or "")
