"""Which pool of engines takes a request, by its demand and the length of its prompt."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A pool of equal engines that takes part of the requests of a route.

    Attributes:
        pool: Its name, which can be a host name.
        engines_count: Engines in it, one address each.
        weight_ratio: Share of the route's requests.
    """

    pool: str
    engines_count: int
    weight_ratio: float


@dataclass(frozen=True, slots=True)
class Route:
    """Requests of one demand whose prompts lie in one range, and where they go.

    Attributes:
        name: What clients ask for: the demand.
        model: The model that the engines serve.
        context_tokens: What the model takes at most, prompt and answer together.
        low_tokens, high_tokens: Prompts are longer than the one and at most as long as the other;
            ``None`` for no limit.
        targets: Their weights add up to 1.
    """

    name: str
    model: str
    context_tokens: int
    low_tokens: int
    high_tokens: int | None
    targets: tuple[Target, ...]

    def takes(self, prompt_tokens: int) -> bool:
        """Whether a prompt of this length belongs to the route."""
        return prompt_tokens > self.low_tokens and (
            self.high_tokens is None or prompt_tokens <= self.high_tokens
        )


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """All routes; those of one demand follow each other from short to long prompts."""

    routes: tuple[Route, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The demands, each once."""
        return tuple(dict.fromkeys(route.name for route in self.routes))

    def of(self, name: str) -> tuple[Route, ...]:
        """Return the routes of a demand, from short to long prompts."""
        return tuple(route for route in self.routes if route.name == name)

    def route_of(self, name: str, prompt_tokens: int) -> Route:
        """Return the one route that takes a prompt; ``KeyError`` where no demand has the name."""
        found = [route for route in self.of(name) if route.takes(prompt_tokens)]
        if not found:
            raise KeyError(name)
        return found[0]
