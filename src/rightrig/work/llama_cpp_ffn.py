"""The feed-forward half of llama.cpp's graph: dense networks and mixtures of experts.

Operations and their order are those of llm_graph_context::build_ffn and build_moe_ffn
(repository ggml-org/llama.cpp, src/llama-graph.cpp, 2026-10).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.work.llama_cpp_graph import compute, view, weight

if TYPE_CHECKING:
    from rightrig.facts.llm import Ffn
    from rightrig.work.ggml_alloc import Tensor
    from rightrig.work.llama_cpp_graph import Builder


def feed_forward(builder: Builder, ffn: Ffn, read: Tensor) -> Tensor:
    """Add a feed-forward part and return its output."""
    if not ffn.expert_count:
        return dense(builder, ffn, read, "")
    routed = experts(builder, ffn, read)
    if not ffn.shared_inner_size:
        return routed
    shared = dense(builder, ffn, read, "_shexp")
    return compute(routed.shape, routed, shared, over=True)


def dense(builder: Builder, ffn: Ffn, read: Tensor, suffix: str) -> Tensor:
    """Add a dense network (``_shexp``: the shared expert): up, gate, their product, down."""
    hidden = builder.llm.hidden_size
    inner_size = ffn.shared_inner_size if suffix else ffn.inner_size
    rows = read.shape[1]
    if builder.style.fused_gate:
        joint = builder.linear(read, 2 * inner_size, "ffn_up")
        current = compute((inner_size, rows), joint)
    else:
        up = builder.linear(read, inner_size, f"ffn_up{suffix}", bias=ffn.bias)
        if ffn.gated:
            gate = builder.linear(read, inner_size, f"ffn_gate{suffix}", bias=ffn.bias)
            current = compute(up.shape, gate, up)
        else:
            current = compute(up.shape, up, over=True)
    return builder.linear(current, hidden, f"ffn_down{suffix}", bias=ffn.bias)


def experts(builder: Builder, ffn: Ffn, read: Tensor) -> Tensor:
    """Add routed experts and return the sum of those that each token visits."""
    hidden, rows = read.shape
    used, inner = ffn.experts_per_token, ffn.expert_inner_size
    chosen, shares = _router(builder, ffn, read)
    builder.graph.expand(shares)
    current = view(read, (hidden, 1, rows))
    wide = (inner, used, rows)

    def product(tensor: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
        found = compute(shape, builder.matrix(name), tensor, chosen)
        if ffn.bias:
            found = compute(shape, found, weight(builder.place.expert_device), chosen, over=True)
        return found

    up = product(current, wide, "ffn_up_exps")
    gate = product(current, wide, "ffn_gate_exps")
    visited = product(compute(wide, gate, up), (hidden, used, rows), "ffn_down_exps")
    visited = compute(visited.shape, visited, shares, over=True)
    builder.graph.expand(visited)
    parts = [view(visited, (hidden, rows)) for _ in range(used)]
    for part in parts:
        builder.graph.expand(part)
    total = parts[0]
    for part in parts[1:]:
        total = compute((hidden, rows), total, part, over=True)
        builder.graph.expand(total)
    return compute((hidden, rows), total) if used == 1 else total


def _router(builder: Builder, ffn: Ffn, read: Tensor) -> tuple[Tensor, Tensor]:
    """Add the router; return the chosen experts and the weights of their outputs."""
    count, used, rows = ffn.expert_count, ffn.experts_per_token, read.shape[1]
    gating = builder.style.gating
    logits = builder.linear(read, count, "ffn_gate_inp")
    if gating == "chosen":
        logits = compute(logits.shape, logits, weight(builder.place.device), over=True)
    probabilities = logits
    if gating != "chosen":
        probabilities = compute(logits.shape, logits, over=True)
    scores = probabilities
    if ffn.router_bias and gating != "chosen":
        scores = compute(scores.shape, scores, weight(builder.place.device), over=True)
    if builder.style.groups > 1:
        scores = _masked(builder.style.groups, scores)
    order = compute((count, rows), scores)
    chosen = view(order, (used, rows))
    shares = compute((1, used, rows), view(probabilities, (1, count, rows)), chosen)
    flat = view(shares, (used, rows))
    if gating == "chosen":
        flat = compute(flat.shape, flat, over=True)
    else:
        total = compute((1, rows), flat)
        total = compute(total.shape, total, over=True)
        flat = compute(flat.shape, flat, total, over=True)
    shares = view(flat, (1, used, rows))
    if builder.style.scales_experts:
        shares = compute(shares.shape, shares, over=True)
    return chosen, shares


def _masked(groups: int, scores: Tensor) -> Tensor:
    """Return scores with all but the best groups of experts put out (DeepSeek-V3)."""
    count, rows = scores.shape
    each, kept = count // groups, groups // 2
    cut = view(scores, (each, groups, rows))
    top = view(compute((each, groups, rows), cut), (2, groups, rows))
    best = compute((1, 2, groups, rows), view(scores, (1, each, groups, rows)), top)
    sums = compute((1, groups, rows), view(best, (2, groups, rows)))
    order = compute((groups, rows), view(sums, (groups, rows)))
    picked = view(order, (kept, rows))
    values = compute((each, kept, rows), cut, picked)
    filled = compute((each, groups, rows), cut, over=True)
    masked = view(filled, filled.shape)
    masked.sources, masked.is_alias = (values, picked, filled), False
    return view(masked, (count, rows))
