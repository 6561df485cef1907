"""Runtimes: what an inference engine runs on, and how it divides a card's memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from rightrig.facts.source import Record, Source

OperatingSystem = Literal["linux", "windows", "macos"]
Split = Literal["tensor", "pipeline", "layer", "expert", "attention-dp", "context"]


class Statement(Record):
    """One published statement about a runtime, with its source."""

    topic: str
    text: str
    source: str


class Change(Record):
    """What another version of a runtime does differently.

    Attributes:
        version: The version that brought it, or the last that was read before it.
        before: Whether the text speaks of ``version`` and earlier ones, not of later ones.
        date: When that version came out, where known.
    """

    version: str
    before: bool = False
    date: str = ""
    topic: str
    text: str
    source: str


class AttentionKernel(Record):
    """One implementation of attention in a runtime, on one range of cards.

    Attributes:
        name: As the runtime calls it.
        vendor: Maker of the cards that it runs on.
        architectures: Architectures that it is limited to; empty for all of the vendor.
        from_capability: Lowest NVIDIA compute capability.
        below_capability: First NVIDIA compute capability on which it is not used any more.
        kv_formats: Formats of the KV cache that it reads.
        head_dims: Widths of a head that it computes; empty for any between the next two.
        least_head_dim: Narrowest head.
        most_head_dim: Widest head.
        mla: Whether it is for latent attention (MLA), and for nothing else.
        compressed: Whether it is for compressed attention (DeepSeek-V4), and for nothing else.
        sparse: Whether it is for attention with an indexer: latent, or with ordinary heads
            (MiniMax-M3).
        sinks: Whether it knows learned attention sinks (gpt-oss).
        on_request: Whether it runs only where the user names it.
    """

    name: str
    vendor: Literal["NVIDIA", "AMD", "Intel", "Apple"] = "NVIDIA"
    architectures: tuple[str, ...] = ()
    from_capability: str | None = None
    below_capability: str | None = None
    kv_formats: tuple[str, ...]
    head_dims: tuple[int, ...] = ()
    least_head_dim: PositiveInt = 1
    most_head_dim: PositiveInt = 4096
    mla: bool = False
    compressed: bool = False
    sparse: bool = False
    sinks: bool = False
    on_request: bool = False
    source: str


class Refusal(Record):
    """Why a runtime does not serve a family of models, and which one does.

    Attributes:
        because: Why not, after "it"; empty where ``until`` says it.
        until: The last version that served the family.
        instead: A runtime that serves it, by its slug.
    """

    because: str = ""
    until: str = ""
    instead: str

    @model_validator(mode="after")
    def _says_why(self) -> Refusal:
        if bool(self.because) == bool(self.until):
            raise ValueError("a refusal has either because or until")
        return self


class Families(Record):
    """The families of models that a runtime serves; of others nothing is known.

    Attributes:
        served: Families that it serves.
        refused: Those that it does not, with reasons.
        one_stage: Those of ``served`` that it does not split into pipeline stages.
    """

    served: tuple[str, ...]
    refused: Mapping[str, Refusal] = Field(default_factory=dict)
    one_stage: tuple[str, ...] = ()
    source: str


class Stack(Record):
    """Versions that are known to work with one version of a runtime.

    What is not known, or does not apply, is empty.

    Attributes:
        version: Of the runtime, as its record has it.
        release: What its packages call it, where the record names a commit.
        image: Its published container image with the tag.
        python: Versions of Python that its packages are for.
        torch, cuda, nccl: Of its packages, as their own requirements pin them.
        least_driver: Oldest driver of NVIDIA that this CUDA runs on.
        packages: Other packages that it pins, by name.
        package: What pip installs: ``vllm==0.33.0``.
        date: When this was read, ``2026-11-21``.
    """

    version: str
    release: str = ""
    image: str = ""
    package: str = ""
    python: str = ""
    torch: str = ""
    cuda: str = ""
    nccl: str = ""
    least_driver: str = ""
    packages: Mapping[str, str] = Field(default_factory=dict)
    date: str
    source: str


class Runtime(Record):
    """An inference engine at one version.

    Attributes:
        modelled: Whether rightrig computes its memory and speed, or only shows its facts.
        vendors: Makers whose accelerators it runs on.
        operating_systems: System → what to know there, empty when nothing; a system that is
            missing is not supported, and nothing at all means that it is not known.
        min_compute_capability: NVIDIA floor as ``"7.5"``; ``None`` where none is stated.
        weight_formats: Format → the compute capability from which it loads, as ``"7.5"``;
            for other vendors see ``vendor_weight_formats``, by architecture or vendor.
        weight_formats_below: Format → the compute capability from which it does not load.
        experts_without: Formats that it does not load for a model with experts.
        native_formats: Format → the compute capability from which it is multiplied in that
            format rather than in 16 bits.
        kv_formats: Formats of the KV cache.
        flash_kv_formats: Those of them that need flash attention.
        tensor_split_kv_formats: Those that work under a tensor split, where not all do.
        attention: Its attention kernels; empty where they were not read.
        families: The families of models that it serves; ``None`` where no list was read.
        shares_kv_over_stages: Whether a layer may reuse keys and values that a layer of another
            pipeline stage computed.
        splits: ``tensor`` and ``pipeline`` (equal shares), ``layer`` (by card memory),
            ``expert``, ``attention-dp`` (attention on separate sequences), ``context`` (one
            sequence's cache over several cards).
        equal_cards_only: Whether it refuses cards of several kinds in one engine.
        memory_rule: What its memory fraction multiplies.
        default_memory_ratio: That fraction's default.
        changes: What other versions do differently.
        stacks: Versions that work together, newest runtime first.
    """

    slug: str
    name: str
    aliases: tuple[str, ...] = ()
    version: str = ""
    kind: Literal["engine", "orchestrator"]
    modelled: bool = False
    vendors: tuple[str, ...] = ()
    operating_systems: Mapping[OperatingSystem, str] = Field(default_factory=dict)
    min_compute_capability: str | None = None
    weight_formats: Mapping[str, str] = Field(default_factory=dict)
    weight_formats_below: Mapping[str, str] = Field(default_factory=dict)
    experts_without: tuple[str, ...] = ()
    native_formats: Mapping[str, str] = Field(default_factory=dict)
    vendor_weight_formats: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    kv_formats: tuple[str, ...] = ()
    flash_kv_formats: tuple[str, ...] = ()
    tensor_split_kv_formats: tuple[str, ...] = ()
    attention: tuple[AttentionKernel, ...] = ()
    families: Families | None = None
    shares_kv_over_stages: bool = True
    splits: tuple[Split, ...] = ()
    equal_cards_only: bool = False
    memory_rule: Literal["of-total", "static-share", "of-free", "exact", "unstated"] = "unstated"
    default_memory_ratio: float | None = None
    statements: tuple[Statement, ...] = ()
    changes: tuple[Change, ...] = ()
    stacks: tuple[Stack, ...] = ()
    sources: tuple[Source, ...] = ()
    note: str = ""
