"""Language models: the dimensions that decide their memory and their work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from rightrig.facts.source import Record, Source

TensorClass = Literal[
    "embedding", "head", "attention", "ffn", "expert", "shared_expert", "router", "norm"
]


class Indexer(Record):
    """What picks the tokens that sparse attention reads (DeepSeek-V3.2, arXiv:2512.02556).

    Attributes:
        head_count: Its query heads.
        head_dim: Width of its keys, one of which is cached a token.
        topk_tokens: Tokens that one query then attends to.
        cached_bytes_per_token: Bytes of one cached key with its scales, in one layer; whole on
            every rank, whatever the format of the KV cache.
        params: Its parameters in one layer, whole on every rank; 0, like the bytes, where a
            layer takes the choice of an earlier one (GLM 5.2).
    """

    head_count: PositiveInt
    head_dim: PositiveInt
    topk_tokens: PositiveInt
    cached_bytes_per_token: NonNegativeFloat
    params: NonNegativeInt


class Attention(Record):
    """The attention of one kind of layer.

    Attributes:
        kind: ``full`` (every earlier token), ``sliding`` (the last ``window_tokens``),
            ``chunked`` (the current chunk of ``window_tokens``), ``mla`` (one shared latent of
            ``kv_lora_rank`` + ``rope_head_dim`` values a token; DeepSeek-V2, arXiv:2405.04434),
            ``compressed`` (the last ``window_tokens`` plus one entry for every
            ``compression_tokens`` earlier ones, each ``head_dim`` values that serve as key and
            value; DeepSeek-V4). The parameters of ``compressed`` are all in ``split_params``
            and ``whole_params``.
        head_dim: Width of one query and key head (for ``mla``: nope + rope).
        value_head_dim: Width of one value head where it differs.
        query_lora_rank: Rank of the query's low-rank projection; 0 for none.
        bias: Biases on query, key and value projections.
        output_bias: Bias on the output projection.
        qk_norm_params: Parameters of the norms on queries and keys, in one layer.
        sink_params: Learned attention-sink logits, in one layer.
        split_params: Further parameters that ranks divide, such as an output gate.
        whole_params: Further parameters that every rank holds whole.
        compression_tokens: Tokens that share one entry; 0 for a window alone.
        output_group_count: Groups of heads with an output projection of their own; 0 for none.
        keys_are_values: No value projection: values are the unrotated keys (both are cached).
        shares_kv: Keys and values are those of an earlier layer: neither projected nor cached.
        indexer: What picks the tokens to read, where attention is sparse.
    """

    kind: Literal["full", "sliding", "chunked", "mla", "compressed"]
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
    split_params: NonNegativeInt = 0
    whole_params: NonNegativeInt = 0
    compression_tokens: NonNegativeInt = 0
    output_group_count: NonNegativeInt = 0
    keys_are_values: bool = False
    shares_kv: bool = False
    indexer: Indexer | None = None

    @model_validator(mode="after")
    def _kind_has_its_fields(self) -> Attention:
        if self.kind in {"sliding", "chunked", "compressed"} and self.window_tokens is None:
            raise ValueError(f"{self.kind} attention needs window_tokens")
        if self.kind == "mla" and not (self.kv_lora_rank and self.rope_head_dim):
            raise ValueError("mla attention needs kv_lora_rank and rope_head_dim")
        return self

    @property
    def value_dim(self) -> int:
        """Width of one value head."""
        return self.head_dim if self.value_head_dim is None else self.value_head_dim


class Recurrent(Record):
    """The mixer of a layer that keeps a state of constant size instead of keys and values.

    Attributes:
        kind: ``gated-delta`` (Qwen3-Next, 3.5), ``kda`` (Kimi Linear), ``lightning``
            (MiniMax-01), ``mamba1`` (arXiv:2312.00752), ``mamba2`` (arXiv:2405.21060),
            ``short-conv`` (LFM2: a convolution's last inputs and no other state).
        head_count: Heads that keep a state (``mamba1``, ``short-conv``: channels); ranks
            divide them.
        key_dim: Rows of one head's state (Mamba: the state size); 0 for ``short-conv``.
        value_dim: Columns of one head's state (Mamba-2: the width of a head).
        conv_channels: Channels of the short convolution, whose last inputs are kept too.
        conv_kernel: Its width; 0 for none.
        state_bits: Bits of one value of the state; inputs of the convolution take 16.
        split_params: Parameters that ranks divide: projections, convolution, decays.
        whole_params: Parameters that every rank holds whole.
    """

    kind: Literal["gated-delta", "kda", "lightning", "mamba1", "mamba2", "short-conv"]
    head_count: PositiveInt
    key_dim: NonNegativeInt
    value_dim: NonNegativeInt
    conv_channels: NonNegativeInt = 0
    conv_kernel: NonNegativeInt = 0
    state_bits: PositiveInt = 32
    split_params: PositiveInt
    whole_params: NonNegativeInt = 0


class Ffn(Record):
    """The feed-forward part of one kind of layer.

    Attributes:
        inner_size: Inner width of the dense part; 0 where there are experts only.
        gated: Three matrices (SwiGLU, GeGLU) rather than two.
        bias: Biases on the matrices (of the experts too).
        expert_count: Routed experts; 0 for a dense layer.
        experts_per_token: Routed experts that one token visits.
        expert_inner_size: Inner width of one routed expert.
        shared_inner_size: Inner width of all shared experts together; 0 for none.
        shared_gate: A learned scalar gate on the shared expert.
        router_bias: A bias (or score correction) of one value an expert.
        router_params: Further parameters of the router, such as scales.
        expert_hidden_size: Width at which the routed experts read and write, where that is not
            the model's; two projections lead there and back.
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
    router_params: NonNegativeInt = 0
    expert_hidden_size: NonNegativeInt = 0

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
    """One kind of decoder layer: attention or a recurrent mixer, and a feed-forward part.

    Attributes:
        attention: Its attention, if any.
        recurrent: Its recurrent mixer, if any.
        ffn: Its feed-forward part, if any.
        norm_params: Its norms, those of queries and keys apart.
        other_params: Matrices beside these, whole on every rank and stored like the
            feed-forward part (gates of per-layer embeddings, replaced linear layers).
    """

    attention: Attention | None = None
    recurrent: Recurrent | None = None
    ffn: Ffn | None = None
    norm_params: NonNegativeInt
    other_params: NonNegativeInt = 0

    @model_validator(mode="after")
    def _one_mixer(self) -> Block:
        if self.attention is not None and self.recurrent is not None:
            raise ValueError("a layer has attention or a recurrent mixer, not both")
        return self


class Checkpoint(Record):
    """How the published weights are stored.

    Attributes:
        format: A name of ``facts.quantization.FORMATS``.
        kept_16bit: Tensor classes that the checkpoint leaves at 16 bits, where that differs
            from the format's custom.
        kv_format: Format of the KV cache that the checkpoint brings scales for, if any.
        class_bits: Mean bits a weight of each tensor class, read from the files themselves.
        file_bytes: Bytes of all tensors of the language model, read from the files.
        extra_bits: Classes that the checkpoint stores in another format of its own, in bits
            a weight (experts in FP4 beside layers in FP8).
    """

    format: str
    kept_16bit: tuple[TensorClass, ...] | None = None
    kv_format: str | None = None
    class_bits: Mapping[TensorClass, PositiveFloat] | None = None
    file_bytes: PositiveInt | None = None
    extra_bits: Mapping[TensorClass, PositiveFloat] | None = None

    def __hash__(self) -> int:
        """Return a hash; tables have none of their own, and caches need one."""
        tables = (self.class_bits, self.extra_bits)
        items = tuple(None if t is None else frozenset(t.items()) for t in tables)
        return hash((self.format, self.kept_16bit, self.kv_format, self.file_bytes, items))


class Tower(Record):
    """An encoder of images or sound beside the language model; it stays at 16 bits.

    Attributes:
        kind: What it encodes.
        params: Its parameters, the projector into the language model included.
        computed: Whether ``params`` follows from its configuration (else it is as published).
    """

    kind: Literal["vision", "audio"]
    params: PositiveInt
    computed: bool = True


class Ahead(Record):
    """Layers that predict further tokens (MTP); loaded for speculative decoding only.

    Attributes:
        layer_count: How many.
        block: Index into ``Llm.blocks`` of the kind of layer that they are.
        other_params: Of one such layer beside the block: joining projection and norms.
    """

    layer_count: PositiveInt
    block: NonNegativeInt
    other_params: NonNegativeInt


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
        layer_embedding_params: Embeddings that every layer adds from a table of its own
            (Gemma 3n, 4): looked up, not multiplied.
        other_params: Matrices outside the layers, stored like their feed-forward parts.
        towers: Encoders of other modalities.
        ahead: Layers for multi-token prediction.
        not_counted: Parts of the checkpoint that this record leaves out.
        config_kind: How good a copy of the configuration the record was made from.
        licence: Slug of the licence of its weights (``facts.licence``), empty where unknown; of
            the model that ``name`` is, so that an alias may be freer, and empty where an alias
            is stricter.
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
    layer_embedding_params: NonNegativeInt = 0
    other_params: NonNegativeInt = 0
    towers: tuple[Tower, ...] = ()
    ahead: Ahead | None = None
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

    def __hash__(self) -> int:
        """Return a hash by name: models are keys of caches, and hashing every layer is slow."""
        return hash((self.slug, self.name))

    def format_of(self, weights: str) -> str:
        """Return the name of a weight format, with ``checkpoint`` resolved."""
        return self.checkpoint.format if weights == "checkpoint" else weights

    @property
    def layer_count(self) -> int:
        """Number of decoder layers."""
        return sum(count for _, count in self.layout)

    @property
    def layer_order(self) -> tuple[int, ...]:
        """Index into ``blocks`` of every layer, first layer first."""
        return tuple(index for index, count in self.layout for _ in range(count))

    @property
    def block_counts(self) -> tuple[tuple[Block, int], ...]:
        """Each kind of layer with the number of layers of that kind."""
        totals = [0] * len(self.blocks)
        for index, count in self.layout:
            totals[index] += count
        return tuple(zip(self.blocks, totals, strict=True))

    @property
    def attentions(self) -> tuple[Attention, ...]:
        """The attention of each kind of layer that has one."""
        return tuple(b.attention for b in self.blocks if b.attention is not None)

    @property
    def ffns(self) -> tuple[Ffn, ...]:
        """The feed-forward part of each kind of layer that has one."""
        return tuple(b.ffn for b in self.blocks if b.ffn is not None)

    @property
    def has_experts(self) -> bool:
        """Whether any layer is a mixture of experts."""
        return any(ffn.expert_count for ffn in self.ffns)

    @property
    def has_mla(self) -> bool:
        """Whether any layer keeps a shared latent instead of keys and values."""
        return any(attention.kind == "mla" for attention in self.attentions)

    @property
    def has_recurrent(self) -> bool:
        """Whether any layer keeps a state instead of keys and values."""
        return any(block.recurrent is not None for block in self.blocks)
