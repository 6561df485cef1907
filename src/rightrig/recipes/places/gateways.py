"""Gateways before the engines of one deployment: nginx and LiteLLM.

For a fleet whose pools serve several models or sizes of prompts see ``recipes/gateway.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.recipes.launch import File
from rightrig.recipes.patience import answer_s, first_token_s, held_requests
from rightrig.recipes.places.cards import machine_engines
from rightrig.recipes.places.listening import THIS_MACHINE
from rightrig.recipes.templating import render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.recipes.launch import Launch
    from rightrig.recipes.serving import Serving

LITELLM: Final = "1.109.1"
"""Version of LiteLLM that the configuration was started with."""
NGINX_PORT: Final = 7088
"""Below the ports of all engines, which count upwards where a machine holds many."""
LITELLM_PORT: Final = 4000
_TOKEN_BYTES: Final = 64
"""Of a request's body for a token, generously: nobody's prompt is refused by its size alone."""
_LEAST_BODY_BYTES: Final = 1 << 20
_MEDIA_BODY_BYTES: Final = 256 << 20
"""Where a model sees or hears: files come inside a request, far above their tokens."""
_LEAST_CONNECTIONS: Final = 4096


@dataclass(frozen=True, slots=True)
class Address:
    """Where one engine listens.

    Attributes:
        host: A name that resolves where the gateway runs, or an address.
    """

    host: str
    port: int


def files(serving: Serving, launch: Launch) -> tuple[File, ...]:
    """Return a configuration of nginx and one of LiteLLM; either is enough.

    Nothing where there is one engine: it needs no gateway.
    """
    addresses = addresses_of(serving, launch)
    if len(addresses) == 1:
        return ()
    return (nginx_file(serving, launch, addresses), litellm_file(serving, addresses))


def addresses_of(serving: Serving, launch: Launch) -> tuple[Address, ...]:
    """Return where the engines of all rigs listen.

    Engines of one machine take one port after another. Several machines are called ``rig-1``,
    ``rig-2`` …; of an engine that spans machines, the first one answers.
    """
    engines, spans = serving.deployment.parallelism.replicas, serving.engine_nodes > 1
    own = 1 if spans else machine_engines(serving)
    hosts_count = serving.rigs_count * max(1, engines // own)
    hosts = [f"rig-{n}" for n in range(1, hosts_count + 1)] if hosts_count > 1 else ["127.0.0.1"]
    return tuple(Address(host, launch.port + at) for host in hosts for at in range(own))


def nginx_file(
    serving: Serving, launch: Launch, addresses: Sequence[Address], listen: str = THIS_MACHINE
) -> File:
    """Return an ``nginx.conf`` that needs no root.

    Args:
        serving: Says how long answers may take, and how many requests an engine may hold.
        launch: Says which path answers when an engine is loaded.
        addresses: Of the engines.
        listen: Address at which clients find it.
    """
    admitted, has_media = (
        held_requests(serving) * len(addresses),
        bool(serving.deployment.llm.towers),
    )
    least_bytes = _MEDIA_BODY_BYTES if has_media else _LEAST_BODY_BYTES
    text = render(
        "nginx.conf",
        name=serving.name,
        port=NGINX_PORT,
        addresses=addresses,
        listen=listen,
        is_alone=listen == THIS_MACHINE,
        admitted=admitted,
        # One of the client and one of the engine for each request, and as many who are told 429.
        connections=max(_LEAST_CONNECTIONS, 4 * admitted),
        body_bytes=max(least_bytes, serving.context_tokens * _TOKEN_BYTES),
        has_media=has_media,
        context_tokens=serving.context_tokens,
        health=launch.health,
        answer_s=answer_s(serving),
    )
    return File("gateway/nginx.conf", text, f"nginx before the engines, on port {NGINX_PORT}")


def litellm_file(serving: Serving, addresses: Sequence[Address]) -> File:
    """Return a ``config.yaml`` of LiteLLM's proxy.

    Args:
        serving: Says how long answers may take, and how many requests an engine may hold.
        addresses: Of the engines.
    """
    text = render(
        "litellm.yaml",
        name=serving.name,
        version=LITELLM,
        port=LITELLM_PORT,
        addresses=addresses,
        held=held_requests(serving),
        context_tokens=serving.context_tokens,
        answer_s=answer_s(serving),
        first_token_s=first_token_s(serving),
    )
    return File("gateway/litellm.yaml", text, f"LiteLLM before the engines, on port {LITELLM_PORT}")
