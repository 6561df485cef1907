"""Result files of ``vllm bench serve``, GuideLLM and AIPerf, recognised by their content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rightrig.demand.text_files import checked_size_bytes, head_of, text_of
from rightrig.demand.trace_json import json_lines, json_object
from rightrig.errors import InputError
from rightrig.measuring.load.readers_aiperf import read_aiperf
from rightrig.measuring.load.readers_guidellm import read_guidellm
from rightrig.measuring.load.readers_vllm import read_vllm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rightrig.measuring.load.readers_rows import Recorded

_DOCUMENT_BYTES: Final = 2**30
_HEAD_BYTES: Final = 2**20
_READERS: Final[dict[str, Callable[[Path, dict[str, Any]], tuple[Recorded, ...]]]] = {
    "input_lens": read_vllm, "benchmarks": read_guidellm,
}  # fmt: skip
_WHAT: Final = (
    "vllm bench serve --save-result --save-detailed, GuideLLM's benchmarks.json or AIPerf's "
    "profile_export.jsonl"
)


def read_results(path: Path) -> tuple[Recorded, ...]:
    """Return the loads of a result file, at most 1 GiB of JSON.

    Raises:
        InputError: when the file is none of a load generator that is known, or a value is wrong.
    """
    checked_size_bytes(path, limit_bytes=_DOCUMENT_BYTES)
    head = head_of(path, limit_bytes=_HEAD_BYTES).lstrip()
    first = head.split("\n", 1)[0]
    if '"metadata"' in first and '"metrics"' in first and "request_start_ns" in first:
        return read_aiperf(f"{path}", json_lines(path))
    document = json_object(f"{path}", text_of(path))
    for name, reader in _READERS.items():
        if name in document:
            return reader(path, document)
    if "duration" in document and "completed" in document:
        raise InputError(f"{path} has no lists a request; save it with --save-detailed")
    raise InputError(f"{path} is no result of {_WHAT}; give one of these")
