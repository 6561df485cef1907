"""What the words of a published row mean: cards, models, versions, formats, layouts."""

from __future__ import annotations

import calendar
import datetime
import functools
import re
import tomllib
from typing import TYPE_CHECKING, Any, Final

from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.prediction.engine_memory import DATA
from rightrig.quantities import GIB, MIB

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm

_UNSURE: Final = re.compile(
    r"assume|unstated|verify|see file|^not in |unknown|unresolved", re.IGNORECASE
)
_SIZE: Final = re.compile(r"\(?\b(\d+(?:\.\d+)?)\s*(GiB|MiB)\)?", re.IGNORECASE)
_TOTAL: Final = re.compile(
    r"\b(?:total|device_total_memory)\s*[=:]?\s*(\d+(?:\.\d+)?)\s*(GiB|MiB|B)\b", re.IGNORECASE
)
_DATE: Final = re.compile(r"(?<!\d)(20\d\d)-(0[1-9]|1[0-2])(?:-([0-3]\d))?(?!\d)")
_VERSION: Final = re.compile(
    r"vllm[\s@=:-]*v?(\d{1,2}\.\d{1,3}(?:\.\d{1,3})?)(?!\d)", re.IGNORECASE
)
_BARE_VERSION: Final = re.compile(r"\s*~?\s*v?(\d{1,2}\.\d{1,3}(?:\.\d{1,3})?)(?![\d.]|\s*\w)")
_SCALES: Final = {"gib": GIB, "mib": MIB, "b": 1.0}
_ENGINES: Final = {
    "sglang": "sglang", "tensorrt-llm": "tensorrt-llm", "trt-llm": "tensorrt-llm",
    "lmdeploy": "lmdeploy", "llama.cpp": "llama.cpp", "ollama": "ollama", "vllm": "vllm",
}  # fmt: skip
_MIDDLE_OF_MONTH: Final = 15
# What publishers add to a model's name without changing its shapes.
_TRAILERS: Final = re.compile(
    r"[-_ ](?:q\d\w*|iq\d\w*|f16|f32|bf16|fp16|gguf|unsloth|bnb-4bit|fp8-kv|awq|gptq|int4|int8"
    r"|autoround|instruct|chat|base|it|hf)$",
    re.IGNORECASE,
)
# Reports that name an architecture: its member that the report is likeliest to have run, the
# smallest that is served in 16 bits (its own format for gpt-oss).
_MEMBERS: Final = {
    "phi-2 arch": "phi-2", "mixtral arch": "mixtral-8x7b-v0.1",
    "llama4 arch": "llama-4-scout-17b-16e-instruct", "gpt-oss": "gpt-oss-20b",
}  # fmt: skip
_CLASSES: Final = {"H100": "h100-sxm", "H100 80GB": "h100-sxm"}
_FORMATS: Final = {
    "int4 (native)": "checkpoint", "autoround-int4": "gptq", "awq-int4": "awq", "int4": "gptq",
    "bnb-4bit": "nf4-single", "w4a16": "gptq", "w8a8": "int8",
}  # fmt: skip
_KV: Final = {
    "auto": "bf16", "auto(bf16)": "bf16", "auto(fp16)": "fp16", "fp8_e5m2": "fp8",
    "fp8_e4m3": "fp8", "f16": "fp16", "f32": "fp32",
}  # fmt: skip


def stated(text: str, what: str) -> str:
    """Return a text, unless it says that its author did not know.

    Raises:
        InputError: when it is empty, or says "assumed", "see file" and the like.
    """
    if not text.strip():
        raise InputError(f"{what} is not stated")
    if _UNSURE.search(text):
        raise InputError(f"{what} is not certain: {plain(text, 60)!r}")
    return text


def gpu_named(text: str, catalog: Catalog) -> tuple[Gpu, str]:
    """Return the card, as large as the text says, and what had to be read into it.

    Raises:
        InputError: for a card that is assumed, unknown, or one of several.
    """
    known = stated(text, "the card")
    size = _SIZE.search(known)
    name = _SIZE.sub("", known).strip() if size else known
    try:
        gpu, note = catalog.gpu(name), ""
    except InputError:
        if name not in _CLASSES:
            raise
        gpu, note = catalog.gpu(_CLASSES[name]), f"{name} read as {_CLASSES[name]}"
    if size is None:
        return gpu, note
    return _as_large(gpu, float(size[1]) * _SCALES[size[2].lower()]), note


def sized_by(gpu: Gpu, notes: str) -> Gpu:
    """Return a card with the total memory that a log states, where one does."""
    total = _TOTAL.search(notes)
    if total is None:
        return gpu
    return _as_large(gpu, float(total[1]) * _SCALES[total[2].lower()])


def _as_large(gpu: Gpu, size_bytes: float) -> Gpu:
    """Return the card with a visible memory; one far from its own belongs to something else."""
    if abs(size_bytes / gpu.memory_bytes.mid - 1.0) > 0.1:  # noqa: PLR2004 - the sizes of a card differ by less
        return gpu
    return gpu.model_copy(update={"memory_cuda_bytes": round(size_bytes)})


def llm_named(text: str, catalog: Catalog) -> tuple[Llm, str]:
    """Return the model, and what had to be read into its name.

    Raises:
        InputError: for a name that no record answers to.
    """
    name = stated(text, "the model")
    member = _MEMBERS.get(name.lower())
    if member is not None:
        llm = catalog.llm(member)
        return llm, f"{name} read as {llm.name}"
    try:
        return catalog.llm(name), ""
    except InputError:
        shorter = _TRAILERS.sub("", name)
        if shorter == name:
            raise
        found = _known(shorter, catalog)
        if found is None:
            raise
    return found, f"{name} read as {found.name}"


def _known(name: str, catalog: Catalog) -> Llm | None:
    """Return the model of a shortened name, where there is one."""
    try:
        return llm_named(name, catalog)[0]
    except InputError:
        return None


def engine_of(text: str) -> str | None:
    """Return the slug of the engine that a text names first, or ``None``."""
    low = text.lower()
    found = [(low.index(word), slug) for word, slug in _ENGINES.items() if word in low]
    return min(found)[1] if found else None


def vllm_version(text: str) -> tuple[str, str]:
    """Return vLLM's version by its number, else by the date, and what was read into the text.

    Raises:
        InputError: when the text has neither.

    >>> vllm_version("vLLM 0.19.0; 2026-08")
    ('0.19.0', '')
    """
    number = _VERSION.search(text) or _BARE_VERSION.match(text)
    if number:
        return number[1], ""
    date = _DATE.search(text)
    if date is None:
        raise InputError("neither the engine's version nor a date is stated")
    year, month = int(date[1]), int(date[2])
    last = calendar.monthrange(year, month)[1]
    day = min(max(int(date[3] or _MIDDLE_OF_MONTH), 1), last)
    version = version_on(datetime.date(year, month, day))
    return version, f"vLLM {version} by the date {date[0]}"


@functools.cache
def _releases() -> dict[str, Any]:
    """Return vLLM's releases and their dates."""
    text = (DATA / "engine_releases.toml").read_text(encoding="utf-8")
    releases: dict[str, Any] = tomllib.loads(text)["vllm"]
    return releases


def version_on(day: datetime.date) -> str:
    """Return the newest release of vLLM on a day; the first one for any day before it.

    >>> version_on(datetime.date(2025, 10, 15))
    '0.11.0'
    """
    known = [version for version, since in _releases().items() if since <= day]
    return known[-1] if known else next(iter(_releases()))


def weights_named(text: str, llm: Llm) -> str:
    """Return the format of the weights: ``checkpoint`` where the record is of that format."""
    name = stated(text, "the format of the weights").lower()
    name = _FORMATS.get(name, name)
    own = llm.checkpoint.format
    return "checkpoint" if own == name or own.startswith(f"{name}-") else name


def kv_named(text: str) -> str:
    """Return the format of the cache."""
    name = stated(text, "the format of the cache").lower()
    return _KV.get(name, name)


def count_after(word: str, text: str) -> int | None:
    """Return the whole number that follows a word: ``tp=4``, ``tp 4``, ``batched 8192``.

    >>> count_after("tp", "vLLM; tp=8 dcp=4"), count_after("dcp", "tp=8 DCP=4")
    (8, 4)
    """
    found = re.search(rf"(?<![a-z]){word}\s*[=:]?\s*(\d{{1,9}})(?![\d.])", text, re.IGNORECASE)
    return int(found[1]) if found else None


def source_project(text: str) -> str:
    """Return the project that a source belongs to: ``owner/name``, or its first words.

    >>> source_project("github:anyscale/examples@04ba8ab:run/log.txt")
    'anyscale/examples'
    >>> source_project("https://github.com/vllm-project/vllm/issues/21348")
    'vllm-project/vllm'
    """
    found = re.search(r"github(?:\.com/|:)([\w.-]+)/([\w.-]+)", text)
    if found:
        return f"{found[1]}/{found[2]}"
    words = re.split(r"[;,(]| docs/", text, maxsplit=1)[0].strip()
    return plain(words, 40) or "not stated"
