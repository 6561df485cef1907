"""Whether Ray Serve LLM takes the arguments of the engine that a configuration names."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from rightrig.recipes.places.ray_serve import engine_kwargs, ray_stack
from rightrig.recipes.proving.flags import ID, table_of
from rightrig.recipes.proving.proof import Proof

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rightrig.recipes.launch import Launch

_SUBJECT = "ray/serve.yaml"


def kwargs_proof(launch: Launch) -> Proof:
    """Return whether every argument is one of vLLM's engine.

    Ray refuses an argument that is neither a field of ``AsyncEngineArgs`` nor of ``FrontendArgs``
    (Ray 2.60.0, engines/vllm/vllm_models.py), and each of these fields is an option of the command
    under the same name. The options are those of the version that Ray brings, where a table of
    them is shipped; else of the newest, which proves nothing of the other. Values are proven with
    the command.

    Args:
        launch: Of vLLM.
    """
    brought = ray_stack().packages.get("vllm", launch.version)
    table = table_of(launch.engine, brought)
    if table is None:
        said = f"the options of {launch.engine} are not known here"
        return Proof(ID, "unverifiable", _SUBJECT, said, "start it with: serve run ray/serve.yaml")
    known = {
        name.removeprefix("--").replace("-", "_")
        for option in table.options
        for name in option.names
    }
    wrong = tuple(_unknown(engine_kwargs(launch), known))
    if wrong:
        return Proof(ID, "fail", _SUBJECT, "; ".join(wrong), "rename or leave out what is refused")
    said = f"every argument is one of {table.engine} {table.version}"
    if table.version != brought:
        said += f"; this Ray brings {brought}, whose options are not known here"
        return Proof(ID, "unverifiable", _SUBJECT, said, "start it with: serve run ray/serve.yaml")
    return Proof(ID, "pass", _SUBJECT, said)


def _unknown(names: Iterable[str], known: set[str]) -> Iterator[str]:
    """Yield what the engine does not know, with the nearest that it does."""
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 1)
            yield f"{name} is no argument of the engine" + (f": {near[0]}?" if near else "")
