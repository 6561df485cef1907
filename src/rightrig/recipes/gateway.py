"""Gateways before the pools of a fleet: configurations of LiteLLM and nginx.

Pools are addressed by their names, as the services of a cluster are; where they have other
addresses, those are to be put in their place.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rightrig.planning.routing import Route, RoutingTable

ENGINE_PORT: Final = 8000
"""Where vLLM listens; a pool's service forwards it."""
_GATEWAY_PORT: Final = 8080
_KEYS: Final = ("general_settings:", "  master_key: os.environ/LITELLM_MASTER_KEY")
"""Without a key LiteLLM serves whoever reaches it."""


def litellm_config(table: RoutingTable) -> str:
    """Return the ``config.yaml`` of LiteLLM's proxy.

    A demand is a group of models of its name, in which ``simple-shuffle`` draws by ``weight``.
    Sizes of prompts are told apart by ``enable_pre_call_checks``: a group whose every member has a
    ``max_input_tokens`` below the prompt hands it to the next by ``context_window_fallbacks``.
    LiteLLM counts the tokens with a tokenizer of its own, so that borders are approximate.
    """
    return "\n".join(
        [*_litellm_head(table), *_litellm_models(table), *_litellm_router(table), *_KEYS, ""]
    )


def _litellm_head(table: RoutingTable) -> Iterator[str]:
    """Yield what the reader should know."""
    yield "# LITELLM_MASTER_KEY=sk-... litellm --config config.yaml --host 127.0.0.1 --port 4000"
    yield "# Clients send the master key, or a key that was made with it."
    yield f"# Clients ask for the model {' or '.join(table.names)}."
    yield "# api_base is the address of a pool: replace it by that of your service."
    if _has_sizes(table):
        yield "# LiteLLM counts tokens with its own tokenizer: borders of sizes are approximate."


def _litellm_models(table: RoutingTable) -> Iterator[str]:
    """Yield an entry a pool."""
    yield "model_list:"
    for name in table.names:
        for route, group in zip(table.of(name), _groups(table, name), strict=True):
            for target in route.targets:
                yield f"  - model_name: {json.dumps(group)}"
                yield "    litellm_params:"
                yield f"      model: {json.dumps('openai/' + route.model)}"
                yield f"      api_base: {json.dumps(f'http://{target.pool}:{ENGINE_PORT}/v1')}"
                yield '      api_key: "none"'
                yield f"      weight: {_weight(target.weight_ratio)}"
                yield f"    # engines behind this address: {target.engines_count}"
                # Of two entries with the same model, one without a limit would take the other's.
                yield "    model_info:"
                yield f"      max_input_tokens: {route.high_tokens or route.context_tokens}"


def _litellm_router(table: RoutingTable) -> Iterator[str]:
    """Yield the settings of the router."""
    yield "router_settings:"
    yield "  routing_strategy: simple-shuffle"
    if _has_sizes(table):
        yield "  enable_pre_call_checks: true"
        yield "  context_window_fallbacks:"
        for name in table.names:
            first, *others = _groups(table, name)
            if others:
                yield f"    - {json.dumps(first)}: {json.dumps(others)}"


def nginx_config(table: RoutingTable) -> str:
    """Return an ``nginx.conf``.

    nginx does not read the body of a request, in which model and prompt are: the demand is the
    first part of the path, and the length of the prompt is the header ``X-Prompt-Tokens``, which
    the client sets. Without it a prompt goes to the pools of the longest.
    """
    lines = [*_nginx_head(table), "events {}", "http {"]
    for name in table.names:
        lines += [
            f"    {line}".rstrip() for line in (*_size_map(table, name), *_upstreams(table, name))
        ]
    lines += [
        "    server {",
        "        # On this machine only: nothing here checks keys.",
        f"        listen 127.0.0.1:{_GATEWAY_PORT};",
        "        client_max_body_size 64m;",
    ]
    for name in table.names:
        lines += [f"        {line}" for line in _location(table, name)]
    return "\n".join([*lines, "    }", "}", ""])


def _nginx_head(table: RoutingTable) -> Iterator[str]:
    """Yield what the reader should know."""
    yield "# nginx does not read the body of a request, so the path says which demand it is of:"
    yield f"# {', '.join(f'/{name}/v1/chat/completions' for name in table.names)}"
    if _has_sizes(table):
        yield "# and the client says how long the prompt is: X-Prompt-Tokens: 812. A request"
        yield "# without this header goes to the pools of the longest prompts."
    yield "# Names of pools must resolve when nginx starts. A pool of several engines is one"
    yield "# service that spreads requests over them; else write one server line an engine."


def _size_map(table: RoutingTable, name: str) -> Iterator[str]:
    """Yield the map from the length of a prompt to an upstream; nothing for one size."""
    routes, groups = table.of(name), _groups(table, name)
    if len(routes) > 1:
        yield f"map $http_x_prompt_tokens ${_variable(name)} {{"
        yield f"    default {groups[-1]};"
        for route, group in zip(routes, groups, strict=True):
            if route.high_tokens is not None:
                pattern = at_most_pattern(route.high_tokens)
                yield f'    "~^{pattern}$" {group};  # at most {route.high_tokens}'
        yield "}"


def _upstreams(table: RoutingTable, name: str) -> Iterator[str]:
    """Yield the upstreams of a demand, one a size of prompts."""
    for route, group in zip(table.of(name), _groups(table, name), strict=True):
        yield f"upstream {group} {{  # {_size_text(route)}"
        for target in route.targets:
            weight = _weight(target.weight_ratio)
            engines = f"engines: {target.engines_count}"
            yield f"    server {target.pool}:{ENGINE_PORT} weight={weight};  # {engines}"
        yield "    keepalive 32;"
        yield "}"


def _location(table: RoutingTable, name: str) -> Iterator[str]:
    """Yield the location of a demand."""
    has_sizes = len(table.of(name)) > 1
    yield f"location /{name}/ {{"
    if has_sizes:
        yield f"    rewrite ^/{name}/(.*)$ /$1 break;"
        yield f"    proxy_pass http://${_variable(name)};"
    else:
        yield f"    proxy_pass http://{_groups(table, name)[0]}/;"
    yield "    proxy_http_version 1.1;"
    yield '    proxy_set_header Connection "";'
    yield "    proxy_buffering off;  # tokens are streamed"
    yield "    proxy_connect_timeout 2s;"
    yield "    proxy_read_timeout 600s;"
    yield "}"


def at_most_pattern(limit: int) -> str:
    r"""Return a regular expression of the whole numbers from 0 to a limit.

    >>> at_most_pattern(4000)
    '(?:\\d{1,3}|[0-3]\\d{3}|4000)'
    """
    digits = str(limit)
    parts = [rf"\d{{1,{len(digits) - 1}}}"] if len(digits) > 1 else []
    for place, digit in enumerate(digits):
        if digit != "0":
            rest = len(digits) - place - 1
            below = "0" if digit == "1" else f"[0-{int(digit) - 1}]"
            parts.append(digits[:place] + below + (rf"\d{{{rest}}}" if rest else ""))
    return f"(?:{'|'.join([*parts, digits])})"


def _groups(table: RoutingTable, name: str) -> tuple[str, ...]:
    """Return a name for each size of a demand's prompts: the shortest has the demand's own."""
    routes = table.of(name)
    return (name, *(f"{name}-{number}" for number in range(2, len(routes) + 1)))


def _has_sizes(table: RoutingTable) -> bool:
    """Whether prompts are told apart by their length anywhere."""
    return len(table.routes) > len(table.names)


def _weight(share_ratio: float) -> int:
    """Return a share as a whole weight; gateways take none below 1."""
    return max(1, round(100.0 * share_ratio))


def _variable(name: str) -> str:
    """Return a demand as a variable of nginx, which knows no hyphen."""
    return f"pools_of_{name.replace('-', '_')}"


def _size_text(route: Route) -> str:
    """Return the range of a route's prompts in words."""
    if route.high_tokens is None:
        return f"prompts above {route.low_tokens} tokens" if route.low_tokens else "all prompts"
    return f"prompts of {route.low_tokens + 1} to {route.high_tokens} tokens"


RECIPES: Final[dict[str, Callable[[RoutingTable], str]]] = {
    "litellm": litellm_config,
    "nginx": nginx_config,
}
"""Gateway → what makes its configuration."""
