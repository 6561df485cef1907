"""Models: what ``models list`` and ``models show`` answer."""

from typing import Literal, NotRequired, TypeAlias

from typing_extensions import TypedDict

from rightrig.report.schema.shared import SourceJson

TensorClassWord: TypeAlias = Literal[
    "embedding", "head", "attention", "ffn", "expert", "shared_expert", "router", "norm"
]


class IndexerJson(TypedDict):
    """What picks the tokens that sparse attention reads (DeepSeek-V3.2, arXiv:2512.02556)."""

    head_count: int
    head_dim: int
    topk_tokens: int
    cached_bytes_per_token: float
    params: int


class AttentionJson(TypedDict):
    """The attention of one kind of layer."""

    kind: Literal["full", "sliding", "chunked", "mla", "compressed"]
    head_count: int
    kv_head_count: int
    head_dim: int
    value_head_dim: NotRequired[int]
    window_tokens: NotRequired[int]
    query_lora_rank: int
    kv_lora_rank: int
    nope_head_dim: int
    rope_head_dim: int
    bias: bool
    output_bias: bool
    qk_norm_params: int
    sink_params: int
    split_params: int
    whole_params: int
    compression_tokens: int
    output_group_count: int
    keys_are_values: bool
    shares_kv: bool
    indexer: NotRequired[IndexerJson]


class RecurrentJson(TypedDict):
    """The mixer of a layer that keeps a state of constant size instead of keys and values."""

    kind: Literal["gated-delta", "kda", "lightning", "mamba1", "mamba2", "short-conv"]
    head_count: int
    key_dim: int
    value_dim: int
    conv_channels: int
    conv_kernel: int
    state_bits: int
    split_params: int
    whole_params: int


class FeedForwardJson(TypedDict):
    """The feed-forward part of one kind of layer."""

    inner_size: int
    gated: bool
    bias: bool
    expert_count: int
    experts_per_token: int
    expert_inner_size: int
    shared_inner_size: int
    shared_gate: bool
    router_bias: bool
    router_params: int
    expert_hidden_size: int


class LayerBlockJson(TypedDict):
    """One kind of decoder layer: attention or a recurrent mixer, and a feed-forward part."""

    attention: NotRequired[AttentionJson]
    recurrent: NotRequired[RecurrentJson]
    ffn: NotRequired[FeedForwardJson]
    norm_params: int
    other_params: int


class TowerJson(TypedDict):
    """An encoder of images or sound beside the language model; it stays at 16 bits."""

    kind: Literal["vision", "audio"]
    params: int
    computed: bool


class AheadJson(TypedDict):
    """Layers that predict further tokens (MTP); loaded for speculative decoding only."""

    layer_count: int
    block: int
    other_params: int


class CheckpointFormatJson(TypedDict):
    """How the published weights are stored."""

    format: str
    kept_16bit: NotRequired[list[TensorClassWord]]
    kv_format: NotRequired[str]
    class_bits: NotRequired[dict[TensorClassWord, float]]
    file_bytes: NotRequired[int]
    extra_bits: NotRequired[dict[TensorClassWord, float]]


class PublishedSizesJson(TypedDict):
    """Parameter counts as its makers state them, to check our own count against."""

    total_params_count: NotRequired[int]
    total_billion: NotRequired[float]
    active_billion: NotRequired[float]


class ModelRecordJson(TypedDict):
    """One language model."""

    slug: str
    name: str
    aliases: list[str]
    family: str
    hidden_size: int
    vocab_size: int
    max_context_tokens: int
    tied_embeddings: bool
    blocks: list[LayerBlockJson]
    layout: list[list[int]]  # a block, and how many layers in a row are of it
    position_params: int
    final_norm_params: int
    head_bias: bool
    layer_embedding_params: int
    other_params: int
    towers: list[TowerJson]
    ahead: NotRequired[AheadJson]
    checkpoint: CheckpointFormatJson
    published: PublishedSizesJson
    not_counted: list[str]
    config_kind: str
    licence: str
    sources: list[SourceJson]
    note: str


class LicenceJson(TypedDict):
    """The terms under which weights are published."""

    slug: str
    name: str
    aliases: list[str]
    osi_approved: bool
    commercial: Literal["yes", "yes-with-limit", "no"]
    limit: str
    sources: list[SourceJson]
    note: str


class ModelShowJson(ModelRecordJson):
    """``models show``."""

    licence_terms: LicenceJson | None
    total_params_count: int
    active_params_count: int
    params_by_class: dict[TensorClassWord, int]
    checkpoint_bytes: float
    kv_bytes_per_token: float  # at 16 bits
    recurrent_state_bytes: float


class ModelListedJson(TypedDict):
    """A model in short."""

    name: str
    slug: str
    family: str
    licence: str
    total_params_count: int
    active_params_count: int
    checkpoint_format: str
    checkpoint_bytes: float
    kv_bytes_per_token: float
    max_context_tokens: int


class ModelsJson(TypedDict):
    """``models list``."""

    models: list[ModelListedJson]
