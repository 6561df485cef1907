"""Model configurations: ``config.json`` → ``Llm``, one file a family, found by a register.

A family is a function that reads a configuration, registered for its ``model_type``. To add
one: write its file and name it in the import below.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from rightrig.errors import InputError, UnsupportedModelError
from rightrig.facts.architectures import (  # noqa: F401 - each registers its readers
    bloom,
    cohere,
    deepseek,
    deepseek_sparse,
    deepseek_v4,
    falcon,
    gemma,
    gemma3n,
    gemma4,
    glm,
    gpt,
    gpt_oss,
    hybrids,
    kimi_linear,
    laguna,
    llama,
    llama4,
    mamba,
    mimo,
    minimax,
    minimax_m3,
    minimax_text,
    mistral,
    mpt,
    nemotron_h,
    nemotron_nas,
    olmo,
    opt,
    phi,
    qwen,
    qwen1,
    qwen_linear,
    stablelm,
    starcoder,
    step,
)
from rightrig.facts.architectures.ahead import with_ahead
from rightrig.facts.architectures.checkpoint import read_checkpoint
from rightrig.facts.architectures.common import Config
from rightrig.facts.architectures.files import load_config
from rightrig.facts.architectures.layers import layer_types, predicted_ahead
from rightrig.facts.architectures.registry import keys_read_by, reader_of, understood
from rightrig.facts.architectures.towers import read_towers
from rightrig.facts.architectures.unsupported import foreign_key, reason_against_family
from rightrig.facts.llm import Llm

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.facts.source import Source

__all__ = ["load_config", "read_config", "understood"]

# Where models of several modalities keep their language model.
_LANGUAGE_PARTS: Final = ("text_config", "language_config", "llm_config")
# What the outer configuration says for the language model too.
_SHARED_KEYS: Final = (
    "tie_word_embeddings", "dtype", "torch_dtype", "quantization_config", "compression_config",
    "hf_quant_config",
)  # fmt: skip
_LONGEST_NAME: Final = 120


def read_config(
    config: Mapping[str, object], *, name: str, slug: str = "", sources: Iterable[Source] = ()
) -> Llm:
    """Return the model that a configuration describes.

    Args:
        config: The content of a ``config.json``.
        name: The model's name; messages begin with it.
        slug: The record's file name; by default the name in lower case, ``/`` as ``--``.
        sources: Where the configuration comes from.

    Raises:
        InputError: when a value is missing or wrong.
        UnsupportedModelError: when the model, or its quantisation, is not understood yet.
    """
    if not isinstance(config, Mapping):
        raise InputError(f"{name} is no model configuration: it is not an object")
    outer = Config(config, name[:_LONGEST_NAME])
    inner = _language_part(outer)
    try:
        return _read(outer, inner, name, slug, tuple(sources))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the configuration"
        raise InputError(f"{outer.name}: {field}: {first['msg']}") from error


def _read(outer: Config, inner: Config, name: str, slug: str, sources: tuple[Source, ...]) -> Llm:
    """Read the language part and say what of the whole it leaves out."""
    family = inner.text("model_type")
    reader = reader_of(family)
    reason = reason_against_family(outer.text("model_type"))
    if reader is None or (reason and reader_of(outer.text("model_type")) is None):
        raise _refusal(outer, inner, reason or reason_against_family(family))
    for part in (outer, inner):
        _refuse_foreign_keys(part, keys_read_by(family))
    decoder = with_ahead(inner, reader(inner))
    towers, uncounted = read_towers(outer, decoder.hidden_size)
    unread = () if decoder.ahead else predicted_ahead(inner)
    return Llm(
        slug=slug or name.lower().replace("/", "--"),
        name=name,
        family=family,
        hidden_size=decoder.hidden_size,
        vocab_size=decoder.vocab_size,
        max_context_tokens=decoder.max_context_tokens,
        tied_embeddings=decoder.tied_embeddings,
        blocks=decoder.blocks,
        layout=decoder.layout,
        position_params=decoder.position_params,
        final_norm_params=decoder.final_norm_params,
        head_bias=decoder.head_bias,
        layer_embedding_params=decoder.layer_embedding_params,
        other_params=decoder.other_params,
        towers=towers,
        ahead=decoder.ahead,
        checkpoint=read_checkpoint(inner, decoder),
        not_counted=(*uncounted, *unread),
        sources=sources,
    )


def _language_part(outer: Config) -> Config:
    """Return the configuration of the language model, which may lie inside another."""
    for key in _LANGUAGE_PARTS:
        part = outer.table(key)
        if part is None or not part.values:
            continue
        shared = {key: outer.values[key] for key in _SHARED_KEYS if outer.has(key)}
        own = {key: value for key, value in part.values.items() if value is not None}
        kind = {"model_type": outer.text("model_type")}
        return Config({**kind, **shared, **own}, outer.name)
    return outer


_SHOWN_FAMILIES = 8


def _refusal(outer: Config, inner: Config, reason: str | None) -> UnsupportedModelError:
    """Return the error for a family without a reader."""
    family = inner.text("model_type") or outer.text("model_type")
    why = f" ({reason})" if reason else ""
    shown = f"model_type {family[:60]!a}" if family else "a configuration without 'model_type'"
    known = understood()
    some = ", ".join(known[:: max(1, len(known) // _SHOWN_FAMILIES)][:_SHOWN_FAMILIES])
    return outer.unsupported(
        f"{shown} is not understood yet{why}; understood are {len(known)} families, such as {some}"
    )


def _refuse_foreign_keys(config: Config, read: frozenset[str]) -> None:
    """Refuse what a key says that this family's reader does not look at."""
    found = foreign_key({key: config.values[key] for key in config.values if key not in read})
    if found:
        raise config.unsupported(f"{found[0]!r} is not understood yet: {found[1]}")
    if "layer_types" not in read:
        layer_types(config)
