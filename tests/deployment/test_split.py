"""From --tp, --pp, --dp, --cp and --replicas to a split, or to the reason why not."""

from __future__ import annotations

import pytest

import rightrig
from rightrig.deployment.parallelism import Parallelism
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError

CATALOG = rightrig.shipped()


def split_of(model: str, rig: str, choices: Choices) -> Parallelism:
    return propose(CATALOG, CATALOG.llm(model), parse_rig(rig, CATALOG), choices).parallelism


def refusal(model: str, rig: str, choices: Choices) -> str:
    with pytest.raises(InputError) as caught:
        split_of(model, rig, choices)
    return str(caught.value)


@pytest.mark.parametrize(
    ("model", "rig", "choices", "split"),
    [
        ("deepseek-v3", "8xh200-sxm", Choices(attention_dp=8), Parallelism(1, 1, 1, 8)),
        ("deepseek-v3", "8xh200-sxm", Choices(attention_dp=4), Parallelism(2, 1, 1, 4)),
        ("deepseek-v3", "8xh200-sxm", Choices(attention_dp=2, tp=4), Parallelism(4, 1, 1, 2)),
        (
            "deepseek-v3",
            "2n:8xh200-sxm",
            Choices(attention_dp=8, replicas=2),
            Parallelism(1, 1, 2, 8),
        ),
        ("deepseek-v3", "8xh200-sxm", Choices(context_parallel=4), Parallelism(8, 1, 1, 1, 4)),
        # Four key-value heads over eight ranks: two ranks hold the same.
        ("qwen3-235b-a22b", "8xh200-sxm", Choices(context_parallel=2), Parallelism(8, 1, 1, 1, 2)),
        ("llama-3.3-70b", "8xh100-sxm", Choices(attention_dp=1), Parallelism(8)),
        ("llama-3.2-1b", "7xh100-sxm@mig=1g.10gb", Choices(), Parallelism(1, 1, 7)),
        (
            "llama-3.2-1b",
            "4xh100-sxm@mig=1g.10gb",
            Choices(tp=1, replicas=4),
            Parallelism(1, 1, 4),
        ),
    ],
)
def test_what_is_asked_becomes_a_split(
    model: str, rig: str, choices: Choices, split: Parallelism
) -> None:
    found = split_of(model, rig, choices)
    assert found == split
    assert found.cards == parse_rig(rig, CATALOG).cards_count


@pytest.mark.parametrize(
    ("model", "choices", "says"),
    [
        ("deepseek-v3", Choices(attention_dp=3), "--dp 3 does not divide the 8 cards"),
        ("deepseek-v3", Choices(attention_dp=0), "--dp is 0: it must be a whole number from 1"),
        ("deepseek-v3", Choices(context_parallel=-1), "--cp is -1"),
        ("deepseek-v3", Choices(context_parallel=3), "use a divisor of 8"),
        (
            "deepseek-v3",
            Choices(runtime="llama.cpp", attention_dp=2),
            "splits by layers, not by tensors; leave --dp out",
        ),
        (
            "deepseek-v3",
            Choices(runtime="llama.cpp", context_parallel=2),
            "leave --cp out",
        ),
        ("llama-3.3-70b", Choices(attention_dp=2), "shares experts over ranks"),
        ("qwen3-235b-a22b", Choices(context_parallel=4), "tp=8, 4 key-value heads"),
        ("gemma-3-27b-it", Choices(context_parallel=2), "spreads caches that keep every token"),
        (
            "qwen3-next-80b-a3b-instruct",
            Choices(context_parallel=2),
            "spreads caches that keep every token",
        ),
        (
            "deepseek-v3",
            Choices(runtime="lmdeploy", context_parallel=2),
            "has no decode context parallelism",
        ),
    ],
)
def test_a_split_that_cannot_be_is_refused_with_what_works(
    model: str, choices: Choices, says: str
) -> None:
    assert says in refusal(model, "8xh200-sxm", choices)


def test_mig_instances_are_not_joined() -> None:
    said = refusal("llama-3.2-1b", "4xh100-sxm@mig=1g.10gb", Choices(tp=2))
    assert "would join 2 MIG instances, which have no link" in said


def test_groups_that_attend_apart_hold_separate_sequences() -> None:
    split = Parallelism(tp=2, pp=1, replicas=3, attention_dp=4)
    assert (split.expert_ranks, split.engine_cards, split.cards) == (8, 8, 24)
    assert split.engine_seqs_groups == 12
    assert split.text == "3×tp2·dp4"
