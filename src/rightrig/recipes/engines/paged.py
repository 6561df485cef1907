"""What the commands of vLLM and SGLang share: words for formats, notes, and common refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility_formats import is_between, stored_format
from rightrig.facts.catalog import shipped
from rightrig.quantities import show_gib
from rightrig.recipes.checkpoints import made_while_loading
from rightrig.recipes.launch import Flag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.recipes.serving import Serving

CHECKPOINT: Final = "CHECKPOINT"
"""What stands for weights that must first be made or found."""
BFLOAT_SINCE: Final = "8.0"
"""NVIDIA's first compute capability with BF16."""
BLOCK: Final = 128
"""Rows and columns of a block of FP8 that share a scale, and weights of a group of AWQ and GPTQ."""
_GROUPED: Final = ("fp8-block", "awq", "gptq")
_MIXED_CHECKPOINTS: Final = ("awq", "gptq", "nf4", "nf4-single")
"""Formats whose checkpoints name FP16 or BF16 for the rest; kernels may know only the one named."""
_LISTED: Final = ("vllm", "sglang", "llama.cpp")
"""Engines of whose families every one of the catalogue is known."""
_HALF_ON_AMD: Final = ("awq", "gptq")
_OWN_CODE: Final = (
    "deci", "laguna", "mimo", "mimo_v2_flash", "minimax_m1", "minimax_m2", "minimax_m3",
    "minimax_m3_vl", "nemotron-nas", "qwen", "step3p7",
)  # fmt: skip
"""Families whose repositories hold Python code for their configuration or tokenizer."""
_OWN_CODE_NAME: Final = "kimi"
_GATED: Final = ("llama-2", "llama-3", "llama-4", "gemma", "mistral-research")
"""How licences begin whose makers give out weights on the hub after a click only."""
_HUB_OWNERS: Final = ("meta-llama/", "google/", "mistralai/")


def checkpoint_word(serving: Serving) -> str:
    """Return what the engine is told to load."""
    return serving.checkpoint or CHECKPOINT


def quantization_word(serving: Serving) -> str:
    """Return what ``--quantization`` must say; nothing where the checkpoint says it itself."""
    is_published = serving.checkpoint == serving.deployment.llm.name
    return made_while_loading(serving.deployment) if is_published else ""


def is_published(serving: Serving) -> bool:
    """Whether the model's published weights are loaded in the format in which they are stored."""
    return serving.checkpoint == serving.deployment.llm.name and not quantization_word(serving)


def compute_word(serving: Serving) -> str:
    """Return the type of activations: ``bfloat16``, ``float16``, or ``auto``.

    ``auto`` is what the checkpoint names.
    """
    planned = stored_format(serving.deployment)
    cards = serving.deployment.rig.groups
    is_old = any(
        not is_between(group.gpu.compute_capability, BFLOAT_SINCE, None) for group in cards
    )
    # On AMD, SGLang's classes for AWQ and GPTQ take no other (awq/awq.py, gptq/gptq.py).
    is_half = planned in _HALF_ON_AMD and any(g.gpu.vendor == "AMD" for g in cards)
    if planned == "fp16" or is_old or is_half:
        return "float16"
    return "auto" if planned in _MIXED_CHECKPOINTS else "bfloat16"


def compute_flag(serving: Serving) -> Flag:
    """Return ``--dtype`` with its reason."""
    word = compute_word(serving)
    why = {
        "auto": "as the checkpoint says: kernels of its format may know no other",
        "float16": "the weights' own, or the card has no BF16",
        "bfloat16": "activations in 16 bits, as the fit counts them",
    }[word]
    return Flag("--dtype", word, why)


def room_text(serving: Serving) -> str:
    """Return how much the fit found room for."""
    found = serving.fit
    return (
        f"the fit: {found.max_concurrency:,} sequences of {serving.context_tokens:,} tokens, "
        f"{serving.concurrency:,} promised"
    )


def runs_own_code(serving: Serving) -> bool:
    """Whether the model's repository holds code that must run (``--trust-remote-code``)."""
    llm = serving.deployment.llm
    return llm.family in _OWN_CODE or _OWN_CODE_NAME in llm.name.lower()


def trust_flags(serving: Serving) -> tuple[Flag, ...]:
    """Return ``--trust-remote-code`` where the model does not load without."""
    if not runs_own_code(serving):
        return ()
    why = "the model's repository holds Python code for its configuration or tokenizer: read it"
    return (Flag("--trust-remote-code", why=why),)


def common_notes(serving: Serving) -> Iterator[str]:
    """Yield what the reader must know before the first start."""
    deployment, llm = serving.deployment, serving.deployment.llm
    if not serving.checkpoint:
        yield f"Replace {CHECKPOINT} by {serving.checkpoint_wanted}: a hub id or a folder."
    odd = None if is_published(serving) or quantization_word(serving) else odd_rows(serving)
    if odd:
        yield f"Take a checkpoint that is padded or has smaller groups, for {odd}."
    if serving.checkpoint == llm.name and _is_gated(serving):
        yield (
            f"{llm.name} is gated: accept its licence on the Hugging Face hub and set HF_TOKEN, "
            "else the download ends with error 401 or 403."
        )
    if deployment.precision.kv == "fp8" and llm.checkpoint.kv_format != "fp8":
        yield (
            "The checkpoint brings no scales for a KV cache in FP8, so the engine takes 1.0: "
            "compare answers with those of a 16-bit cache before use."
        )
    if llm.towers:
        yield (
            "The fit counts the weights of the encoders for images or sound, not the activations "
            "of long inputs to them: give text first, and watch memory with images."
        )
    yield from _draft_notes(serving)
    if serving.fit.verdict == "tight":
        card = serving.fit.binding
        yield (
            f"The fit is tight: card {card.card} has {show_gib(card.free_bytes)} to spare. If the "
            "start ends without memory, lower the tokens of one step first, then the context."
        )
    if serving.deployment.version not in {"", serving.runtime.version}:
        yield (
            f"Options are those of {serving.runtime.name} {serving.runtime.version}, and "
            f"{serving.version} may lack some: prove the command before use."
        )


def _is_gated(serving: Serving) -> bool:
    """Whether the hub gives the weights only to those who accepted the licence."""
    llm = serving.deployment.llm
    return llm.licence.startswith(_GATED) and llm.name.startswith(_HUB_OWNERS)


def _draft_notes(serving: Serving) -> Iterator[str]:
    """Say that room for a draft stays unused where nobody says how much is drafted."""
    beside = serving.deployment.companions
    if serving.speculation is None and (beside.draft is not None or beside.draft_ahead):
        yield (
            "The fit keeps room for a draft, and no number of drafted tokens was given: nothing is "
            "drafted."
        )


def common_reason(serving: Serving) -> str | None:
    """Return why neither engine starts this, or ``None``."""
    found = (
        context_reason(serving),
        machines_reason(serving),
        expert_width_reason(serving),
        row_reason(serving),
        drafting_reason(serving),
    )
    return next((reason for reason in found if reason), None)


def unread_family_reason(serving: Serving) -> str | None:
    """Return why a family is refused that is not among those which were read to be served.

    For engines whose record lists only what they serve; of other versions nothing is known.
    """
    families, llm = serving.runtime.families, serving.deployment.llm
    is_other = serving.deployment.version not in {"", serving.runtime.version}
    if families is None or is_other or llm.family in families.served:
        return None
    known = ((slug, shipped().runtime(slug).families) for slug in _LISTED)
    others = [f"--runtime {slug}" for slug, one in known if one and llm.family in one.served]
    instead = " or ".join(others) or "another --runtime"
    return (
        f"{serving.runtime.name} does not list the family {llm.family} of {llm.name} among those "
        f"that it serves; use {instead}"
    )


def context_reason(serving: Serving) -> str | None:
    """Return why the longest sequence is refused: it is beyond the model's positions.

    vLLM 0.33.0 ``vllm/config/model.py``, SGLang 0.5.23 ``sglang/srt/configs/model_config.py``.
    """
    most = serving.deployment.llm.max_context_tokens
    if serving.context_tokens <= most:
        return None
    return (
        f"{serving.runtime.name} refuses {serving.context_tokens:,} tokens of context, for "
        f"{serving.name} has positions for {most:,}; use --context {most}"
    )


def machines_reason(serving: Serving) -> str | None:
    """Return why the cards of one engine cannot be shared out to whole machines."""
    rig, cards = serving.deployment.rig, serving.engine_cards
    own = rig.cards_per_node
    if rig.nodes_count == 1 or cards % own == 0 or own % cards == 0:
        return None
    return (
        f"an engine of {cards} cards fills no whole machines of {own}; use an engine of "
        f"{own} cards or a multiple, or one of a divisor of {own}"
    )


def expert_width_reason(serving: Serving) -> str | None:
    """Return why the experts' inner width cannot be divided over the ranks that share experts.

    Ranks of attention-DP divide each expert where whole experts are not dealt out.
    """
    split = serving.deployment.parallelism
    ranks = split.expert_ranks // split.experts_over
    odd = (f.expert_inner_size for f in serving.deployment.llm.ffns if f.expert_inner_size % ranks)
    width = next(odd, None)
    if width is None:
        return None
    return (
        f"the experts' inner width {width} does not divide by the {ranks} ranks that share each "
        f"expert; deal whole experts with --ep {split.expert_ranks}"
    )


def row_reason(serving: Serving) -> str | None:
    """Return why the published weights cannot be divided (``odd_rows``).

    Of other checkpoints the widths are not known: makers pad them for this reason.
    """
    return odd_rows(serving) if is_published(serving) else None


def odd_rows(serving: Serving) -> str | None:
    """Return why a part of a matrix does not begin at a group of weights with one scale.

    Matrices whose rows are divided: ``inner / tp`` and ``heads · width / tp`` must be multiples of
    128. vLLM 0.33.0 ``quantization/utils/fp8_utils.py`` ``validate_fp8_block_shape`` and
    ``kernels/linear/mixed_precision/marlin.py``; SGLang 0.5.23 ``layers/quantization/fp8.py``,
    ``marlin_utils.py``.
    """
    llm, ranks = serving.deployment.llm, serving.deployment.parallelism.tp
    planned = stored_format(serving.deployment)
    if planned not in _GROUPED or ranks == 1:
        return None
    widths = [("the inner width", ffn.inner_size) for ffn in llm.ffns]
    widths += [
        ("the attention's output", a.head_count * a.value_dim)
        for a in llm.attentions
        if not a.output_group_count
    ]
    odd = next(((what, width) for what, width in widths if width // ranks % BLOCK), None)
    return None if odd is None else width_text(serving, odd[0], odd[1], ranks)


def width_text(serving: Serving, what: str, width: int, ranks: int) -> str:
    """Return the sentence for a width whose parts are no multiple of a group."""
    planned = stored_format(serving.deployment).upper()
    whole = (r for r in range(ranks, 0, -1) if ranks % r == 0 and width // r % BLOCK == 0)
    best = next(whole, 1)
    instead = f"--tp {best}" if best > 1 else "--tp 1 with --pp or --replicas"
    return (
        f"{what} {width} over {ranks} ranks is {width // ranks}, no multiple of {BLOCK} weights "
        f"that share a scale in {planned}, which {serving.runtime.name} refuses; use {instead}"
    )


def drafting_reason(serving: Serving) -> str | None:
    """Return why tokens cannot be drafted: the fit has not counted what drafts them."""
    asked, beside = serving.speculation, serving.deployment.companions
    if asked is None or asked.method == "ngram":
        return None
    if asked.method == "mtp":
        if beside.draft_ahead:
            return None
        if serving.deployment.llm.ahead is None:
            return (
                f"{serving.name} has no layers ahead; use a draft model, or drafts from the prompt"
            )
        return "the fit counts no layers ahead; add --draft mtp"
    if beside.draft is None or not asked.model:
        return "the fit counts no draft model; name one with --draft"
    return None
