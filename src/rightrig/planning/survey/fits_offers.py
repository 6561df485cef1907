"""Which deployments are tried on a kind of rig, model by model.

Proposals depend on what rules look at: kinds of cards, their number, machines and choices, not
on sizes of memory, power caps or slots. They are made once for a rig whose cards are called by
placeholders, so that sentences can name the cards of any rig of that kind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility import RULES
from rightrig.deployment.deployment import Deployment
from rightrig.deployment.limits import default_limits
from rightrig.deployment.rule import violations
from rightrig.deployment.split import chosen_split
from rightrig.errors import InputError
from rightrig.planning.fits import deployments_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.deployment import EngineLimits
    from rightrig.deployment.parallelism import Parallelism
    from rightrig.deployment.propose import Choices
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm

Key = tuple[object, ...]
_BY_CARD: Final = (
    "RT-OS", "RT-VENDOR", "RT-CC", "RT-MODEL", "RT-FORMAT", "RT-KV", "RT-ATTENTION", "KV-FLASH",
)  # fmt: skip
"""Rules that read cards, model and formats, not how many cards there are or their split."""
_BY_SPLIT: Final = tuple(rule for rule in RULES if rule.id not in _BY_CARD)
_NAMED_BY_SLUG: Final = "lmdeploy"
"""The runtime whose limits go by the name of the card."""


@dataclass(frozen=True, slots=True)
class Offers:
    """The deployments that are tried on a kind of rig, in the order in which they are tried.

    Attributes:
        rig: The rig that they are on, its cards called by placeholders.
        tried: Of every model in order; empty where none could be tried …
        reasons: … and then why, else an empty text.
    """

    rig: Rig
    tried: tuple[tuple[Deployment, ...], ...]
    reasons: tuple[str, ...]

    def reason(self, model: int, rig: Rig) -> str:
        """Return why no deployment of a model could be tried on a rig of this kind."""
        text = self.reasons[model]
        for masked, own in zip(self.rig.groups, rig.groups, strict=True):
            text = text.replace(masked.gpu.slug, own.gpu.slug).replace(masked.options, own.options)
        return text


def smallest_gpu(rig: Rig) -> Gpu:
    """Return the card whose size decides an engine's limits."""
    return min((group.gpu for group in rig.groups), key=lambda gpu: gpu.memory_bytes.mid)


def rig_key(catalog: Catalog, rig: Rig, choices: Choices) -> Key:
    """Return all that proposals and the lines of their engines read of a rig.

    Left out are sizes of memory (but for the limits that they decide), names, power caps, rates
    of links, host memory: none of them decides what may be tried.
    """
    slugs = dict.fromkeys(group.gpu.slug for group in rig.groups)
    places = {slug: place for place, slug in enumerate(slugs)}
    groups = tuple(
        (group.count, places[group.gpu.slug], group.mig, _gpu_key(group.gpu))
        for group in rig.groups
    )
    switched = tuple(rig.has_switch(ranks) for ranks in range(2, rig.cards_per_node + 1))
    return groups, rig.nodes_count, switched, _limits_key(catalog, rig, choices)


def _gpu_key(gpu: Gpu) -> Key:
    """Return what rules read of a card."""
    return gpu.vendor, gpu.architecture, gpu.compute_capability


def _limits_key(catalog: Catalog, rig: Rig, choices: Choices) -> Key:
    """Return the limits that the size or the name of a card decides."""
    name, _, version = (choices.runtime or "vllm").partition("@")
    runtime = catalog.runtime(name)
    limits = default_limits(runtime, smallest_gpu(rig), None, version)
    slugs = tuple(group.gpu.slug for group in rig.groups)
    named = slugs if runtime.slug == _NAMED_BY_SLUG else ()
    return limits.max_seqs, limits.max_batched_tokens, named


def masked(rig: Rig, choices: Choices) -> Rig:
    """Return a rig whose cards and options are called by placeholders."""
    if (choices.runtime or "").partition("@")[0].lower() == _NAMED_BY_SLUG:
        return rig
    slugs = dict.fromkeys(group.gpu.slug for group in rig.groups)
    cards = {
        group.gpu.slug: group.gpu.model_copy(update={"slug": f"«card {place}»"})
        for place, slug in enumerate(slugs)
        for group in rig.groups
        if group.gpu.slug == slug
    }
    groups = tuple(
        replace(group, gpu=cards[group.gpu.slug], options=f"«options {place}»")
        for place, group in enumerate(rig.groups)
    )
    return replace(rig, groups=groups)


class Proposals:
    """Offers by kind of rig: for equal cards from those on one card, and the split."""

    def __init__(self, catalog: Catalog, llms: Sequence[Llm]) -> None:
        """Start empty."""
        self._catalog, self._llms = catalog, tuple(llms)
        self._single: dict[Key, tuple[tuple[Deployment, ...], ...]] = {}
        self._splits: dict[Key, Parallelism | None] = {}

    def of(self, rig: Rig, choices: Choices) -> Offers:
        """Return what is tried on rigs of one kind."""
        hidden = masked(rig, choices)
        if not rig.is_uniform or names_split(choices):
            found = [self._plainly(hidden, choices, llm) for llm in self._llms]
        else:
            one = self._on_one(hidden, choices)
            shape = self._shape(hidden, choices)
            found = [
                self._spread(hidden, choices, llm, tried, shape)
                for llm, tried in zip(self._llms, one, strict=True)
            ]
        return Offers(hidden, tuple(tried for tried, _ in found), tuple(why for _, why in found))

    def _plainly(
        self, rig: Rig, choices: Choices, llm: Llm
    ) -> tuple[tuple[Deployment, ...], str]:  # fmt: skip
        """Return what is tried of one model, and why nothing could be."""
        try:
            return tuple(deployments_of(self._catalog, rig, choices, llm)), ""
        except InputError as error:
            return (), str(error)

    def _on_one(self, rig: Rig, choices: Choices) -> tuple[tuple[Deployment, ...], ...]:
        """Return what is tried of every model on one card of the rig."""
        group = rig.groups[0]
        alone = replace(rig, groups=(replace(group, count=1),), nodes_count=1)
        key = (_gpu_key(group.gpu), _limits_key(self._catalog, rig, choices), choices)
        if key not in self._single:
            self._single[key] = tuple(
                self._plainly(alone, choices, llm)[0] for llm in self._llms
            )  # fmt: skip
        return self._single[key]

    def _shape(self, rig: Rig, choices: Choices) -> Key:
        """Return what rules of splits read of a rig of equal cards."""
        group = rig.groups[0]
        limits = _limits_key(self._catalog, rig, choices)
        has_mig = any(group.mig for group in rig.groups)
        vendor, cards = group.gpu.vendor, rig.cards_per_node
        return cards, rig.nodes_count, has_mig, vendor, limits

    def _spread(
        self,
        rig: Rig,
        choices: Choices,
        llm: Llm,
        tried: tuple[Deployment, ...],
        shape: Key,
    ) -> tuple[tuple[Deployment, ...], str]:
        """Return what is tried of one model on all cards, from what is on one."""
        if not tried:
            return self._plainly(rig, choices, llm)
        first = tried[0]
        key = (
            llm, first.runtime.slug, first.version, first.precision.kv, choices.max_seqs,
            choices.max_batched_tokens, shape,
        )  # fmt: skip
        if key not in self._splits:
            self._splits[key] = _split(first, rig, choices)
        split = self._splits[key]
        if split is None:
            return self._plainly(rig, choices, llm)
        return tuple(moved(deployment, rig, split, deployment.limits) for deployment in tried), ""


def names_split(choices: Choices) -> bool:
    """Whether the user says how the cards are split, or where layers lie."""
    named = (
        choices.tp, choices.pp, choices.replicas, choices.attention_dp, choices.context_parallel,
        choices.expert_parallel, choices.tensor_split,
    )  # fmt: skip
    return any(value is not None for value in named)


def _split(deployment: Deployment, rig: Rig, choices: Choices) -> Parallelism | None:
    """Return the split over all cards of a rig; ``None`` where a rule forbids it."""
    try:
        split = chosen_split(deployment.llm, rig, deployment.runtime, choices)
    except InputError:
        return None
    whole = moved(deployment, rig, split, deployment.limits)
    return None if violations(_BY_SPLIT, whole) else split


def moved(deployment: Deployment, rig: Rig, split: Parallelism, limits: EngineLimits) -> Deployment:
    """Return a deployment on another rig."""
    # ``dataclasses.replace`` takes three times as long, for hundreds of them.
    return Deployment(
        deployment.llm, rig, split, deployment.precision, deployment.runtime, limits,
        deployment.version, deployment.companions, deployment.placement,
        deployment.operating_system,
    )  # fmt: skip
