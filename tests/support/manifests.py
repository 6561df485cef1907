"""Manifests of recipes as documents, from the words of the command line."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import yaml
from servings import serving

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.recipes.launch import File, Launch
    from rightrig.recipes.serving import Serving


def started(model: str, on: str, runtime: str, **choices: Any) -> tuple[Serving, Launch]:
    """Return a serving and how its engine is started."""
    found = serving(model, on, runtime=runtime, **choices)
    return found, launch_of(found)


def launch_of(found: Serving) -> Launch:
    """Return how the engine of a serving is started."""
    name = found.runtime.slug.replace("-", "_").replace(".", "_")
    launch: Launch = import_module(f"rightrig.recipes.engines.{name}").launch_of(found)
    return launch


def documents(files: Iterable[File]) -> list[dict[str, Any]]:
    """Return all documents of YAML files."""
    named = (one for one in files if one.path.endswith(".yaml"))
    return [document for one in named for document in yaml.safe_load_all(one.text)]


def only(files: Iterable[File], kind: str) -> dict[str, Any]:
    """Return the one document of a kind."""
    (found,) = [one for one in documents(files) if one.get("kind") == kind]
    return found


def pods(files: Iterable[File]) -> list[dict[str, Any]]:
    """Return the specifications of pods."""
    found = []
    for one in documents(files):
        spec = one.get("spec", {})
        groups = spec.get("leaderWorkerTemplate", {})
        templates = [
            spec.get("template"),
            groups.get("leaderTemplate"),
            groups.get("workerTemplate"),
        ]
        found += [template["spec"] for template in templates if template]
        found += [spec["predictor"]] if "predictor" in spec else []
    return found
