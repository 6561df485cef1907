"""MIG profiles: what each instance has, by what a driver printed and never by slices / 7."""

from __future__ import annotations

import csv
import os
import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.index import DATA
from rightrig.facts.mig import MigProfile, MigTable, instance_gpu, instance_memory_bytes
from rightrig.quantities import GIB

SHARED: Final = Path(
    os.environ.get("RIGHTRIG_SHARED") or Path(__file__).parents[2] / ".." / "shared"
)
FILES: Final = tuple(sorted((DATA / "mig").glob("*.toml")))
# Cards whose record says that they are partitioned, and whose profiles no source lists.
WITHOUT_TABLE: Final = {"gb300", "gh200-144gb", "h100-pcie", "h20-96gb"}
CATALOG: Final = shipped()
# Sizes that the table of facts gives and that exceed what nvidia-smi prints for the whole card.
NOMINAL_ONLY: Final = {("B200-180", "4g.90gb"), ("B200-180", "7g.180gb")}
# Found after the table was made: NOTES.md, "Corrections and holes".
CORRECTED: Final = {
    ("B200-180", "1g.23gb"), ("B200-180", "1g.23gb+me"), ("B200-180", "1g.45gb"),
    ("B200-180", "2g.45gb"),
}  # fmt: skip


def table(gpu: str) -> MigTable:
    found = CATALOG.mig_table(gpu)
    assert found is not None
    return found


def profile(gpu: str, name: str) -> MigProfile:
    return table(gpu).profile(name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_table_matches_its_schema_and_names_cards_of_the_catalogue(path: Path) -> None:
    record = MigTable.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    assert record.slug == path.stem
    assert record.sources
    assert CATALOG.gpu(record.slug).mig_instance_count == max(
        p.max_instance_count for p in record.profiles
    )
    cards = [alias for alias in record.aliases if alias in CATALOG.slugs("gpus")]
    sizes = {CATALOG.gpu(card).memory_marketed_gib for card in (record.slug, *cards)}
    assert len(sizes) == 1, "cards of one table have one memory"


def test_every_card_that_is_partitioned_has_a_table_or_is_known_to_lack_one() -> None:
    partitioned = {g.slug for g in CATALOG.gpus() if g.mig_instance_count and g.vendor == "NVIDIA"}
    assert {slug for slug in partitioned if not CATALOG.mig_profiles(slug)} == WITHOUT_TABLE


def test_a_card_without_mig_has_no_profiles() -> None:
    assert CATALOG.mig_profiles("rtx-4090") == ()


@pytest.mark.parametrize(
    ("name", "sms_count", "gib", "most_count"),
    [
        ("1g.10gb", 16, 9.75, 7),
        ("1g.20gb", 26, 19.62, 4),
        ("2g.20gb", 32, 19.62, 3),
        ("3g.40gb", 60, 39.5, 2),
        ("4g.40gb", 64, 39.5, 1),
        ("7g.80gb", 132, 79.25, 1),
    ],
)
def test_an_h100_is_cut_as_its_driver_prints(
    name: str, sms_count: int, gib: float, most_count: int
) -> None:
    found = profile("h100-sxm", name)
    assert (found.sm_count, found.memory_gib) == (sms_count, gib)
    assert found.max_instance_count == most_count


@pytest.mark.parametrize(
    ("gpu", "name", "sms_count", "gib"),
    [
        ("b200-sxm", "1g.45gb", 30, 44.25),
        ("b200-sxm", "2g.45gb", 36, 44.25),
        ("gb200", "1g.47gb", 32, 45.5),
        ("gb200", "2g.47gb", 38, 45.5),
        ("h100-nvl", "1g.12gb", 16, 10.75),
        ("h100-nvl", "1g.24gb", 26, 21.62),
        ("h100-nvl", "3g.47gb", 60, 46.38),
        ("h100-nvl", "7g.94gb", 132, 93.12),
        ("h200-sxm", "1g.18gb", 16, 16.0),
        ("h200-sxm", "1g.35gb", 26, 32.25),
        ("gb200", "1g.23gb", 18, 22.0),
        ("a100-sxm-80gb", "7g.80gb", 98, 78.5),
    ],
)
def test_sizes_found_after_the_table_are_in_the_records(
    gpu: str, name: str, sms_count: int, gib: float
) -> None:
    found = profile(gpu, name)
    assert (found.sm_count, found.memory_gib) == (sms_count, gib)


@pytest.mark.parametrize(
    ("gpu", "name"),
    [("b200-sxm", "3g.90gb"), ("b200-sxm", "7g.180gb"), ("b300-sxm", "1g.34gb")],
)
def test_sms_that_nobody_printed_stay_unknown(gpu: str, name: str) -> None:
    assert profile(gpu, name).sm_count is None
    assert instance_gpu(CATALOG.gpu(gpu), table(gpu), name).sm_count is None


def test_seven_small_instances_of_an_h100_strand_fifteen_per_cent_of_its_sms() -> None:
    small = profile("h100-sxm", "1g.10gb")
    used = small.max_instance_count * (small.sm_count or 0)
    assert 1 - used / 132 == pytest.approx(0.15, abs=0.003)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_mix_of_one_profile_exceeds_the_card(path: Path) -> None:
    cut = table(path.stem)
    card = CATALOG.gpu(path.stem)
    for p in cut.profiles:
        assert p.memory_slice_count * p.max_instance_count <= cut.memory_slice_total
        assert (p.sm_count or 0) * p.max_instance_count <= (card.sm_count or 0)
        whole_gib = (card.memory_nvml_mib or 0) / 1024
        assert (p.memory_gib or 0) * p.max_instance_count <= whole_gib


def test_an_instance_is_a_card_with_its_share_of_everything() -> None:
    h100 = CATALOG.gpu("h100-sxm")
    small = instance_gpu(h100, table("h100-sxm"), "1g.10gb")
    assert small.name.endswith("MIG 1g.10gb")
    assert small.slug == "h100-sxm", "prices and efficiencies are still looked up by the card"
    assert (small.mig_profile, h100.mig_profile) == ("1g.10gb", "")
    assert small.sm_count == 16
    assert small.memory_bytes.mid == 9.75 * GIB
    assert small.memory_bandwidth_bytes_per_s == pytest.approx(3.35e12 / 8)
    assert (small.peak.bf16_flop_per_s or 0) == pytest.approx(119.9e12, rel=0.001)
    assert small.fabric is None
    assert small.pcie is not None
    assert not small.pcie.peer_to_peer


def test_a_wide_memory_profile_has_twice_the_bandwidth_of_a_narrow_one() -> None:
    h100, cut = CATALOG.gpu("h100-sxm"), table("h100-sxm")
    wide, narrow = (instance_gpu(h100, cut, name) for name in ("1g.20gb", "1g.10gb"))
    ratio = wide.memory_bandwidth_bytes_per_s / narrow.memory_bandwidth_bytes_per_s
    assert ratio == 2.0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_size_that_nobody_printed_has_an_interval_that_holds_those_that_were(path: Path) -> None:
    card, cut = CATALOG.gpu(path.stem), table(path.stem)
    for known in (p for p in cut.profiles if p.memory_gib):
        estimate = instance_memory_bytes(card, cut, known.model_copy(update={"memory_gib": None}))
        assert estimate.low <= (known.memory_gib or 0) * GIB <= estimate.high


def test_a_profile_that_a_card_lacks_is_refused_with_those_it_has() -> None:
    with pytest.raises(InputError, match=r"h100-sxm has no MIG profile '2g.10gb'; it has 1g.10gb"):
        profile("h100-sxm", "2g.10gb")


def test_every_row_of_the_fact_table_is_in_the_records() -> None:
    path = SHARED / "facts" / "mig_profiles.csv"
    if not path.is_file():
        pytest.skip(f"mig_profiles.csv is not in {SHARED}: set RIGHTRIG_SHARED")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(table(p.stem).profiles) for p in FILES) == 76
    for row in rows:
        found = profile(row["gpu"], row["profile"])
        assert found.compute_slice_count == int(row["compute_slices"])
        assert found.max_instance_count == int(row["max_instances"])
        if row["copy_engines"]:
            assert found.copy_engine_count == int(row["copy_engines"])
        if row["sm_count"]:
            assert found.sm_count == int(row["sm_count"])
        key = (row["gpu"], row["profile"])
        if row["memory_gib"] and key not in NOMINAL_ONLY | CORRECTED:
            assert found.memory_gib == float(row["memory_gib"])
        suffix = re.search(r"(\+me\.all|\+me|-me)$", found.profile)
        assert found.media_extension == (suffix[0] if suffix else "")
