"""The deployments that a command tries beside the one that it names."""

from __future__ import annotations

import rightrig
from rightrig.verbs.deploying import Choices, deploy, others

CATALOG = rightrig.shipped()


def test_other_runtimes_are_tried_under_the_system_that_was_named() -> None:
    asked = deploy(
        CATALOG, "llama-3.3-70b", "rtx-4090", Choices(runtime="vllm", operating_system="windows")
    )
    found = others(CATALOG, asked)
    assert list(found) == ["--runtime llama.cpp --weights q4_k_m"]
    assert [other.operating_system for other in found.values()] == ["windows"]
