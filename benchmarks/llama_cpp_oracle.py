"""Compare rightrig's memory of llama.cpp with what llama.cpp itself says, on sparse files.

    make oracle                 # builds llama-fit-params, then runs 150 cases
    .venv/bin/python benchmarks/llama_cpp_oracle.py --cases 300 --seed 7

Each case writes a GGUF file with a model's real tensor shapes and no data, starts
``llama-fit-params --fit-print on -fit off --no-repack`` on it and compares weights, cache and
compute buffer of every device. Where ``ggml-rpc-server`` lies beside the program, a third of
the cases runs on two devices of that kind. Ends with 1 when a component differs by more than
1 % (llama-fit-params rounds down to whole MiB, which is allowed for).
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import datetime
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sparse_gguf

from rightrig.facts.catalog import shipped
from rightrig.quantities import MIB
from rightrig.work.ggml_alloc import HOST
from rightrig.work.llama_cpp import DeviceMemory, memory
from rightrig.work.llama_cpp_options import Options, Placement, place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.facts.llm import Llm

ROOT: Final = Path(__file__).parent.parent
BINARY: Final = ROOT / ".cache" / "llama.cpp" / "bin" / "llama-fit-params"
LIMIT_RATIO: Final = 0.01
MODELS: Final = (
    "meta-llama--llama-3.1-8b", "meta-llama--llama-3.3-70b-instruct", "mistralai--mistral-7b-v0.1",
    "mistralai--mixtral-8x7b-v0.1", "qwen--qwen2.5-7b", "qwen--qwen2.5-0.5b-instruct",
    "qwen--qwen3-8b", "qwen--qwen3-30b-a3b", "google--gemma-2-9b-it", "google--gemma-3-27b-it",
    "google--gemma-3-1b-it", "openai--gpt-oss-20b", "openai--gpt-oss-120b",
    "deepseek-ai--deepseek-v2-lite", "deepseek-ai--deepseek-v3", "moonshotai--kimi-k2-instruct",
    "microsoft--phi-4",
    "microsoft--phi-3.5-mini-instruct", "coherelabs--c4ai-command-r-plus",
    "coherelabs--aya-23-8b", "allenai--olmo-2-1124-7b", "ibm-granite--granite-3.1-2b-instruct",
    "bigcode--starcoder2-7b", "tiiuae--falcon-7b", "tiiuae--falcon-40b",
    "huggingfacetb--smollm3-3b", "zai-org--glm-4.5-air", "minimaxai--minimax-m2",
)  # fmt: skip
FILE_TYPES: Final = (
    "q4_k_m", "q4_k_s", "q8_0", "q5_k_m", "q6_k", "q3_k_m", "iq4_xs", "iq2_m", "q4_0", "f16",
)  # fmt: skip
KV: Final = {
    "fp16": "f16", "bf16": "bf16", "q8_0": "q8_0", "q5_1": "q5_1", "q5_0": "q5_0", "q4_1": "q4_1",
    "q4_0": "q4_0", "iq4_nl": "iq4_nl",
}  # fmt: skip
GOLDEN_ROWS: Final = 30
COMPONENTS: Final = ("weights", "cache", "compute")


@dataclass(frozen=True)
class Case:
    """One start of llama.cpp."""

    model: str
    file_type: str
    options: Options
    gpu_layers: int = 0
    shares: tuple[float, ...] = ()
    cpu_moe: int = 0

    def placement(self, llm: Llm) -> Placement:
        """Return where its layers lie."""
        return place(llm.layer_count, self.shares, self.gpu_layers, self.cpu_moe)

    def arguments(self) -> list[str]:
        """Return the command line of llama-fit-params, the file apart."""
        o = self.options
        words = [
            "-c", o.context_tokens, "-ub", o.ubatch_tokens, "-b", o.batch_tokens,
            "-np", o.slots_count, "-ctk", KV[o.key_format], "-ctv", KV[o.value_format],
            "-fa", "on" if o.flash_attention else "off",
        ]  # fmt: skip
        words += ["--swa-full"] if o.full_windows else []
        words += ["-nkvo"] if o.kv_on_host else []
        if self.shares:
            words += ["-ngl", self.gpu_layers, "-ts", ",".join(f"{s:g}" for s in self.shares)]
        words += ["--n-cpu-moe", self.cpu_moe] if self.cpu_moe else []
        return [str(word) for word in words]


def random_case(source: random.Random, *, with_devices: bool) -> Case:
    """Return a random case that llama.cpp accepts."""
    model = source.choice(MODELS)
    flash = source.random() < 0.6  # noqa: PLR2004 - more often on
    key = source.choice(tuple(KV))
    value = source.choice(tuple(KV)) if flash else source.choice(("fp16", "bf16"))
    if shipped().llm(model).has_mla:
        # The latent is key and value: one type; unfused attention copies it, at 16 bits only.
        key = value = key if flash else "fp16"
    options = Options(
        context_tokens=source.choice((512, 1000, 4096, 5000, 8192, 16384, 32768, 65536, 131072)),
        ubatch_tokens=source.choice((128, 256, 512, 512, 1024, 2048, 4096)),
        batch_tokens=source.choice((2048, 2048, 4096)),
        slots_count=source.choice((1, 1, 1, 2, 3, 4, 8)),
        full_windows=source.random() < 0.2,  # noqa: PLR2004 - seldom
        key_format=key,
        value_format=value,
        flash_attention=flash,
        takes_over=False,
    )
    case = Case(model, source.choice(FILE_TYPES), options)
    return _on_devices(source, case) if with_devices else case


def _on_devices(source: random.Random, case: Case) -> Case:
    """Return the case on two devices."""
    llm = shipped().llm(case.model)
    layers = source.choice((llm.layer_count + 1, source.randint(1, llm.layer_count + 1)))
    shares = source.choice(((1.0, 1.0), (3.0, 1.0), (1.0, 2.0), (1.0, 0.0)))
    sparse = llm.has_experts and source.random() < 0.5  # noqa: PLR2004 - half
    # Without flash attention, llama.cpp runs attention on the host when the cache lies there, but
    # forgets so while it measures (ggml_backend_sched_reserve_size resets the assignment).
    on_host = case.options.flash_attention and source.random() < 0.2  # noqa: PLR2004 - seldom
    return replace(
        case,
        options=replace(case.options, kv_on_host=on_host),
        gpu_layers=layers,
        shares=shares,
        cpu_moe=source.randint(1, llm.layer_count) if sparse else 0,
    )


def said(binary: Path, case: Case, folder: Path, servers: str = "") -> dict[int, DeviceMemory]:
    """Return what llama.cpp says each device holds, in bytes rounded down to MiB."""
    llm = shipped().llm(case.model)
    path = folder / f"{llm.slug}.{case.file_type}.gguf"
    if not path.exists():
        sparse_gguf.write(llm, case.file_type, path)
    command = [str(binary), "-m", str(path), "--fit-print", "on", "-fit", "off", "--no-repack"]
    command += case.arguments()
    if case.shares:
        command += ["--rpc", servers]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    found = {}
    for line in done.stdout.splitlines():
        words = line.split()
        if len(words) == 4 and all(word.isdigit() for word in words[1:]):  # noqa: PLR2004
            device = HOST if words[0] == "Host" else int(words[0].removeprefix("RPC"))
            found[device] = DeviceMemory(*(float(word) * MIB for word in words[1:]))
    if not found:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-500:]}")
    return found


def differences(
    ours: dict[int, DeviceMemory], theirs: dict[int, DeviceMemory]
) -> Iterator[tuple[str, float]]:
    """Yield each component of each device with our relative error; rounding down is forgiven."""
    for device, true in theirs.items():
        own = ours.get(device, DeviceMemory())
        for name in COMPONENTS:
            low = getattr(true, f"{name}_bytes")
            mine = getattr(own, f"{name}_bytes")
            nearest = min(max(mine, low), low + MIB)
            yield name, (mine - nearest) / max(nearest, MIB)


@contextlib.contextmanager
def rpc_servers(binary: Path) -> Iterator[str]:
    """Run two devices on this machine and yield their addresses; none where there is no server."""
    server = binary.parent / "ggml-rpc-server"
    if not server.exists():
        yield ""
        return
    ports = [_free_port(), _free_port()]
    running = [
        subprocess.Popen(
            [str(server), "-H", "127.0.0.1", "-p", str(port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for port in ports
    ]  # fmt: skip
    time.sleep(1.0)
    try:
        yield ",".join(f"127.0.0.1:{port}" for port in ports)
    finally:
        for process in running:
            process.terminate()
            process.wait()


def _free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(binary: Path, cases_count: int, seed: int) -> tuple[list[tuple[Case, str, float]], int]:
    """Run the cases; return every component's error, and how many cases llama.cpp refused."""
    source = random.Random(seed)  # noqa: S311 - cases, not secrets
    rows = []
    refused = 0
    with tempfile.TemporaryDirectory() as name, rpc_servers(binary) as servers:
        for number in range(cases_count):
            case = random_case(source, with_devices=bool(servers) and number % 3 == 2)  # noqa: PLR2004
            llm = shipped().llm(case.model)
            try:
                theirs = said(binary, case, Path(name), servers)
            except RuntimeError as error:
                refused += 1
                print(f"refused: {error}".splitlines()[0][:300])
                continue
            ours = memory(llm, case.file_type, case.options, case.placement(llm))
            rows += [(case, part, error) for part, error in differences(ours, theirs)]
    return rows, refused


def write_golden(binary: Path, path: Path, seed: int) -> None:
    """Write 30 rows of what llama.cpp says, for the test that needs no program."""
    source = random.Random(seed)  # noqa: S311 - cases, not secrets
    with tempfile.TemporaryDirectory() as name, path.open("w", newline="") as file:
        today = datetime.datetime.now(tz=datetime.UTC).date()
        file.write(f"# Ran {today} by benchmarks/llama_cpp_oracle.py --golden, seed {seed}:\n")
        file.write(
            "# llama-fit-params --fit-print on -fit off --no-repack, build of sdist 11434.\n"
        )
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("model", "file_type", "arguments", *(f"{c}_mib" for c in COMPONENTS)))
        written = 0
        while written < GOLDEN_ROWS:
            case = random_case(source, with_devices=False)
            if written < len(MODELS):
                options = replace(case.options, key_format="fp16", value_format="fp16")
                case = replace(case, model=MODELS[written], options=options)
            try:
                true = said(binary, case, Path(name))[HOST]
            except RuntimeError:
                continue
            sizes = [round(getattr(true, f"{c}_bytes") / MIB) for c in COMPONENTS]
            writer.writerow((case.model, case.file_type, " ".join(case.arguments()), *sizes))
            written += 1


def report(rows: list[tuple[Case, str, float]]) -> float:
    """Print median and largest error by architecture and component; return the largest."""
    groups: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for case, part, error in rows:
        arch = sparse_gguf.ARCHITECTURES[shipped().llm(case.model).family]
        groups[arch, part].append(abs(error))
        groups["all", part].append(abs(error))
    print(f"{'architecture':14} {'component':10} {'values':>6} {'median':>9} {'largest':>9}")
    for (arch, part), errors in sorted(groups.items()):
        middle, worst = statistics.median(errors), max(errors)
        print(f"{arch:14} {part:10} {len(errors):6} {middle:9.4%} {worst:9.4%}")
    for case, part, error in rows:
        if abs(error) > LIMIT_RATIO:
            print(f"{error:+.2%} {part}: {case.model} {case.file_type}", *case.arguments())
    return max((abs(error) for _, _, error in rows), default=0.0)


def main() -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cases", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--golden", type=Path, help="write golden rows to this file instead")
    arguments = parser.parse_args()
    binary = Path(os.environ.get("RIGHTRIG_LLAMA_FIT_PARAMS", BINARY))
    if not binary.exists():
        print(f"skipped: no llama-fit-params at {binary}; set RIGHTRIG_LLAMA_FIT_PARAMS to one")
        return 0
    if arguments.golden:
        write_golden(binary, arguments.golden, arguments.seed)
        return 0
    rows, refused = run(binary, arguments.cases, arguments.seed)
    worst = report(rows)
    print(f"{arguments.cases - refused} cases, {refused} refused by llama.cpp; largest {worst:.3%}")
    return int(worst > LIMIT_RATIO)


if __name__ == "__main__":
    sys.exit(main())
