"""The reports of models: the list, and one model with its layers, sizes and sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.quantities import GIGA, show_bytes
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.record import record_json, tail
from rightrig.work.kv_cache import model_kv_bytes_per_token, recurrent_state_bytes
from rightrig.work.weights import (
    active_params_count,
    ahead_params_count,
    params_by_class,
    total_params_count,
    weight_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.facts.llm import Block, Ffn, Llm
    from rightrig.facts.terms import Licence
    from rightrig.report.schema.models import ModelShowJson, ModelsJson


def models_document(llms: Sequence[Llm]) -> Document:
    """Return all models, a line each."""
    rows = tuple(
        (
            llm.name,
            f"{total_params_count(llm) / 1e9:,.2f}",
            f"{active_params_count(llm) / 1e9:,.2f}",
            llm.checkpoint.format,
            f"{weight_bytes(llm, 'checkpoint') / GIGA:,.1f}",
            f"{model_kv_bytes_per_token(llm, 16.0):,.0f}",
            f"{llm.max_context_tokens:,}",
        )
        for llm in llms
    )
    headers = ("model", "B params", "B active", "checkpoint", "GB", "KV B/token, 16 bit", "context")
    return (Grid(headers, rows, (1, 2, 4, 5, 6), spare=(3, 2, 5)),)


def model_document(llm: Llm, licence: Licence | None = None) -> Document:
    """Return one model: layers, parameters by class, sizes, licence, sources.

    Args:
        llm: The model.
        licence: The terms of its weights, where they are known.
    """
    layers = tuple(
        (str(count), *_mixer_texts(block), _ffn_text(block.ffn))
        for block, count in llm.block_counts
    )
    classes = tuple((kind, f"{n:,}") for kind, n in params_by_class(llm).items())
    size = (
        f"{total_params_count(llm):,} parameters, {active_params_count(llm):,} active a token; "
        f"hidden {llm.hidden_size:,}, vocabulary {llm.vocab_size:,}, context "
        f"{llm.max_context_tokens:,}."
    )
    stored = (
        f"Checkpoint {llm.checkpoint.format}: {show_bytes(weight_bytes(llm, 'checkpoint'))}; "
        f"KV cache {model_kv_bytes_per_token(llm, 16.0):,.0f} B a token at 16 bits."
    )
    facts = [size, stored]
    if llm.published.total_params_count:
        facts.append(f"Published: {llm.published.total_params_count:,} parameters.")
    elif llm.published.total_billion:
        facts.append(f"Published: {llm.published.total_billion:g} billion parameters.")
    facts += _beside_texts(llm)
    if llm.not_counted:
        facts.append(f"Not counted: {', '.join(llm.not_counted)}.")
    facts.append(_licence_text(llm, licence))
    return (
        Paragraph(llm.name, "title"),
        *(Paragraph(text) for text in facts),
        Grid(("layers", "attention", "heads/kv × dim", "window", "feed-forward"), layers, (0,)),
        Grid(("tensor class", "parameters"), classes, (1,)),
        *tail(llm.note, llm.sources),
    )


def _licence_text(llm: Llm, licence: Licence | None) -> str:
    """Return under which licence the weights are, what it limits, and where its text is."""
    if licence is None:
        return f"Licence: {llm.licence or 'not known'}."
    use = {"yes": "commercial use is allowed", "no": "not for commercial use"}.get(
        licence.commercial, "commercial use is allowed within a limit"
    )
    text = f"Licence: {licence.name} ({licence.slug}); {use}. {licence.limit}".rstrip()
    return " ".join([text, *(f"Text: {s.reference}" for s in licence.sources[:1])])


def _beside_texts(llm: Llm) -> list[str]:
    """Return what a sequence or a checkpoint has beside the language model's cache and layers."""
    found = []
    if llm.has_recurrent:
        found.append(
            f"Recurrent state of a sequence: {show_bytes(recurrent_state_bytes(llm.block_counts))}."
        )
    found += [
        f"Beside it, a tower for {tower.kind} of {tower.params:,} parameters"
        f"{'' if tower.computed else ', as published'}."
        for tower in llm.towers
    ]
    if llm.ahead is not None:
        found.append(
            f"Beside it, {ahead_params_count(llm):,} parameters for multi-token prediction, in "
            f"{llm.ahead.layer_count} {'layer' if llm.ahead.layer_count == 1 else 'layers'}."
        )
    return found


def model_json(llm: Llm, licence: Licence | None = None) -> ModelShowJson:
    """Return one model as JSON, with its counted parameters and sizes, and what it allows."""
    return {
        **record_json(llm),
        "licence_terms": None if licence is None else record_json(licence),
        "total_params_count": total_params_count(llm),
        "active_params_count": active_params_count(llm),
        "params_by_class": params_by_class(llm),
        "checkpoint_bytes": weight_bytes(llm, "checkpoint"),
        "kv_bytes_per_token": model_kv_bytes_per_token(llm, 16.0),
        "recurrent_state_bytes": recurrent_state_bytes(llm.block_counts),
    }


def models_json(llms: Sequence[Llm]) -> ModelsJson:
    """Return all models as JSON: names and sizes; ``models show`` has the whole record."""
    return {
        "models": [
            {
                "name": llm.name,
                "slug": llm.slug,
                "family": llm.family,
                "licence": llm.licence,
                "total_params_count": total_params_count(llm),
                "active_params_count": active_params_count(llm),
                "checkpoint_format": llm.checkpoint.format,
                "checkpoint_bytes": weight_bytes(llm, "checkpoint"),
                "kv_bytes_per_token": model_kv_bytes_per_token(llm, 16.0),
                "max_context_tokens": llm.max_context_tokens,
            }
            for llm in llms
        ]
    }


def _mixer_texts(block: Block) -> tuple[str, str, str]:
    """Return what mixes tokens in a layer: its kind, its heads, its window."""
    recurrent, attention = block.recurrent, block.attention
    if recurrent is not None:
        size = f"{recurrent.head_count} × {recurrent.key_dim} × {recurrent.value_dim}"
        return recurrent.kind, size, "state"
    if attention is None:
        return "none", "–", "–"
    kind = f"{attention.kind}, shared" if attention.shares_kv else attention.kind
    if attention.indexer is not None:
        kind += f", top {attention.indexer.topk_tokens:,}"
    heads = f"{attention.head_count}/{attention.kv_head_count} × {attention.head_dim}"
    window = f"{attention.window_tokens:,}" if attention.window_tokens else "–"
    if attention.compression_tokens:
        window += f" + 1/{attention.compression_tokens}"
    return kind, heads, window


def _ffn_text(ffn: Ffn | None) -> str:
    """Return a feed-forward part in words."""
    if ffn is None:
        return "–"
    dense = f"dense {ffn.inner_size:,}" if ffn.inner_size else ""
    if not ffn.expert_count:
        return dense
    shared = f" + shared {ffn.shared_inner_size:,}" if ffn.shared_inner_size else ""
    experts = f"{ffn.experts_per_token} of {ffn.expert_count} × {ffn.expert_inner_size:,}{shared}"
    return f"{dense} + {experts}" if dense else experts
