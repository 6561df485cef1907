"""To whom an engine that stands outside a container listens.

Engines ask for no key. One on a single machine listens to that machine alone, unless the reader
says otherwise; where engines stand on several, a gateway or the first machine must reach the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rightrig.recipes.launch import Flag
    from rightrig.recipes.serving import Serving

EVERY_INTERFACE: Final = "0.0.0.0"  # noqa: S104 - of several machines, or of a container
THIS_MACHINE: Final = "127.0.0.1"
VARIABLE: Final = "LISTEN"
"""By which the reader says otherwise."""
_FLAGS: Final = ("--host", "--server-name")


def listens_at(serving: Serving) -> str:
    """Return the address at which engines listen unless the reader says otherwise."""
    machines = serving.deployment.rig.nodes_count * serving.rigs_count
    return EVERY_INTERFACE if machines > 1 else THIS_MACHINE


def listens_why(serving: Serving) -> str:
    """Return what the reader must know of the address, in a line or two of a comment."""
    if listens_at(serving) == THIS_MACHINE:
        return (
            f"Heard by this machine alone, as the engine asks for no key. {VARIABLE}="
            f"{EVERY_INTERFACE} serves others: put a firewall or a gateway with keys before it."
        )
    return (
        "Heard by all who reach this machine, as others hold engines too. The engine asks for no "
        "key: let a firewall admit these machines and the gateway alone."
    )


def says_listener(flag: Flag) -> bool:
    """Whether an option says to whom the engine listens."""
    return flag.name in _FLAGS
