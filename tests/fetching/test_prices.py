"""Refreshed prices: which card an offer is, what is believed, and what a cache survives."""

from __future__ import annotations

import datetime
import hashlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from price_lists import AWS, LAMBDA, TODAY, listed, offered, spot

from rightrig.errors import InputError, MissingError, RightrigError
from rightrig.facts.catalog import Catalog, Layer, shipped
from rightrig.facts.index import DATA
from rightrig.facts.price_snapshot import (
    FILE,
    PREVIOUS,
    Snapshot,
    encoded,
    read_snapshot,
    snapshot_folder,
)
from rightrig.fetching.gpuhunt_offers import Download, from_files, provider_names
from rightrig.fetching.price_cards import (
    AMBIGUOUS,
    NO_CARD,
    PART,
    UNKNOWN,
    Cards,
    Unmapped,
    cards_of,
)
from rightrig.fetching.price_rows import KIND, LARGER, NO_PRICE, REPEATED, rows_of
from rightrig.fetching.price_store import bring_back, keep
from rightrig.fetching.prices import Refresh, bounds_of, refresh

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.facts.price import Price

CATALOG = shipped()


@pytest.mark.parametrize(
    ("provider", "instance", "name", "memory_gib", "slug"),
    [
        ("aws", "p5.48xlarge", "H100", 80.0, "h100-sxm"),
        ("aws", "p4d.24xlarge", "A100", 40.0, "a100-sxm-40gb"),
        ("aws", "p4de.24xlarge", "A100", 80.0, "a100-sxm-80gb"),
        ("aws", "g5.xlarge", "A10G", 22.35, "a10g"),
        ("aws", "g6e.xlarge", "L40S", 44.7, "l40s"),
        ("aws", "g7e.2xlarge", "RTXPRO6000", 95.6, "rtx-pro-6000-server"),
        ("azure", "Standard_NC24ads_A100_v4", "A100", 80.0, "a100-pcie-80gb"),
        ("azure", "Standard_ND96asr_v4", "A100", 40.0, "a100-sxm-40gb"),
        ("azure", "Standard_NC40ads_H100_v5", "H100NVL", 94.0, "h100-nvl"),
        ("gcp", "a3-highgpu-8g", "H100", 80.0, "h100-sxm"),
        ("lambdalabs", "gpu_1x_h100_pcie", "H100", 80.0, "h100-pcie"),
        ("lambdalabs", "gpu_8x_h100_sxm5", "H100", 80.0, "h100-sxm"),
        ("nebius", "gpu-h200-sxm 8gpu-128vcpu-1600gb", "H200", 141.0, "h200-sxm"),
        ("runpod", "NVIDIA H100 PCIe", "H100", 80.0, "h100-pcie"),
        ("runpod", "NVIDIA H100 80GB HBM3", "H100", 80.0, "h100-sxm"),
        ("runpod", "Tesla V100-PCIE-16GB", "V100", 16.0, "v100-pcie-16gb"),
        ("vastai", "1234567", "RTX4060Ti", 8.0, "rtx-4060-ti-8gb"),
        ("vastai", "1234567", "RTX4060Ti", 16.0, "rtx-4060-ti-16gb"),
        ("verda", "1B300.30V", "B300", 268.0, "b300-sxm"),
        ("vultr", "vbm-256c-3072gb-8-mi325x-gpu", "MI325X", 256.0, "mi325x"),
    ],
)
def test_a_name_with_its_machine_and_memory_is_one_card(
    provider: str, instance: str, name: str, memory_gib: float, slug: str
) -> None:
    assert cards_of(provider, offered(instance, name, memory_gib, 1.0, 2), CATALOG) == Cards(
        slug, 2
    )


@pytest.mark.parametrize(
    ("provider", "instance", "name", "memory_gib", "reason"),
    [
        ("vastai", "1234567", "A100", 80.0, AMBIGUOUS),
        ("vastai", "1234567", "H100", 80.0, AMBIGUOUS),
        ("lambdalabs", "gpu_1x_a100", "A100", 40.0, AMBIGUOUS),
        ("oci", "BM.GPU.RTXPRO.8", "RTXPRO6000", 96.0, AMBIGUOUS),
        ("azure", "Standard_NV6ads_A10_v5", "A10", 4.0, PART),
        ("gcp", "g4-standard-6", "RTXPRO6000", 12.0, PART),
        ("runpod", "NVIDIA A100 MIG 1g.10gb", "A100", 80.0, PART),
        ("vastai", "1234567", "RTX4090", 48.0, UNKNOWN),
        ("vastai", "1234567", "GTX9999", 24.0, UNKNOWN),
        ("aws", "g7.2xlarge", "RTXPRO4500", 32.0, UNKNOWN),
        ("gcp", "v2-8", "v2-8", 64.0, UNKNOWN),
    ],
)
def test_what_does_not_follow_is_left_out_with_its_reason(
    provider: str, instance: str, name: str, memory_gib: float, reason: str
) -> None:
    found = cards_of(provider, offered(instance, name, memory_gib, 1.0), CATALOG)
    assert isinstance(found, Unmapped)
    assert found.reason == reason
    assert name in found.what


def test_a_machine_without_cards_is_none_of_ours() -> None:
    assert cards_of("aws", offered("m7i.large", "", None, 0.1, 0), CATALOG) == Unmapped(NO_CARD, "")


@pytest.mark.parametrize(
    ("name", "slug", "chips"),
    [("v5litepod-8", "tpu-v5e", 8), ("v5p-8", "tpu-v5p", 4), ("v6e-4", "tpu-v6e", 4)],
)
def test_a_slice_of_tpus_is_as_many_cards_as_it_has_chips(name: str, slug: str, chips: int) -> None:
    # gpuhunt counts a slice as one accelerator; the 8 of v5p-8 counts cores, two a chip.
    rows = rows_of(listed("gcp", offered(name, name, 128.0, 9.6)), CATALOG)
    price = rows.prices[0]
    assert (price.provider, price.gpu, price.gpu_count) == ("gcp-tpu", slug, chips)
    assert price.per_gpu_usd_per_hour == pytest.approx(9.6 / chips)


def test_the_price_of_a_node_stays_one_and_is_divided_for_a_card() -> None:
    rows = rows_of(listed("aws", *AWS), CATALOG)
    node = next(p for p in rows.prices if p.instance == "p5.48xlarge")
    assert (node.gpu_count, node.on_demand_usd_per_hour, node.spot_usd_per_hour) == (8, 55.04, 24.0)
    assert node.per_gpu_usd_per_hour == pytest.approx(6.88)
    assert node.spot_per_gpu_usd_per_hour == pytest.approx(3.0)
    assert (node.date, node.trust, node.terms) == ("2026-11-21", "refreshed", "on-demand")
    assert len(rows.prices) == 3
    assert rows.left_out == {(NO_CARD, ""): 1}


def test_sizes_at_one_price_a_card_are_one_offer() -> None:
    pods = [offered("NVIDIA L4", "L4", 24.0, 0.44 * n, n, "EU-RO-1") for n in range(1, 9)]
    (price,) = rows_of(listed("runpod", *pods), CATALOG).prices
    assert (price.gpu_count, price.max_gpu_count, price.on_demand_usd_per_hour) == (1, 8, 0.44)
    assert price.availability == "in stock"


def test_sizes_at_different_prices_a_card_are_offers_of_their_own() -> None:
    sizes = [offered("n1-standard-8", "T4", 16.0, 0.4 + 0.35 * n, n, "us-west1-a") for n in (1, 2)]
    prices = rows_of(listed("gcp", *sizes), CATALOG).prices
    assert {(p.instance, p.gpu_count, p.max_gpu_count, p.region) for p in prices} == {
        ("n1-standard-8 x1", 1, 1, "us-west1"),
        ("n1-standard-8 x2", 2, 2, "us-west1"),
    }
    assert len({p.offer for p in prices}) == 2


def test_only_the_cheapest_machines_with_the_same_cards_are_kept() -> None:
    machines = [offered(f"g5.{k}xlarge", "A10G", 22.35, 1.0 + k) for k in range(6)]
    cheap_spot = spot(offered("g5.9xlarge", "A10G", 22.35, 0.2))
    rows = rows_of(listed("aws", *machines, cheap_spot), CATALOG)
    kept = {p.instance for p in rows.prices}
    assert kept == {"g5.0xlarge", "g5.1xlarge", "g5.2xlarge", "g5.9xlarge"}
    assert rows.left_out == {(LARGER, "aws"): 3}


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_a_price_that_is_none_is_left_out(price: float) -> None:
    rows = rows_of(listed("aws", offered("g5.xlarge", "A10G", 24.0, price)), CATALOG)
    assert rows.prices == ()
    assert {reason for reason, _ in rows.left_out} == {NO_PRICE}


def test_marks_of_special_offers_are_obeyed() -> None:
    card = ("B200", 180.0, 64.0, 8, "us-central1-a")
    rows = rows_of(
        listed(
            "gcp",
            offered("a4-highgpu-8g", *card, "gcp-a4", "gcp-dws-calendar-mode"),
            offered("a4-highgpu-8g", *card, "gcp-g4-preview"),
            offered("cluster", *card, "runpod-cluster"),
        ),
        CATALOG,
    )
    assert [(p.terms, p.instance) for p in rows.prices] == [("prepaid", "a4-highgpu-8g")]
    assert rows.left_out == {(REPEATED, "gcp"): 1, (KIND, "runpod-cluster"): 1}


@given(
    st.lists(
        st.builds(
            offered,
            st.sampled_from(["p5.48xlarge", "g5.xlarge", "x", "NVIDIA L4"]),
            st.sampled_from(["H100", "A10G", "L4", "T4", "nothing", ""]),
            st.sampled_from([None, 4.0, 16.0, 24.0, 80.0]),
            st.floats(),
            st.integers(0, 300),
            st.sampled_from(["", "a", "b-c"]),
        ).flatmap(lambda offer: st.sampled_from([offer, spot(offer)])),
        max_size=30,
    )
)
def test_whatever_comes_every_row_is_a_price_of_a_known_card(offers: list[object]) -> None:
    rows = rows_of(listed("aws", *offers), CATALOG)  # type: ignore[arg-type]
    for price in rows.prices:
        assert price.gpu in CATALOG.slugs("gpus")
        assert price.on_demand_usd_per_hour or price.spot_usd_per_hour
        assert price.max_gpu_count % price.gpu_count == 0
    assert len({p.offer for p in rows.prices}) == len(rows.prices)


def refreshed(folder: Path, *lists: object, accept_fewer: bool = False, **failures: str) -> Refresh:
    return refresh(
        Download(lists, failures),  # type: ignore[arg-type]
        folder, CATALOG, TODAY, accept_fewer=accept_fewer,
    )  # fmt: skip


def of(refresh: Refresh, provider: str) -> list[Price]:
    return [p for p in refresh.snapshot.prices if p.provider == provider]


def test_a_refresh_is_written_with_its_day_and_checksum(tmp_path: Path) -> None:
    done = refreshed(tmp_path, listed("lambdalabs", *LAMBDA))
    assert done.path == tmp_path / FILE
    found = read_snapshot(tmp_path / FILE, TODAY)
    assert found == done.snapshot
    assert found is not None
    assert (found.refreshed, found.age_days(TODAY + datetime.timedelta(days=3))) == (TODAY, 3)
    assert {p.provider for p in found.prices} == {"lambda"}
    assert done.left_out == {(AMBIGUOUS, "lambdalabs A100 40 GB"): 1}
    assert done.explain().figures[0].value == 5.0


def test_a_price_twenty_times_off_is_not_believed(tmp_path: Path) -> None:
    bounds = bounds_of(p for p in CATALOG.prices() if p.gpu == "l4")["l4"]
    assert bounds.low_usd_per_hour == pytest.approx(0.44 / 20)
    cents = offered("g6.x", "L4", 24.0, 0.02)
    yen = offered("g6.y", "L4", 24.0, 120.0)
    fine = [offered(f"g6.{k}", "L4", 24.0, 0.8, place=f"r{k}") for k in range(20)]
    done = refreshed(tmp_path, listed("aws", cents, yen, *fine))
    assert {q.price.instance for q in done.quarantined} == {"g6.x", "g6.y"}
    assert {p.instance for p in of(done, "aws")} == {f"g6.{k}" for k in range(20)}


def test_a_card_without_known_prices_has_wide_bounds(tmp_path: Path) -> None:
    assert not [p for p in CATALOG.prices() if p.gpu == "mi300x"]
    name = ("MI300X", 192.0)
    done = refreshed(
        tmp_path, listed("vultr", offered("a", *name, 2.0), offered("b", *name, 500.0))
    )
    assert [p.instance for p in of(done, "vultr")] == ["a"]
    assert [q.price.instance for q in done.quarantined] == ["b"]


def test_a_list_that_shrank_by_half_does_not_replace_the_last(tmp_path: Path) -> None:
    refreshed(tmp_path, listed("lambdalabs", *LAMBDA))
    done = refreshed(tmp_path, listed("lambdalabs", *LAMBDA[:2]))
    assert done.path is None
    assert "2 offers came where 5 were known" in done.providers[0].kept
    found = read_snapshot(tmp_path / FILE, TODAY)
    assert found is not None
    assert len(found.prices) == 5
    forced = refreshed(tmp_path, listed("lambdalabs", *LAMBDA[:2]), accept_fewer=True)
    assert len(of(forced, "lambda")) == 2


def test_a_card_of_the_users_own_catalogue_gets_its_offers() -> None:
    own = CATALOG.gpu("rtx-4090").model_copy(
        update={"slug": "rtx-4090-48gb", "name": "RTX 4090 48 GB", "aliases": ("RTX4090 48GB",),
                "memory_marketed_gib": 48.0},
    )  # fmt: skip
    modded = listed("vastai", offered("123", "RTX4090", 48.0, 0.6))
    both = Catalog(DATA, [Layer({"gpus": {own.slug: own}})])
    assert [p.gpu for p in rows_of(modded, both).prices] == ["rtx-4090-48gb"]
    assert rows_of(modded, CATALOG).prices == ()


def test_the_shipped_offers_are_the_measure_of_a_first_list(tmp_path: Path) -> None:
    # Of AWS 27 offers are shipped: a first list of three is no list of AWS.
    done = refreshed(tmp_path, listed("aws", *AWS))
    assert (done.path, done.snapshot.prices) == (None, ())


def test_a_provider_that_vanishes_keeps_its_offers(tmp_path: Path) -> None:
    vultr = listed("vultr", offered("a", "L40S", 48.0, 1.6))
    refreshed(tmp_path, listed("lambdalabs", *LAMBDA), vultr)
    done = refreshed(tmp_path, vultr, lambdalabs="HTTP Error 404")
    assert len(of(done, "lambda")) == 5
    told = {p.name: p for p in done.providers}
    assert (told["lambda"].prices_count, told["lambda"].kept) == (5, "HTTP Error 404")
    # One that was not asked keeps them too.
    assert len(of(refreshed(tmp_path, vultr), "lambda")) == 5


def test_nothing_came_is_an_error_that_names_the_reason(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"no prices came.*aws: no route"):
        refreshed(tmp_path, aws="no route")
    assert list(tmp_path.iterdir()) == []


def catalog_with(*prices: Price, layers: tuple[Layer, ...] = ()) -> Catalog:
    return Catalog(DATA, layers, lambda: prices)


def test_refreshed_offers_replace_the_shipped_ones_of_their_card_and_provider() -> None:
    rows = rows_of(listed("lambdalabs", *LAMBDA), CATALOG).prices
    lambdas = [p for p in catalog_with(*rows).prices() if p.provider == "lambda"]
    # The shipped H100 at 3.99 has gone; the V100, which the list lacks, is still known.
    assert [p.per_gpu_usd_per_hour for p in lambdas if p.gpu == "h100-sxm"] == [2.99]
    assert [p.is_refreshed for p in lambdas if p.gpu == "v100-sxm-16gb"] == [False]
    others = [p for p in catalog_with(*rows).prices() if p.provider != "lambda"]
    assert others == [p for p in CATALOG.prices() if p.provider != "lambda"]


def test_the_users_own_price_wins_over_a_refreshed_one() -> None:
    (mine,) = rows_of(listed("lambdalabs", LAMBDA[0]), CATALOG).prices
    own = mine.model_copy(update={"on_demand_usd_per_hour": 16.0, "trust": "user"})
    found = catalog_with(mine, layers=(Layer(prices=(own,)),)).prices()
    assert [p.on_demand_usd_per_hour for p in found if p.offer == mine.offer] == [16.0]


def test_an_offer_of_a_card_that_no_record_describes_is_not_used() -> None:
    (price,) = rows_of(listed("lambdalabs", LAMBDA[0]), CATALOG).prices
    strange = price.model_copy(update={"gpu": "h900-sxm"})
    assert catalog_with(strange).prices() == CATALOG.prices()


def snapshot(count: int = 3, refreshed: datetime.date = TODAY) -> Snapshot:
    offers = [offered(f"g6.{k}", "L4", 24.0, 0.8, place=f"r{k}") for k in range(count)]
    return Snapshot(refreshed=refreshed, prices=rows_of(listed("aws", *offers), CATALOG).prices)


WHOLE = encoded(snapshot())


def answer_of(content: bytes, folder: Path) -> tuple[Price, ...]:
    """The prices of the catalogue as a command sees them, with this content as the cache."""
    from rightrig.verbs.refreshed import refreshed_prices  # noqa: PLC0415 - after the environment

    (folder / FILE).write_bytes(content)
    refreshed_prices.cache_clear()
    return Catalog(DATA, (), refreshed_prices).prices()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=300), st.builds(lambda b: WHOLE[:25] + b, st.binary())))
@example(content=b"")
@example(content=b"<html>502 Bad Gateway</html>")
@example(content=WHOLE.replace(b"0.8", b"0.1", 1))
@example(content=WHOLE[:25] + b"0" * 64 + b"\n[[" * 2_000)
def test_any_bytes_as_the_cache_leave_the_shipped_prices_and_one_warning(
    content: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RIGHTRIG_PRICES", str(tmp_path))
    assert answer_of(content, tmp_path) == CATALOG.prices()
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "the shipped prices answer" in told


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(WHOLE) - 1), flip=st.integers(1, 255))
def test_a_file_cut_or_changed_anywhere_is_never_half_used(
    place: int, flip: int, tmp_path: Path
) -> None:
    changed = bytearray(WHOLE)
    changed[place] ^= flip
    for content in (WHOLE[:place], bytes(changed)):
        (tmp_path / FILE).write_bytes(content)
        with pytest.raises(RightrigError):
            read_snapshot(tmp_path / FILE, TODAY)


def test_the_whole_file_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIGHTRIG_PRICES", str(tmp_path))
    assert {p.region for p in answer_of(WHOLE, tmp_path) if p.is_refreshed} == {"r0", "r1", "r2"}


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b'"gpu_count":1', b'"gpu_count":-1'),
        (b'"date":"2026-11-21"', b'"date":"2026-13-45"'),
        (b'"on_demand_usd_per_hour":0.8', b'"on_demand_usd_per_hour":-0.8'),
        (b'"trust":', b'"faith":'),
    ],
)
def test_a_right_checksum_does_not_make_wrong_rows_right(
    right: bytes, wrong: bytes, tmp_path: Path
) -> None:
    content = WHOLE.partition(b"\n")[2].replace(right, wrong)
    assert wrong in content
    head = b"rightrig prices 1 sha256 " + hashlib.sha256(content).hexdigest().encode()
    (tmp_path / FILE).write_bytes(head + b"\n" + content)
    with pytest.raises(RightrigError, match="another version"):
        read_snapshot(tmp_path / FILE, TODAY)


def test_a_snapshot_of_tomorrow_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(encoded(snapshot(1, TODAY + datetime.timedelta(days=9))))
    with pytest.raises(RightrigError, match="in the future"):
        read_snapshot(tmp_path / FILE, TODAY)


def test_a_folder_or_pipe_in_place_of_the_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FILE)
    with pytest.raises(InputError, match="folder, pipe or device"):
        read_snapshot(tmp_path / FILE)


KILLED = """
import os, signal, sys
from pathlib import Path
from rightrig.facts.price_snapshot import encoded, read_snapshot
from rightrig.fetching import price_store

folder, stage = Path(sys.argv[1]), int(sys.argv[2])
calls = 0
def at(function):
    def called(*arguments, **named):
        global calls
        calls += 1
        if calls == stage:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)
    return called
os.fsync, os.rename, Path.replace = at(os.fsync), at(os.rename), at(Path.replace)
old = read_snapshot(folder / "prices.json")
price_store.keep(old.model_copy(update={"prices": old.prices[:1]}), folder)
"""


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
def test_a_refresh_that_is_killed_leaves_the_old_prices_whole(stage: int, tmp_path: Path) -> None:
    keep(snapshot(3), tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(stage)], check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL
    found = read_snapshot(tmp_path / FILE)
    assert found is not None
    assert len(found.prices) == 3
    before = tmp_path / PREVIOUS
    assert not before.exists() or read_snapshot(before) == found


def test_what_a_killed_refresh_left_is_cleaned_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / f".{FILE}.7.7.part"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    keep(snapshot(1), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


FULL = """
import resource, sys
from pathlib import Path
from rightrig.errors import RightrigError
from rightrig.facts.price_snapshot import read_snapshot
from rightrig.fetching import price_store

folder = Path(sys.argv[1])
old = read_snapshot(folder / "prices.json")
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    price_store.keep(old, folder)
except RightrigError as error:
    print(error.exit_code, error)
"""


def test_a_full_disk_is_one_sentence_and_changes_nothing(tmp_path: Path) -> None:
    keep(snapshot(3), tmp_path)
    content = (tmp_path / FILE).read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout.startswith("3 ")
    assert "cannot be written" in done.stdout
    assert done.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert (tmp_path / FILE).read_bytes() == content


def test_undo_swaps_the_last_two_and_a_damaged_file_never_becomes_the_earlier_one(
    tmp_path: Path,
) -> None:
    with pytest.raises(InputError, match="no earlier snapshot"):
        bring_back(tmp_path)
    first, second = snapshot(1), snapshot(2)
    keep(first, tmp_path)
    keep(second, tmp_path)
    assert bring_back(tmp_path) == first
    assert bring_back(tmp_path) == second
    (tmp_path / FILE).write_bytes(b"damaged")
    keep(snapshot(3), tmp_path)
    assert read_snapshot(tmp_path / PREVIOUS) == first


def test_the_variable_says_which_prices_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RIGHTRIG_PRICES", "shipped")
    assert snapshot_folder() is None
    monkeypatch.setenv("RIGHTRIG_PRICES", str(tmp_path))
    assert snapshot_folder() == tmp_path
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RIGHTRIG_PRICES", "")
    found = snapshot_folder()
    assert found is not None
    assert found.is_relative_to(tmp_path)


def test_providers_are_known_by_our_names_and_gpuhunts() -> None:
    assert provider_names("Lambda, aws,aws") == ("lambdalabs", "aws")
    assert {"aws", "vastai"} <= set(provider_names(None))
    with pytest.raises(InputError, match=r"no prices of 'awz'.*aws, azure"):
        provider_names("awz")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<html>404</html>", "not a zip file"),
        (b"", "not a zip file"),
        (b"PK\x05\x06" + bytes(18), "holds none of aws"),
    ],
)
def test_a_file_that_is_no_archive_is_wrong_input(
    content: bytes, says: str, tmp_path: Path
) -> None:
    (tmp_path / "catalog.zip").write_bytes(content)
    with pytest.raises(InputError, match=f"(?i)no archive of gpuhunt's lists.*{says}"):
        from_files([tmp_path / "catalog.zip"], None, 30.0, TODAY)
