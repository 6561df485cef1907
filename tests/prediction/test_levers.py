"""Changes that make a deployment fit: which are offered when."""

from __future__ import annotations

import pytest

import rightrig
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.prediction.levers import levers
from rightrig.prediction.memory_fit import fit

CATALOG = rightrig.shipped()


@pytest.mark.parametrize("max_seqs", [30, 31, 256])
def test_a_larger_share_of_the_card_is_offered_whatever_the_sequences(max_seqs: int) -> None:
    rig = parse_rig("1xh100-sxm", CATALOG)
    choices = Choices(runtime="vllm", max_seqs=max_seqs)
    answer = fit(propose(CATALOG, CATALOG.llm("llama-2-7b"), rig, choices), 4096, 30)
    assert answer.verdict == "no"
    first = levers(answer)[0]
    assert (first.change, first.costs) == ("--gpu-memory-utilization 0.95", "nothing")


def test_a_limit_on_sequences_that_is_low_already_is_not_raised() -> None:
    rig = parse_rig("1xrtx-4090", CATALOG)
    few = Choices(runtime="vllm", max_seqs=32, max_batched_tokens=8192)
    answer = fit(propose(CATALOG, CATALOG.llm("llama-3.1-8b"), rig, few), 4096, 10)
    assert answer.verdict == "no"
    changes = [lever.change for lever in levers(answer)]
    assert "--gpu-memory-utilization 0.95" in changes
    assert not any("--max-seqs" in change for change in changes)
