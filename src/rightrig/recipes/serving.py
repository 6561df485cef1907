"""What a recipe is for: a deployment that fits, how it is used, and what is promised of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rightrig.demand.objective import Slo
from rightrig.facts.runtime import Stack

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.runtime import Runtime
    from rightrig.prediction.memory_fit import Fit
    from rightrig.prediction.predict import Prediction


@dataclass(frozen=True, slots=True)
class Speculation:
    """How tokens are drafted.

    Attributes:
        tokens_count: Drafted for each step.
        method: ``draft`` (a smaller model), ``mtp`` (the model's own layers ahead) or ``ngram``
            (from the prompt).
        model: The smaller model, as the engine loads it; empty for the other methods.
    """

    tokens_count: int
    method: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class Serving:
    """One deployment, as an engine is to be started.

    Attributes:
        deployment: Model, rig, split, formats, limits. Its replicas are independent engines of the
            same rig; ``rigs_count`` such rigs are rented.
        fit: Of ``context_tokens`` and ``concurrency``: what every limit rests on.
        checkpoint: What the engine loads: a hub id, a folder or a file. Empty where the weights
            are wanted in a format that must first be made or found; see ``checkpoint_wanted``.
        checkpoint_wanted: Then what it must be, such as ``an AWQ checkpoint of ORG/NAME``.
        context_tokens: Longest prompt and answer together that is served.
        concurrency: Sequences at once that are promised, over all replicas of one rig.
        input_tokens, output_tokens: Mean lengths that the prediction is for.
        prediction: At ``concurrency`` users; ``None`` where the engine's speed is not modelled.
        peak_requests_per_s: Of one rig, where a plan says it.
        slo: What is promised; empty where nothing is.
        prefix_cache: Whether prompts that begin alike share their cache.
        speculation: ``None`` without.
        asked: The command that made this recipe.
    """

    deployment: Deployment
    fit: Fit
    checkpoint: str
    context_tokens: int
    concurrency: int
    input_tokens: int
    output_tokens: int
    prediction: Prediction | None = None
    peak_requests_per_s: float | None = None
    slo: Slo = field(default_factory=Slo)
    rigs_count: int = 1
    prefix_cache: bool = True
    speculation: Speculation | None = None
    checkpoint_wanted: str = ""
    asked: str = ""

    @property
    def runtime(self) -> Runtime:
        """The engine."""
        return self.deployment.runtime

    @property
    def version(self) -> str:
        """The engine's version: the asked one, else the release of its record."""
        return self.deployment.version or self.stack.release or self.runtime.version

    @property
    def stack(self) -> Stack:
        """Versions that are known to work together; empty fields where none are known."""
        version = self.deployment.version or self.runtime.version
        found = (one for one in self.runtime.stacks if one.version == version)
        return next(found, Stack(version=version, source="", date=""))

    @property
    def name(self) -> str:
        """What the model is called by clients of the server."""
        return self.deployment.llm.name

    @property
    def engine_seqs(self) -> int:
        """Sequences at once that one engine is promised to hold."""
        return -(-self.concurrency // self.deployment.parallelism.replicas)

    @property
    def engine_cards(self) -> int:
        """Cards of one engine."""
        return self.deployment.parallelism.engine_cards

    @property
    def engine_nodes(self) -> int:
        """Machines that one engine spans: 1, unless a rig of several holds one engine."""
        return -(-self.engine_cards // self.deployment.rig.cards_per_node)

    @property
    def image(self) -> str:
        """The engine's container image for these cards; empty where none is known.

        Stacks name images for cards of NVIDIA.
        """
        return self.stack.image if self.deployment.rig.gpu.vendor == "NVIDIA" else ""
