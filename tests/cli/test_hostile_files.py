"""Files made to harm: one sentence within five seconds of processor and one gigabyte of memory."""

from __future__ import annotations

import json
import os
import resource
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT: Final = Path(sys.executable).with_name("rightrig")
MOST_BYTES: Final = 1 << 30
MOST_S: Final = 5
LLAMA: Final = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4,
    "num_hidden_layers": 2, "vocab_size": 100, "max_position_embeddings": 512,
}  # fmt: skip


def limit() -> None:
    """Bound the program that is about to start."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_S, MOST_S))


def said(*arguments: str) -> str:
    """Run a command within the limits and return its one sentence."""
    done = subprocess.run(
        [str(SCRIPT), *arguments], capture_output=True, text=True, check=False, timeout=60,
        preexec_fn=limit, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, ""), done.stderr[-500:]
    assert done.stderr.startswith("rightrig: ")
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.stderr
    assert len(done.stderr) < 1000
    return done.stderr


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 30)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def ring(path: Path) -> None:
    path.symlink_to(path.name)


def folder(path: Path) -> None:
    path.mkdir()


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def holding(content: bytes | str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return write


def config(**changes: object) -> Callable[[Path], None]:
    return holding(json.dumps(LLAMA | changes))


JSON: Final[dict[str, tuple[Callable[[Path], None], str]]] = {
    "1 GB": (huge, "larger than 16 MB"),
    "pipe": (pipe, "a folder, pipe or device"),
    "device": (zeros, "a folder, pipe or device"),
    "ring": (ring, "Too many levels of symbolic links"),
    "deep tables": (holding('{"a":' * 300_000), "nested too deeply"),
    "deep lists": (holding('{"a":' + "[" * 2_000_000), "nested too deeply"),
    "many values": (holding('{"a":[' + "[]," * 5_000_000 + "0]}"), "more than 3,000,000 values"),
    "many digits": (holding('{"a":' + "9" * 2_000_000 + "}"), "a number of 2,000,000 digits"),
    "infinite": (holding(json.dumps(LLAMA).replace("64", "1e999")), "'hidden_size' is inf"),
    "negative": (config(vocab_size=-5), "'vocab_size' is -5"),
    "not a number": (config(vocab_size=float("nan")), "'vocab_size' is nan"),
    "key twice": (holding('{"a": 1, "a": 2}'), "the key 'a' occurs twice"),
    "escapes": (config(model_type="\x1b[2J\n"), r"'\x1b[2J\n' is not understood"),
    "lone half": (holding('{"model_type": "\\ud800"}'), r"'\ud800' is not understood"),
    "absurd sum": (config(num_hidden_layers=10**9), "'num_hidden_layers' is 1000000000"),
    "cut short": (holding(json.dumps(LLAMA)[:60]), "it is not JSON"),
}


@pytest.mark.parametrize("kind", JSON)
def test_a_hostile_configuration_is_refused(tmp_path: Path, kind: str) -> None:
    make, says = JSON[kind]
    make(tmp_path / "config.json")
    assert says in said("models", "show", str(tmp_path / "config.json"))


def strings(count: int) -> bytes:
    """A vocabulary of empty texts."""
    head = b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"a"
    return head + struct.pack("<IIQ", 9, 8, count) + bytes(8 * count)


def lists(count: int) -> bytes:
    """Metadata of many lists of numbers."""
    one = struct.pack("<IIQ", 9, 0, 2000) + bytes(2000)
    keys = (struct.pack("<Q", 4) + b"%04d" % number + one for number in range(count))
    return b"GGUF" + struct.pack("<IQQ", 3, 0, count) + b"".join(keys)


def tensors(count: int) -> bytes:
    """Descriptions of many tensors."""
    parts = (
        struct.pack("<Q", 6) + b"%06d" % number + struct.pack("<IQIQ", 1, 32, 0, number * 128)
        for number in range(count)
    )
    return b"GGUF" + struct.pack("<IQQ", 3, count, 0) + b"".join(parts)


GGUF: Final[dict[str, tuple[Callable[[Path], None], str]]] = {
    "absent": (lambda _: None, "there is no such file"),
    "1 GB": (huge, "not with GGUF"),
    "pipe": (pipe, "a folder, pipe or device"),
    "folder": (folder, "a folder, pipe or device"),
    "ring": (ring, "Too many levels of symbolic links"),
    "claims": (holding(b"GGUF" + struct.pack("<IQQ", 3, 1 << 63, 1 << 63)), "tensors, more than"),
    "texts": (holding(strings(2_000_000)), "a vocabulary only"),
    "too many texts": (holding(strings(2_000_001)), "texts in a list, more than"),
    "lists": (holding(lists(1000)), "a vocabulary only"),
    "tensors": (holding(tensors(100_000)), "missing at its end"),
    "cut short": (holding(tensors(9)[:200]), "ends inside its header"),
}


@pytest.mark.parametrize("kind", GGUF)
def test_a_hostile_gguf_file_is_refused(tmp_path: Path, kind: str) -> None:
    make, says = GGUF[kind]
    make(tmp_path / "model.gguf")
    assert says in said("fit", str(tmp_path / "model.gguf"), "--on", "1xrtx-4090")


def header(content: bytes) -> bytes:
    return len(content).to_bytes(8, "little") + content


BESIDE: Final[dict[str, tuple[str, Callable[[Path], None], str]]] = {
    "index of 1 GB": ("model.safetensors.index.json", huge, "larger than 100 MB"),
    "deep index": ("model.safetensors.index.json", holding('{"a":' * 300_000), "nested too"),
    "index cut short": ("model.safetensors.index.json", holding('{"weight_map": {"'), "not JSON"),
    "index elsewhere": (
        "model.safetensors.index.json",
        holding('{"weight_map": {"a": "../../secret.safetensors"}}'), "no file beside it",
    ),
    "index a pipe": ("model.safetensors.index.json", pipe, "a folder, pipe or device"),
    "index a ring": ("model.safetensors.index.json", ring, "Too many levels"),
    "weights of 1 GB": ("model.safetensors", huge, "claims a header of 0 bytes"),
    "weights a pipe": ("model.safetensors", pipe, "a folder, pipe or device"),
    "long header": (
        "model.safetensors", holding(header(b'{"a":' + b" " * 99_000_000)), "it is not JSON"
    ),
    "many tensors": (
        "model.safetensors",
        holding(header(b"{" + b'"":[],' * 4_000_000 + b'"a":0}')), "more than 3,000,000 values",
    ),
    "ModelOpt's file": ("hf_quant_config.json", holding("[" * 100_000), "nested too deeply"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BESIDE)
def test_a_hostile_file_beside_a_configuration_is_refused(tmp_path: Path, kind: str) -> None:
    name, make, says = BESIDE[kind]
    (tmp_path / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    make(tmp_path / name)
    assert says in said("models", "show", str(tmp_path))


def test_a_folder_of_a_strange_name_is_shown_escaped(tmp_path: Path) -> None:
    strange = tmp_path / "a\x1b[2Jb\nc"
    strange.mkdir()
    (strange / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    done = subprocess.run(
        [str(SCRIPT), "models", "show", str(strange)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == r"a\x1b[2Jb\nc"
