"""Rigs of several machines: how many, and how fast the network between them is."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

import rightrig
from rightrig.deployment.propose import propose
from rightrig.deployment.rig import NODE_LINK_BYTES_PER_S, Rig, parse_rig
from rightrig.errors import InputError
from rightrig.facts.system import System

CATALOG = rightrig.shipped()


def rig(text: str) -> Rig:
    return parse_rig(text, CATALOG)


def test_two_dgx_spark_are_two_machines_of_one_chip_over_their_network() -> None:
    pair = rig("dgx-spark-pair")
    assert (pair.nodes_count, pair.cards_per_node, pair.gpu.slug) == (2, 1, "gb10")
    assert (pair.link(2).kind, pair.link(2).bytes_per_s) == ("network", 25e9)
    assert rig(pair.text) == pair
    assert CATALOG.system("dgx-spark-pair").rig == "2n:1xgb10"


def test_an_engine_on_two_dgx_spark_has_two_stages() -> None:
    split = propose(CATALOG, CATALOG.llm("llama-3.3-70b"), rig("dgx-spark-pair")).parallelism
    assert (split.tp, split.pp) == (1, 2)


def test_a_rack_with_one_fabric_is_one_machine() -> None:
    rack = rig("gb200-nvl72")
    assert (rack.nodes_count, rack.cards_per_node) == (1, 72)
    assert rack.link(72).kind == "nvlink-switch"


def test_pairs_can_be_multiplied() -> None:
    assert rig("2n:dgx-spark-pair").nodes_count == 4


@pytest.mark.parametrize("text", ["2n:8xh100-sxm@net=50GB/s", "2n:8xh100-sxm@NET=50GB"])
def test_the_network_between_machines_may_be_named(text: str) -> None:
    found = rig(text)
    assert found.link(16).bytes_per_s == 50e9
    assert found.link(8).kind == "nvlink-switch"
    assert rig(found.text) == found


def test_a_network_that_nobody_names_is_100_gigabit() -> None:
    assert rig("2n:8xh100-sxm").link(9).bytes_per_s == NODE_LINK_BYTES_PER_S == 12.5e9


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("8xh100-sxm@net=50GB/s", "write 2n: before it"),
        ("2n:1xl4@net=1GB/s+1xl4@net=2GB/s", "two rates of the network"),
        ("2n:1xl4@net=fast", "net is 'fast'"),
        ("2n:1xl4@net=0", "net is 0"),
        ("dgx-spark-pair+1xrtx-4090", "mixes a system of several machines"),
        ("1024n:dgx-spark-pair", "nodes"),
    ],
)
def test_a_network_that_cannot_be_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        rig(text)


def test_machines_of_a_system_are_equal() -> None:
    record = CATALOG.system("dgx-spark-pair").model_dump()
    with pytest.raises(ValidationError, match="nodes_count must divide gpu_count"):
        System.model_validate({**record, "gpu_count": 3})
