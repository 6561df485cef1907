"""llama.cpp's graph of one batch, as far as its memory goes: sizes, order, what feeds what.

The operations are those of its graph builder and model files (repository ggml-org/llama.cpp,
src/llama-graph.cpp, src/models/*.cpp, 2026-10). ``ggml_alloc`` turns the graph into bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rightrig.work.ggml_alloc import HOST, Graph, Tensor
from rightrig.work.llama_cpp_styles import Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.facts.llm import Attention, Block, Ffn, Llm
    from rightrig.work.llama_cpp_styles import Batch, Style

_F32: Final = 4
_F16: Final = 2
_INDEX: Final = 8
_ROTATION: Final = 64
_PLAIN_BITS: Final = 16.0


@dataclass(slots=True)
class _Inputs:
    """The inputs of attention in one kind of layer."""

    key_rows: Tensor
    value_rows: Tensor
    mask: Tensor
    cells: int
    key_turn: Tensor | None = None
    value_turn: Tensor | None = None


def weight(device: int = HOST, size_bytes: int = 0) -> Tensor:
    """Return a stored matrix or vector on a device."""
    return Tensor(size_bytes, is_stored=True, is_weight=True, device=device)


def leaf(size_bytes: int) -> Tensor:
    """Return an input."""
    return Tensor(size_bytes)


def compute(shape: tuple[int, ...], *sources: Tensor, over: bool = False) -> Tensor:
    """Return a computed tensor of 32-bit values; ``over`` may write over an input."""
    size = _F32 * math.prod(shape)
    return Tensor(size, sources, shape, overwrites=over, rows_count=shape[-1])


def view(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return a view that computes nothing; a copy of a part spans the whole, gaps included."""
    base = tensor.base or tensor
    return Tensor(tensor.size_bytes, (tensor,), shape, base=base, is_alias=True)


@dataclass(slots=True)
class Builder:
    """Builds the graph of one model and batch, layer by layer."""

    llm: Llm
    batch: Batch
    style: Style
    feed_forward: Callable[[Builder, Ffn, Tensor], Tensor]
    graph: Graph = field(default_factory=Graph)
    place: Place = field(default_factory=Place)
    positions: Tensor = field(default_factory=lambda: leaf(0))
    out_rows: Tensor = field(default_factory=lambda: leaf(0))
    full: _Inputs | None = None
    window: _Inputs | None = None

    def start(self) -> Tensor:
        """Add the inputs and return the embeddings."""
        tokens, hidden = self.batch.tokens_count, self.llm.hidden_size
        table = weight()
        choices = [compute((hidden, tokens), table, leaf(4 * tokens)), leaf(4 * hidden * tokens)]
        if self.batch.mixed:
            copy = compute((hidden, tokens), leaf(4 * hidden * tokens))
            rows = compute((hidden, tokens), table, leaf(4 * tokens))
            choices.append(Tensor(0, (rows, leaf(_INDEX * tokens), copy), copy.shape, base=copy))
        for choice in choices:
            self.graph.expand(choice)
        found = choices[0]
        if self.style.embedding == "rows" and self.batch.mixed:
            found = compute(found.shape, found, leaf(4 * tokens), over=True)
            self.graph.expand(found)
        elif self.style.embedding:
            found = compute(found.shape, found, over=True)
        self.positions = leaf(4 * tokens)
        self.out_rows = leaf(4 * self.batch.outputs_count)
        self.full = self._inputs(self.batch.full_cells)
        self.window = self._inputs(self.batch.window_cells)
        return found

    def _inputs(self, cells: int) -> _Inputs:
        """Return the inputs of attention over that many cells."""
        batch = self.batch
        found = _Inputs(
            key_rows=leaf(_INDEX * batch.tokens_count),
            value_rows=leaf(_INDEX * batch.tokens_count * self._value_rows_ratio()),
            mask=leaf((_F16 if batch.flash_attention else _F32) * cells * batch.tokens_count),
            cells=cells,
        )
        first = self.llm.attentions[0] if self.llm.attentions else None
        if first is None or first.kind == "mla":
            return found
        # Quantised keys and values are turned first where the rotation divides their width.
        if batch.key_bits < _PLAIN_BITS and first.head_dim % _ROTATION == 0:
            found.key_turn = leaf(_F32 * self._turn() ** 2)
        if batch.value_bits < _PLAIN_BITS and first.value_dim % _ROTATION == 0:
            found.value_turn = leaf(_F32 * _ROTATION**2)
        return found

    def _value_rows_ratio(self) -> int:
        """Return row numbers a token: one, or one a value where values are stored transposed."""
        if self.batch.flash_attention:
            return 1
        return max((a.kv_head_count * a.value_dim for a in self.llm.attentions), default=1)

    def _turn(self) -> int:
        """Return the size of the rotation of keys."""
        size, width = _ROTATION, self.llm.attentions[0].head_dim
        while width % (2 * size) == 0:
            size *= 2
        return size

    def norm(self, tensor: Tensor) -> Tensor:
        """Return a normed and scaled tensor."""
        found = compute(tensor.shape, tensor, over=not self.style.full_norm)
        found = compute(tensor.shape, found, weight(self.place.device), over=True)
        if self.style.norm_bias:
            found = compute(tensor.shape, found, weight(self.place.device), over=True)
        return found

    def matrix(self, name: str) -> Tensor:
        """Return a matrix of the layer, where it lies."""
        is_stack = name.endswith("_exps")
        device = self.place.expert_device if is_stack else self.place.device
        return weight(device, self.place.sizes_bytes.get(name, 0))

    def linear(self, tensor: Tensor, width: int, name: str, *, bias: bool = False) -> Tensor:
        """Return a product with a matrix."""
        shape = (width, *tensor.shape[1:])
        found = compute(shape, self.matrix(name), tensor)
        return compute(shape, found, weight(self.place.device), over=True) if bias else found

    def rope(self, tensor: Tensor) -> Tensor:
        """Return a tensor with rotary positions, where the layer has them."""
        if not self.place.has_rope:
            return tensor
        found = compute(tensor.shape, tensor, self.positions, over=True)
        found.follows = True
        return found

    def outputs(self, tensor: Tensor) -> Tensor:
        """Return the rows whose logits are wanted."""
        return compute((tensor.shape[0], self.batch.outputs_count), tensor, self.out_rows)

    def layer(self, block: Block, stream: Tensor, *, is_last: bool) -> Tensor:
        """Add one layer and return its output."""
        normed = self.norm(stream) if self.style.norm_first else stream
        read = normed
        if self.style.parallel and block.norm_params >= 4 * self.llm.hidden_size:
            read = self.norm(stream)
        current = self.mixer(block, read)
        if is_last and not self.style.late_outputs:
            current, stream = self.outputs(current), self.outputs(stream)
            normed = self.outputs(normed) if self.style.parallel else normed
        if self.style.parallel:
            return self._parallel(block.ffn, normed, current, stream)
        current = self._after(current)
        joined = compute(stream.shape, current, stream, over=True)
        if block.ffn is None:
            return joined
        current = self.norm(joined) if self.style.norm_first else joined
        current = self._after(self.feed_forward(self, block.ffn, current))
        pair = (joined, current) if self.style.fused_gate else (current, joined)
        return compute(stream.shape, *pair, over=True)

    def _after(self, tensor: Tensor) -> Tensor:
        """Return a branch's output, scaled or normed where the family does so."""
        if self.style.scales_branch:
            tensor = compute(tensor.shape, tensor, over=True)
        return self.norm(tensor) if self.style.norm_after else tensor

    def _parallel(
        self, ffn: Ffn | None, normed: Tensor, attended: Tensor, stream: Tensor
    ) -> Tensor:
        """Return the sum of attention, feed-forward part and stream."""
        current = self.feed_forward(self, ffn, normed) if ffn else normed
        first, second = (attended, stream)
        if self.llm.family == "cohere":
            first, second = second, first
        current = compute(stream.shape, current, first, over=True)
        return compute(stream.shape, current, second, over=True)

    def mixer(self, block: Block, read: Tensor) -> Tensor:
        """Add what mixes tokens: attention, or the widest rows of a recurrent mixer."""
        if block.attention is not None:
            return self.attention(block.attention, read)
        if block.recurrent is None:
            return self.linear(read, self.llm.hidden_size, "")
        mixer = block.recurrent
        width = mixer.head_count * mixer.value_dim
        rows = self.linear(read, mixer.conv_channels + width, "")
        return self.linear(self.linear(rows, width, ""), self.llm.hidden_size, "")

    def attention(self, attention: Attention, read: Tensor) -> Tensor:
        """Add attention and return its projected output."""
        if attention.kind == "mla":
            return self._latent_attention(attention, read)
        query, key, value = self._projections(attention, read)
        inputs = self._inputs_of(attention)
        if inputs.key_turn is not None:
            query, key = self._turned(query, inputs.key_turn), self._turned(key, inputs.key_turn)
        if inputs.value_turn is not None:
            value = self._turned(value, inputs.value_turn)
        is_windowed = self._has_windows()
        order = (query, key, value) if is_windowed else (query, value, key)
        for tensor in order:
            self.graph.expand(tensor)
        stored = [
            self._stored(key, inputs, is_key=True),
            self._stored(value, inputs, is_key=False),
        ]
        current = self._scores(attention, query, stored, inputs)
        self.graph.expand(current)
        if inputs.value_turn is not None:
            current = self._turned(current, inputs.value_turn)
        return self.linear(current, self.llm.hidden_size, "attn_output", bias=attention.output_bias)

    def _has_windows(self) -> bool:
        """Whether llama.cpp keeps caches of two sizes for this model."""
        return self.batch.window_cells > 0

    def _inputs_of(self, attention: Attention) -> _Inputs:
        """Return the inputs of a layer's kind of attention."""
        chosen = self.window if attention.window_tokens and self._has_windows() else self.full
        if chosen is None:
            raise ValueError("start() makes the inputs")
        return chosen

    def _turned(self, tensor: Tensor, turn: Tensor) -> Tensor:
        """Return a tensor multiplied by a rotation."""
        size = math.isqrt(turn.size_bytes // _F32)
        cut = view(tensor, (size, math.prod(tensor.shape) // size))
        return view(compute(cut.shape, turn, cut), tensor.shape)

    def _projections(self, attention: Attention, read: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values by heads, normed and rotated."""
        tokens = self.batch.tokens_count
        heads, kv_heads = attention.head_count, attention.kv_head_count
        shapes = [
            (attention.head_dim, heads, tokens),
            (attention.head_dim, kv_heads, tokens),
            (attention.value_dim, kv_heads, tokens),
        ]
        flat = [(width * count, tokens) for width, count, _ in shapes]
        if self.style.fused_qkv:
            joint = self.linear(read, sum(width for width, _ in flat), "attn_qkv")
            parts = [view(joint, shape) for shape in shapes]
        else:
            names = ("attn_q", "attn_k", "attn_v")
            parts = [
                self.linear(read, width, name, bias=attention.bias)
                for name, (width, _) in zip(names, flat, strict=True)
            ]
            if self.style.plain_heads:
                parts = [self.norm(parts[0]), self.norm(parts[1]), parts[2]]
            parts = [view(p, shape) for p, shape in zip(parts, shapes, strict=True)]
        query, key, value = parts
        if attention.qk_norm_params and not self.style.plain_heads:
            query, key = self.norm(query), self.norm(key)
        query, key = self.rope(query), self.rope(key)
        if self.style.scales_query:
            query = compute(query.shape, query, over=True)
        return query, key, value

    def _stored(self, tensor: Tensor, inputs: _Inputs, *, is_key: bool) -> Tensor:
        """Write keys or values into the cache and return the cache."""
        width = math.prod(tensor.shape[:-1])
        bits = self.batch.key_bits if is_key else self.batch.value_bits
        size = round(width * inputs.cells * self.batch.streams_count * bits / 8)
        cache = Tensor(size, is_stored=True, device=self.place.kv_device)
        rows = inputs.key_rows if is_key else inputs.value_rows
        flat = view(tensor, (math.prod(tensor.shape[:-1]), tensor.shape[-1]))
        self.graph.expand(Tensor(0, (flat, rows, cache), base=cache))
        return cache

    def _scores(
        self, attention: Attention, query: Tensor, stored: list[Tensor], inputs: _Inputs
    ) -> Tensor:
        """Return the attended values, one row a token."""
        tokens, heads = self.batch.tokens_count, attention.head_count
        query = view(query, (query.shape[0], tokens, heads))
        if self.batch.flash_attention:
            return self._fused(attention, query, stored, inputs)
        return self._unfused(attention, query, stored, inputs)

    def _fused(
        self, attention: Attention, query: Tensor, stored: list[Tensor], inputs: _Inputs
    ) -> Tensor:
        """Return the attended values by flash attention, which stores no scores."""
        tokens, heads = self.batch.tokens_count, attention.head_count
        latent = attention.kind == "mla"
        width = attention.kv_lora_rank if latent else attention.value_dim
        if latent:
            keys = stored[0]
            stored = [keys, Tensor(keys.size_bytes, (keys,), base=keys, is_alias=True)]
        found = compute((width, heads, tokens), query, *stored, inputs.mask)
        found.follows = True
        if latent:
            turned = view(found, (width, tokens, heads))
            wide = (attention.value_dim, tokens, heads)
            found = compute(wide, self.matrix("attn_v_b"), turned)
            found = compute((attention.value_dim, heads, tokens), view(found, wide))
        return view(found, (math.prod(found.shape[:-1]), tokens))

    def _unfused(
        self, attention: Attention, query: Tensor, stored: list[Tensor], inputs: _Inputs
    ) -> Tensor:
        """Return the attended values by way of stored scores."""
        tokens, heads = self.batch.tokens_count, attention.head_count
        latent = attention.kind == "mla"
        width = attention.kv_lora_rank if latent else attention.value_dim
        scores = compute((inputs.cells, tokens, heads), stored[0], query)
        if self.style.soft_cap:
            for _ in range(3):
                scores = compute(scores.shape, scores, over=True)
        scores = compute(scores.shape, scores, inputs.mask, over=True)
        values = stored[-1]
        if latent:
            cells = inputs.cells * self.batch.streams_count
            values = Tensor(_F16 * width * cells, (stored[0],), (inputs.cells, width))
        found = compute((width, tokens, heads), values, scores)
        if latent:
            width = attention.value_dim
            found = compute((width, tokens, heads), self.matrix("attn_v_b"), found)
        found = compute((width * heads, tokens), view(found, found.shape))
        if self.place.kv_device == HOST:
            found.device = HOST
        return found

    def _latent_attention(self, attention: Attention, read: Tensor) -> Tensor:
        """Add multi-head latent attention in its absorbed form."""
        tokens, heads = self.batch.tokens_count, attention.head_count
        latent, rope = attention.kv_lora_rank, attention.rope_head_dim
        nope = attention.nope_head_dim
        width = heads * attention.head_dim
        if attention.query_lora_rank:
            low = self.norm(self.linear(read, attention.query_lora_rank, "attn_q_a"))
            query = self.linear(low, width, "attn_q_b")
        else:
            query = self.linear(read, width, "attn_q")
        query = view(query, (attention.head_dim, heads, tokens))
        joint = self.linear(read, latent + rope, "attn_kv_a_mqa")
        key_rope = self.rope(view(joint, (rope, 1, tokens)))
        value = view(self.norm(view(joint, (latent, tokens))), (latent, 1, tokens))
        query_rope = self.rope(view(query, (rope, heads, tokens)))
        plain = view(query, (nope, tokens, heads))
        absorbed = view(
            compute((latent, tokens, heads), self.matrix("attn_k_b"), plain),
            (latent, heads, tokens),
        )
        query = compute((latent + rope, heads, tokens), absorbed, query_rope)
        key = compute((latent + rope, 1, tokens), value, key_rope)
        inputs = self._inputs_of(attention)
        for tensor in (query, value, key):
            self.graph.expand(tensor)
        cache = self._stored(key, inputs, is_key=True)
        current = self._scores(attention, query, [cache], inputs)
        self.graph.expand(current)
        return self.linear(current, self.llm.hidden_size, "attn_output")
