"""A training job: one model trained on one rig, by a method, split and stored in one way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rightrig.errors import InputError

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.facts.llm import Llm

Method = Literal["full", "lora", "qlora"]
METHODS: Final[tuple[Method, ...]] = ("full", "lora", "qlora")
Optimizer = Literal["adamw", "adamw-8bit", "adafactor", "sgd-momentum"]
OPTIMIZERS: Final[tuple[Optimizer, ...]] = ("adamw", "adamw-8bit", "adafactor", "sgd-momentum")
Sharing = Literal["none", "zero-1", "zero-2", "zero-3"]
SHARINGS: Final[tuple[Sharing, ...]] = ("none", "zero-1", "zero-2", "zero-3")
"""From every card with all states to every card with its part of all (zero-3 = FSDP full shard,
zero-2 = FSDP's SHARD_GRAD_OP)."""
Checkpointing = Literal["none", "selective", "alternate", "full"]
CHECKPOINTINGS: Final[tuple[Checkpointing, ...]] = ("none", "selective", "alternate", "full")
"""Selective: what is cheap to compute again is not kept: scores of attention where they are stored
at all (Korthikanti et al. 2022, arXiv:2205.05198), else what norms and activations put out.
Alternate: a layer keeps its input, what attention puts out and what every second of its matrix
products puts out (torchtitan's selective checkpointing by operators)."""
Offload = Literal["none", "optimizer", "all"]
OFFLOADS: Final[tuple[Offload, ...]] = ("none", "optimizer", "all")
Compute = Literal["bf16", "fp16", "fp8", "fp32"]
COMPUTES: Final[tuple[Compute, ...]] = ("bf16", "fp16", "fp8", "fp32")
Targets = Literal["query-value", "attention", "all-linear"]
TARGETS: Final[tuple[Targets, ...]] = ("query-value", "attention", "all-linear")


@dataclass(frozen=True, slots=True)
class Adapter:
    """Low-rank matrices beside frozen ones (LoRA, Hu et al. 2021, arXiv:2106.09685).

    Attributes:
        rank: Inner width.
        targets: Which matrices of a block have them.
        trains_embeddings: Whether embedding and output matrix are trained whole beside them
            (``modules_to_save``).
        has_dropout: Whether dropout on their inputs keeps a copy and a mask of each.
    """

    rank: int = 16
    targets: Targets = "all-linear"
    trains_embeddings: bool = False
    has_dropout: bool = False


@dataclass(frozen=True, slots=True)
class TrainingStates:
    """How weights, gradients and the optimizer are stored.

    Attributes:
        base: Format of frozen weights: ``bf16``, ``nf4``, ``int4`` … as quantization names them.
        compute: Arithmetic of the matrix products.
        has_master_weights: Whether the optimizer keeps weights of 32 bits beside those of 16.
        gradient_bits: Width of the stored gradients.
        moment_bits: Width of each moment; ``None`` for that of the optimizer (32 or 8).
        offload: What of the states lies in host memory.
        weight_bits: Width of a stored weight that is trained: 32 where it is the optimizer's own
            (FSDP2: no further master weight), which the passes gather in fewer.
        gathered_bits: Width in which cards that share weights send them to each other.
    """

    optimizer: Optimizer = "adamw"
    base: str = "bf16"
    compute: Compute = "bf16"
    has_master_weights: bool = True
    gradient_bits: int = 16
    moment_bits: int | None = None
    offload: Offload = "none"
    weight_bits: int = 16
    gathered_bits: int = 16


@dataclass(frozen=True, slots=True)
class TrainingSplit:
    """How a job is split over cards; what is left of them are data-parallel ranks.

    Attributes:
        tp: Tensor-parallel ranks.
        pp: Pipeline stages.
        context_parallel: Ranks over which one sequence is spread.
        sharing: How data-parallel ranks share the states.
        shard_cards: Cards over which states are shared where that is not all of them (FSDP's
            hybrid sharding); 0 for all.
        virtual_stages: Parts of the model on each stage of an interleaved pipeline.
    """

    tp: int = 1
    pp: int = 1
    context_parallel: int = 1
    sharing: Sharing = "none"
    shard_cards: int = 0
    virtual_stages: int = 1

    def data_ranks(self, cards_count: int) -> int:
        """Return the data-parallel ranks that some cards come to.

        Raises:
            InputError: when the split does not divide the cards.
        """
        group = self.tp * self.pp * self.context_parallel
        if cards_count % group:
            raise InputError(
                f"tp × pp × cp = {group} does not divide {cards_count} cards: "
                "choose a split whose product does"
            )
        return cards_count // group


@dataclass(frozen=True, slots=True)
class Batch:
    """What a step reads.

    Attributes:
        seq_tokens: Length that sequences are cut or padded to.
        micro_seqs: Sequences that one data-parallel rank works on at once.
        accumulation_count: Micro-batches of a rank before the optimizer steps.
        useful_ratio: Share of the tokens that are no padding: 1 where sequences are packed.
        is_packed: Whether short examples share a sequence.
    """

    seq_tokens: int
    micro_seqs: int = 1
    accumulation_count: int = 1
    useful_ratio: float = 1.0
    is_packed: bool = True


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """Everything that the memory and the time of training need to know.

    Attributes:
        framework: Slug of what runs it, as ``prediction/data/training.toml`` names them.
        has_flash_attention: Whether scores of attention are never stored.
        has_fused_loss: Whether logits are never stored whole.
        has_sequence_parallel: Whether what tensor parallelism leaves whole is split by tokens.
        checkpointed_ratio: Share of the layers that ``checkpointing`` is about; the others keep
            all.
        is_compiled: Whether a compiler fuses the framework's kernels (torch.compile).
        has_async_tp: Whether tensor-parallel messages travel beside the products.
        date: When it ran, as a source says; empty for today's software.
    """

    llm: Llm
    rig: Rig
    method: Method
    batch: Batch
    split: TrainingSplit = TrainingSplit()
    states: TrainingStates = TrainingStates()
    adapter: Adapter = Adapter()
    checkpointing: Checkpointing = "full"
    framework: str = "pytorch"
    has_flash_attention: bool = True
    has_fused_loss: bool = False
    has_sequence_parallel: bool = True
    checkpointed_ratio: float = 1.0
    is_compiled: bool = False
    has_async_tp: bool = False
    date: str = ""

    @property
    def cards_count(self) -> int:
        """Cards of the rig."""
        return self.rig.cards_count

    @property
    def data_ranks(self) -> int:
        """Ranks that work on sequences of their own."""
        return self.split.data_ranks(self.cards_count)

    @property
    def step_tokens(self) -> int:
        """Tokens of one step of the optimizer, padding among them."""
        batch = self.batch
        return self.data_ranks * batch.micro_seqs * batch.accumulation_count * batch.seq_tokens
