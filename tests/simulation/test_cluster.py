"""Engines and clusters that contradict themselves are refused with what to do instead."""

from __future__ import annotations

import numpy as np
import pytest
from replaying import replayed
from small_clusters import cluster, engines, fixed, traits

from rightrig.demand.objective import SloClass
from rightrig.errors import InputError
from rightrig.simulation.cluster import Autoscaling, Cluster, PrefixCache, Transfer
from rightrig.simulation.world import new_world


def test_a_static_batch_reserves_whole_answers() -> None:
    with pytest.raises(InputError, match="reserve 'whole'"):
        traits(order="static")
    assert traits(order="static", reserve="whole").order == "static"


def test_blocks_of_prefixes_are_multiples_of_the_engines() -> None:
    with pytest.raises(InputError, match=r"24 tokens.*engine's 16"):
        traits(prefix_cache=PrefixCache(24))


def test_a_cluster_has_replicas() -> None:
    with pytest.raises(InputError, match="at least one replica"):
        Cluster(())
    with pytest.raises(InputError, match="at least one replica"):
        cluster(engines(0))


def test_roles_are_both_or_divided() -> None:
    sends = traits(transfer=Transfer(0.0, 0.0))
    with pytest.raises(InputError, match="replicas only prefill"):
        cluster(engines(own=sends, role="prefill"))
    with pytest.raises(InputError, match="divided into prefill and decode"):
        cluster(engines(), engines(role="decode"))
    with pytest.raises(InputError, match="need a link"):
        cluster(engines(role="prefill"), engines(role="decode"))
    assert cluster(engines(own=sends, role="prefill"), engines(role="decode")).is_divided


def test_divided_replicas_are_not_scaled() -> None:
    sends = traits(transfer=Transfer(0.0, 0.0))
    with pytest.raises(InputError, match="autoscaling of divided"):
        cluster(
            engines(own=sends, role="prefill"),
            engines(role="decode"),
            autoscaling=Autoscaling(1, 8.0),
        )


def test_a_table_that_is_too_small_is_a_fault_of_the_caller() -> None:
    small = engines(own=traits(max_seqs=4))
    with pytest.raises(ValueError, match="not max_seqs"):
        new_world(cluster(type(small)(traits(max_seqs=64), small.table)), fixed([0.0], 1, 1), 1)


def test_eight_priorities_are_simulated_and_no_more() -> None:
    for count in (8, 9):
        requests = fixed(
            [0.0] * count,
            10,
            10,
            class_index=np.arange(count),
            classes=tuple(SloClass(name=str(k), priority=k) for k in range(count)),
        )
        if count == 8:
            assert len(replayed(cluster(), requests).served) == 8
        else:
            with pytest.raises(InputError, match="at most 8"):
                replayed(cluster(), requests)


def test_classes_of_one_priority_share_a_queue() -> None:
    requests = fixed(
        [0.0, 0.1, 0.2],
        10,
        100,
        class_index=np.array([0, 1, 0]),
        classes=tuple(SloClass(name=name, priority=7) for name in ("a", "b")),
    )
    found = replayed(cluster(engines(own=traits(max_seqs=1))), requests).records
    assert (np.diff(found["scheduled_s"]) > 0.0).all()


def test_a_table_of_a_slower_engine_is_longer_in_all_its_parts() -> None:
    table = engines().table
    slower = table.scaled(2.0)
    for name in ("decode_s", "device_s", "rows_s", "prefill_s", "step_s", "eager_s", "sequence_s"):
        np.testing.assert_allclose(getattr(slower, name), 2.0 * np.asarray(getattr(table, name)))
    np.testing.assert_array_equal(slower.knots_tokens, table.knots_tokens)
