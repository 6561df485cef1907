"""What ran in a published run: model, engine, version, formats, lengths."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from rightrig.deployment.compatibility_cache import usual_kv
from rightrig.deployment.deployment import Precision
from rightrig.errors import InputError
from rightrig.facts.quantization import FORMATS, is_gguf_mix
from rightrig.prediction.accuracy_words import count_after, gpu_named, llm_named, vllm_version
from rightrig.prediction.reading_runs_rules import first_rule

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm, TensorClass
    from rightrig.facts.measurement import Measurement
    from rightrig.facts.runtime import Runtime

T = TypeVar("T")
_SIXTEEN_BIT: Final = ("bf16", "fp16")
_NUMBER: Final = re.compile(r"(?<![\w.])~?(\d+(?:\.\d+)?)(?![\w])")
_ENGINE_VERSION: Final = re.compile(
    r"(?:^|vllm|sglang|trt-llm|tensorrt-llm|transformers|exllamav[23]|autoawq|lmdeploy|litgpt)"
    r"[\s@=:-]*v?(\d{1,2}\.\d{1,3}[\w.]*)",
    re.IGNORECASE,
)
_BUILD: Final = re.compile(
    r"llama\.?cpp [0-9a-f]{6,40} \((\d{3,6})\)|\bb(\d{3,6})\b", re.IGNORECASE
)
_SPLIT_CLASSES: Final[tuple[TensorClass, ...]] = ("attention", "ffn", "expert", "shared_expert")
_PER_SAMPLE: Final = re.compile(r"(\d+(?:\.\d+)?) samples/s")
_OUT_TOTAL: Final = re.compile(r"(\d+) ShareGPT prompts.*out tokens (\d+)")
_ACTUAL_OUT: Final = re.compile(r"actual mean out (\d+(?:\.\d+)?) tok")


@dataclass(frozen=True, slots=True)
class Subject:
    """What ran.

    Attributes:
        notes: What had to be read into the row.
    """

    llm: Llm
    gpu: Gpu
    runtime: Runtime
    version: str
    precision: Precision
    notes: tuple[str, ...]


def subject_of(row: Measurement, catalog: Catalog) -> Subject:
    """Return what ran.

    Raises:
        InputError: for a card, a model, an engine or a format that no record knows.
    """
    gpu, gpu_note = _found(_gpu(row["gpu"], catalog))
    name = first_rule("model", row.__getitem__).get("name", row["model"])
    llm, llm_note = _found(_llm(name, catalog))
    runtime = _found(_runtime(_engine_named(row), catalog))
    version, version_note = _version(row, runtime)
    llm, weights, weights_note = _weights(row, llm, catalog)
    kv, kv_note = _kv(row, runtime, llm)
    notes = (gpu_note, llm_note, version_note, weights_note, kv_note)
    return Subject(llm, gpu, runtime, version, Precision(weights, kv), tuple(filter(None, notes)))


def _found(answer: T | str) -> T:
    """Return what was looked up, or raise the reason why it was not found."""
    if isinstance(answer, str):
        raise InputError(answer)
    return answer


@functools.lru_cache(maxsize=4096)
def _gpu(name: str, catalog: Catalog) -> tuple[Gpu, str] | str:
    """Return a card and what was read into its name, or why it is unknown."""
    try:
        return gpu_named(name, catalog)
    except InputError as error:
        return str(error)


@functools.lru_cache(maxsize=4096)
def _llm(name: str, catalog: Catalog) -> tuple[Llm, str] | str:
    """Return a model and what was read into its name, or why it is unknown."""
    try:
        return llm_named(name, catalog)
    except InputError as error:
        return str(error)


@functools.lru_cache(maxsize=256)
def _runtime(name: str, catalog: Catalog) -> Runtime | str:
    """Return a runtime, or why it is unknown."""
    try:
        return catalog.runtime(name)
    except InputError as error:
        return str(error)


def _engine_named(row: Measurement) -> str:
    """Return the slug of a row's runtime, or its own words."""
    slug: str = first_rule("runtime", row.__getitem__).get("slug", "")
    if slug:
        return slug
    if not row["runtime"]:
        raise InputError("the engine is not stated")
    return row["runtime"]


def _version(row: Measurement, runtime: Runtime) -> tuple[str, str]:
    """Return the engine's version and what was read into the row; empty where nothing says it."""
    build = _BUILD.search(row["version"])
    if build and runtime.slug == "llama.cpp":
        return f"b{build[1] or build[2]}", ""
    stated = _ENGINE_VERSION.search(row["version"])
    if stated:
        return stated[1].removesuffix(".x"), ""
    assumed: str = first_rule("version", row.__getitem__).get("version", "")
    if assumed:
        return assumed, f"{runtime.name} {assumed} by its date or libraries"
    if runtime.slug == "vllm" and row["date"]:
        return _vllm_by_date(row["date"])
    return "", ""


@functools.lru_cache(maxsize=1024)
def _vllm_by_date(date: str) -> tuple[str, str]:
    """Return vLLM's version on a date: ``2025-10``, ``20251020``."""
    dashed = re.sub(r"^(20\d\d)(\d\d)(\d\d)$", r"\1-\2-\3", date)
    try:
        return vllm_version(dashed)
    except InputError:
        return "", ""


def _weights(row: Measurement, llm: Llm, catalog: Catalog) -> tuple[Llm, str, str]:
    """Return the model as its weights are stored, their format, and what was read."""
    said = first_rule("weights", row.__getitem__)
    if not said:
        raise InputError(f"weights in {row['weight_dtype'][:40]!r}, a format that no record has")
    name, note = str(said["format"]), str(said.get("note", ""))
    if name in {"exl2", "exl3"}:
        return _by_bits(row["weight_dtype"], llm, name), "checkpoint", note
    if name == "16-bit":
        name = "checkpoint" if llm.checkpoint.format in _SIXTEEN_BIT else "bf16"
    stored, substitute = _stored(llm, name, catalog)
    if stored is not None:
        return stored, "checkpoint", note or substitute
    own = llm.checkpoint.format
    is_own = own == name or own.startswith(f"{name}-") or {own, name} == {*_SIXTEEN_BIT}
    if not is_own and name != "checkpoint" and name not in FORMATS and not is_gguf_mix(name):
        raise InputError(f"weights in {name!r}, a format that no record has")
    return llm, "checkpoint" if is_own else name, note


def _stored(llm: Llm, name: str, catalog: Catalog) -> tuple[Llm | None, str]:
    """Return the published checkpoint of a model in a format, where its record knows more."""
    known = {"llm": llm.slug, "format": name}
    said = first_rule("checkpoint", lambda column: known.get(column, ""))
    if "llm" in said:
        found, _ = _found(_llm(said["llm"], catalog))
        return found, f"weights as in {found.name}"
    if "attention_bits" in said:
        changed = {"format": name, "class_bits": {"attention": float(said["attention_bits"])}}
        own = llm.checkpoint.model_copy(update={**changed, "extra_bits": None, "file_bytes": None})
        return llm.model_copy(update={"checkpoint": own}), "attention partly at 16 bits"
    return None, ""


def _by_bits(text: str, llm: Llm, name: str) -> Llm:
    """Return a model whose checkpoint has the bits a weight that a text states."""
    found = re.search(r"(\d+(?:\.\d+)?)\s*bpw", text, re.IGNORECASE)
    if found is None:
        raise InputError(f"the bits a weight of {text[:40]!r} are not stated")
    bits = dict.fromkeys(_SPLIT_CLASSES, float(found[1]))
    own = llm.checkpoint.model_copy(
        update={"format": name, "class_bits": bits, "extra_bits": None, "file_bytes": None}
    )
    return llm.model_copy(update={"checkpoint": own})


def _kv(row: Measurement, runtime: Runtime, llm: Llm) -> tuple[str, str]:
    """Return the format of the KV cache and what was read into the row."""
    said = first_rule("kv", row.__getitem__)
    if "reason" in said:
        raise InputError(str(said["reason"]))
    if not said:
        raise InputError(f"a KV cache in {row['kv_dtype'][:40]!r}, which no record describes")
    name = str(said["format"])
    return (usual_kv(runtime, llm) if name == "usual" else name), str(said.get("note", ""))


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of one prompt and one answer; ``None`` where nothing says them."""

    input_tokens: float | None
    output_tokens: float | None
    note: str = ""


def lengths_of(row: Measurement, defaults: dict[str, float]) -> Lengths:
    """Return the lengths of a row: as stated, by its notes, by its data set, by its kind."""
    assumed = first_rule("lengths", row.__getitem__)
    note = ""
    scale = float(assumed.get("mean_ratio", 1.0))
    given = _mean_tokens(first_count(row["isl"]), scale)
    if scale < 1.0:
        note = str(assumed["note"])
    if given is None and "input_tokens" in assumed:
        given, note = float(assumed["input_tokens"]), str(assumed["note"])
    if given is None:
        given = _noted_input_tokens(row)
    if given is None and "input_tokens" in defaults:
        given = float(defaults["input_tokens"])
        note = f"a prompt of {given:g} tokens assumed"
    answer = _noted_output_tokens(row) or _mean_tokens(first_count(row["osl"]), scale)
    if answer is None and "output_tokens" in defaults:
        answer = float(defaults["output_tokens"])
        note = note or f"an answer of {answer:g} tokens assumed"
    return Lengths(given, answer, note)


def _mean_tokens(tokens: float | None, ratio: float) -> float | None:
    """Return the mean of lengths of which a row states the longest."""
    return None if tokens is None else tokens * ratio


def first_count(text: str) -> float | None:
    """Return the first number of a text.

    >>> first_count("~8"), first_count("mean 857"), first_count("short")
    (8.0, 857.0, None)
    """
    found = _NUMBER.search(text.replace(",", ""))
    return float(found[1]) if found else None


def _noted_input_tokens(row: Measurement) -> float | None:
    """Return the prompt that fills a stated context, where a sweep over contexts says one."""
    context = count_after("ctx", row["notes"])
    if context is None or "campaign=kv-sweep" not in row["notes"]:
        return None
    # TTFT times the rate of the prompt, of the rows that state both, is 128 to 256 less.
    return float(context - 128)


def _noted_output_tokens(row: Measurement) -> float | None:
    """Return the mean answer that the totals of a row imply."""
    samples = _PER_SAMPLE.search(row["notes"])
    if samples and row["metric"] == "output_tok_s_total":
        return _ratio(row["value"].replace(",", ""), samples[1])
    totals = _OUT_TOTAL.search(row["notes"])
    if totals:
        return _ratio(totals[2], totals[1])
    actual = _ACTUAL_OUT.search(row["notes"])
    return float(actual[1]) if actual else None


def _ratio(whole: str, parts: str) -> float | None:
    """Return a quotient of two texts, or ``None`` for no parts."""
    return float(whole) / float(parts) if float(parts) > 0.0 else None
