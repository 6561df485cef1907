"""The table of six known caches, ours and those of other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.report.document import Document, Grid, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.prediction.kv_cases import KvCase, KvTool

_LONG_RATIO: Final = 10.0


def kv_cases_document(cases: Sequence[KvCase], tools: Sequence[KvTool]) -> Document:
    """Return the ratios to the truth, a tool a line."""
    ours = (
        ("rightrig, ideal", *(_ratio(c.own_ideal_bytes, c.ideal_bytes) for c in cases)),
        (
            "rightrig, llama.cpp",
            *(_ratio(c.own_llama_cpp_bytes, c.llama_cpp_bytes) for c in cases),
        ),
        ("rightrig, vLLM", *(_ratio(c.own_vllm_bytes, c.vllm_bytes) for c in cases)),
    )
    others = (
        (
            t.name,
            *(
                "–" if r is None else f"{r:.3g}" if r >= _LONG_RATIO else f"{r:.2f}"
                for r in t.answers_ratio
            ),
        )
        for t in tools
    )
    what = "; ".join(f"{c.model} {c.context_tokens:,} tokens" for c in cases)
    headers = ("KV cache ÷ truth", *(c.label for c in cases))
    return (
        Paragraph(""),
        Grid(headers, (*ours, *others), tuple(range(1, len(headers)))),
        Paragraph(
            f"One sequence at 16 bits: {what}. The truth is the ideal, every layer's kept values; "
            "for our lines of llama.cpp and vLLM, what that engine sets aside.",
            "dim",
        ),
    )


def _ratio(own_bytes: float, true_bytes: float | None) -> str:
    """Return ours over the truth; a dash where the truth is not known."""
    return "–" if true_bytes is None else f"{own_bytes / true_bytes:.2f}"
