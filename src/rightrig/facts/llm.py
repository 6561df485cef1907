"""Language models: the dimensions that decide their memory and their work."""

from __future__ import annotations

from typing import Literal

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from rightrig.facts.source import Record, Source

TensorClass = Literal[
    "embedding", "head", "attention", "ffn", "expert", "shared_expert", "router", "norm"
]


class Attention(Record):
    """The attention of one kind of layer.

    Attributes:
        kind: ``full`` (every earlier token), ``sliding`` (the last ``window_tokens``),
            ``chunked`` (the current chunk of ``window_tokens``), ``mla`` (one shared latent of
            ``kv_lora_rank`` + ``rope_head_dim`` values a token; DeepSeek-V2, arXiv:2405.04434).
        head_dim: Width of one query and key head (for ``mla``: nope + rope).
        value_head_dim: Width of one value head where it differs.
        query_lora_rank: Rank of the query's low-rank projection; 0 for none.
        bias: Biases on query, key and value projections.
        output_bias: Bias on the output projection.
        qk_norm_params: Parameters of the norms on queries and keys, in one layer.
        sink_params: Learned attention-sink logits, in one layer.
    """

    kind: Literal["full", "sliding", "chunked", "mla"]
    head_count: PositiveInt
    kv_head_count: PositiveInt
    head_dim: PositiveInt
    value_head_dim: PositiveInt | None = None
    window_tokens: PositiveInt | None = None
    query_lora_rank: NonNegativeInt = 0
    kv_lora_rank: NonNegativeInt = 0
    nope_head_dim: NonNegativeInt = 0
    rope_head_dim: NonNegativeInt = 0
    bias: bool = False
    output_bias: bool = False
    qk_norm_params: NonNegativeInt = 0
    sink_params: NonNegativeInt = 0

    @model_validator(mode="after")
    def _kind_has_its_fields(self) -> Attention:
        if self.kind in {"sliding", "chunked"} and self.window_tokens is None:
            raise ValueError(f"{self.kind} attention needs window_tokens")
        if self.kind == "mla" and not (self.kv_lora_rank and self.rope_head_dim):
            raise ValueError("mla attention needs kv_lora_rank and rope_head_dim")
        return self

    @property
    def value_dim(self) -> int:
        """Width of one value head."""
        return self.head_dim if self.value_head_dim is None else self.value_head_dim


class Ffn(Record):
    """The feed-forward part of one kind of layer.

    Attributes:
        inner_size: Inner width of a dense layer, or 0 for a mixture of experts.
        gated: Three matrices (SwiGLU, GeGLU) rather than two.
        bias: Biases on the matrices (of the experts too).
        expert_count: Routed experts; 0 for a dense layer.
        experts_per_token: Routed experts that one token visits.
        expert_inner_size: Inner width of one routed expert.
        shared_inner_size: Inner width of all shared experts together; 0 for none.
        shared_gate: A learned scalar gate on the shared expert.
        router_bias: A bias (or score correction) of one value an expert.
    """

    inner_size: NonNegativeInt = 0
    gated: bool = True
    bias: bool = False
    expert_count: NonNegativeInt = 0
    experts_per_token: NonNegativeInt = 0
    expert_inner_size: NonNegativeInt = 0
    shared_inner_size: NonNegativeInt = 0
    shared_gate: bool = False
    router_bias: bool = False

    @model_validator(mode="after")
    def _dense_or_experts(self) -> Ffn:
        if self.expert_count:
            if not (self.expert_inner_size and 0 < self.experts_per_token <= self.expert_count):
                raise ValueError(
                    "experts need expert_inner_size and 0 < experts_per_token <= count"
                )
        elif not self.inner_size:
            raise ValueError("a dense layer needs inner_size")
        return self


class Block(Record):
    """One kind of decoder layer; ``norm_params`` are its norms, those of queries and keys apart."""

    attention: Attention
    ffn: Ffn
    norm_params: NonNegativeInt


class Checkpoint(Record):
    """How the published weights are stored.

    Attributes:
        format: A name of ``facts.quantization.FORMATS``.
        kept_16bit: Tensor classes that the checkpoint leaves at 16 bits, where that differs
            from the format's custom.
        kv_format: Format of the KV cache that the checkpoint brings scales for, if any.
    """

    format: str
    kept_16bit: tuple[TensorClass, ...] | None = None
    kv_format: str | None = None


class Published(Record):
    """Parameter counts as its makers state them, to check our own count against."""

    total_params_count: PositiveInt | None = None
    total_billion: PositiveFloat | None = None
    active_billion: PositiveFloat | None = None


class Llm(Record):
    """One language model.

    Attributes:
        slug: The record's file name.
        name: The hub id; renamed models carry their old ids in ``aliases``.
        family: The ``model_type`` of its configuration.
        blocks: Its kinds of layers.
        layout: Runs of ``(index into blocks, number of layers)``, first layer first.
        position_params: Learned position embeddings.
        final_norm_params: The norm before the head.
        head_bias: A bias on the language-model head.
        not_counted: Parts of the checkpoint that this record leaves out, such as a vision tower.
        config_kind: How good a copy of the configuration the record was made from.
    """

    slug: str
    name: str
    aliases: tuple[str, ...] = ()
    family: str
    hidden_size: PositiveInt
    vocab_size: PositiveInt
    max_context_tokens: PositiveInt
    tied_embeddings: bool
    blocks: tuple[Block, ...]
    layout: tuple[tuple[NonNegativeInt, PositiveInt], ...]
    position_params: NonNegativeInt = 0
    final_norm_params: NonNegativeInt
    head_bias: bool = False
    checkpoint: Checkpoint
    published: Published = Published()
    not_counted: tuple[str, ...] = ()
    config_kind: str = ""
    licence: str = ""
    sources: tuple[Source, ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _layout_names_blocks(self) -> Llm:
        if not self.layout or any(index >= len(self.blocks) for index, _ in self.layout):
            raise ValueError("layout must name blocks that exist")
        return self

    @property
    def layer_count(self) -> int:
        """Number of decoder layers."""
        return sum(count for _, count in self.layout)

    @property
    def block_counts(self) -> tuple[tuple[Block, int], ...]:
        """Each kind of layer with the number of layers of that kind."""
        totals = [0] * len(self.blocks)
        for index, count in self.layout:
            totals[index] += count
        return tuple(zip(self.blocks, totals, strict=True))

    @property
    def head_count(self) -> int:
        """Query heads of the first kind of layer: what tensor parallelism must divide."""
        return self.blocks[0].attention.head_count

    @property
    def has_experts(self) -> bool:
        """Whether any layer is a mixture of experts."""
        return any(block.ffn.expert_count for block in self.blocks)

    @property
    def has_mla(self) -> bool:
        """Whether any layer keeps a shared latent instead of keys and values."""
        return any(block.attention.kind == "mla" for block in self.blocks)
