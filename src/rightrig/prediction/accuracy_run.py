"""The engine that a published row was measured on, as a deployment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import VLLM_FIRST_ENGINE_BELOW, version_of
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.prediction.accuracy_words import count_after

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm

_CHUNKED_ABOVE_TOKENS: Final = 32_768
_CHUNK_TOKENS: Final = 2048
_RAY_LIMITS: Final = (128, 2048)
"""Sequences and tokens a step of vLLM's own configuration, which Ray Serve takes: it names no
usage context (ray-project/ray, ``_get_vllm_engine_config``; vLLM ``SchedulerConfig``)."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a row says about the engine; ``None`` where the engine's default holds.

    Attributes:
        words: Everything that the row says beside its columns: notes, configuration, source.
        max_model_tokens: The longest sequence that the engine was started for.
    """

    llm: Llm
    gpu: Gpu
    runtime: str
    version: str
    words: str
    weights: str | None = None
    kv: str | None = None
    cards_count: int | None = None
    memory_ratio: float | None = None
    max_model_tokens: int | None = None

    @property
    def is_first_vllm(self) -> bool:
        """Whether it is vLLM's first engine, whose limits depended on the longest sequence."""
        return self.runtime == "vllm" and version_of(self.version) < VLLM_FIRST_ENGINE_BELOW

    @property
    def longest_tokens(self) -> int:
        """The longest sequence: as stated, else the model's."""
        return self.max_model_tokens or self.llm.max_context_tokens


def deployed(run: Run, catalog: Catalog) -> Deployment:
    """Return the deployment that a row was measured on.

    Raises:
        InputError: when the layout is not understood, or no engine would start so.
    """
    tp, pp, cards = _layout(run)
    rig = parse_rig(f"{cards}x{run.gpu.slug}", catalog)
    # The row may state another visible memory than the record.
    rig = replace(rig, groups=tuple(replace(group, gpu=run.gpu) for group in rig.groups))
    seqs, tokens = _limits(run)
    runtime = f"vllm@{run.version}" if run.runtime == "vllm" else run.runtime
    choices = Choices(
        runtime=runtime,
        weights=run.weights,
        kv=run.kv,
        tp=tp,
        pp=pp,
        max_seqs=seqs,
        max_batched_tokens=tokens,
        memory_ratio=run.memory_ratio,
        context_parallel=count_after("dcp", run.words),
        draft=_draft(run),
    )
    return propose(catalog, run.llm, rig, choices)


def _layout(run: Run) -> tuple[int, int, int]:
    """Return tensor ranks, stages and their cards."""
    tp, pp = count_after("tp", run.words), count_after("pp", run.words)
    if 0 in {tp, pp}:
        raise InputError("a layout of no ranks: tp and pp start at 1")
    if (count_after("dp", run.words) or 1) > 1:
        raise InputError("a data-parallel layout: which cards share what is not stated")
    if tp is None and pp is None:
        tp = run.cards_count or 1
    tp, pp = tp or max(1, (run.cards_count or 1) // (pp or 1)), pp or 1
    cards = tp * pp
    if run.cards_count is not None and run.cards_count % cards:
        raise InputError(f"tp={tp} × pp={pp} does not divide the {run.cards_count} cards")
    return tp, pp, cards


def _limits(run: Run) -> tuple[int | None, int | None]:
    """Return sequences and tokens of one step, where they are not the engine's default."""
    seqs = count_after("max_num_seqs", run.words)
    tokens = count_after("max_num_batched_tokens", run.words) or count_after("batched", run.words)
    if run.is_first_vllm:
        # Prompts were not cut into chunks below 32K, so a step took the longest one whole.
        longest = run.longest_tokens
        whole = _CHUNK_TOKENS if longest > _CHUNKED_ABOVE_TOKENS else max(longest, _CHUNK_TOKENS)
        return seqs, tokens or whole
    if run.runtime == "vllm" and "ray-serve" in run.words.lower().replace(" ", "-"):
        return seqs or _RAY_LIMITS[0], tokens or _RAY_LIMITS[1]
    return seqs, tokens


def _draft(run: Run) -> str | None:
    """Return the draft that is loaded beside the model."""
    words = run.words.lower()
    for name in ("dflash", "eagle", "medusa", "draft model"):
        if name in words:
            raise InputError(f"a draft ({name}) is loaded whose size is not stated")
    if "mtp" not in words or "no mtp" in words:
        return None
    if run.llm.ahead is None:
        raise InputError(f"a draft (mtp) is loaded and the record of {run.llm.name} has none")
    return "mtp"
