"""The pages of the catalogue: every record stands in one table, with the record's own figures."""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from scripts import load_script

from rightrig.facts.catalog import shipped
from rightrig.work.kv_cache import model_kv_bytes_per_token

ROOT: Final = Path(__file__).parents[1]
KINDS: Final = {
    "gpus": "gpus",
    "models": "llms",
    "rigs": "systems",
    "runtimes": "runtimes",
    "links": "links",
}


@cache
def tables() -> Any:
    """Return the module that makes the tables; its own part lies beside it."""
    sys.path.append(str(ROOT / "docs"))
    return load_script("docs/catalogue_tables.py")


def rows_of(name: str) -> list[list[str]]:
    """Return the cells of one table, without its headers."""
    lines = tables().TABLES[name]().splitlines()[2:]
    return [re.split(r" \| ", line.removeprefix("| ").removesuffix(" |")) for line in lines]


@pytest.mark.parametrize("page", KINDS)
def test_every_record_stands_in_one_row_of_one_table(page: str) -> None:
    names = [name for name in tables().TABLES if name == page or name.startswith(f"{page}-")]
    shown = [row[0].strip("`") for name in names for row in rows_of(name)]
    catalog = shipped()
    slugs = catalog.slugs(KINDS[page])
    wanted = [catalog.llm(slug).name for slug in slugs] if page == "models" else list(slugs)
    assert sorted(shown) == sorted(wanted)


def test_every_figure_about_power_and_every_profile_is_shown() -> None:
    catalog = shipped()
    power = [row for name in tables().POWER_GROUPS for row in rows_of(name)]
    assert len(power) == len(catalog.slugs("power"))
    profiles = [row for name in tables().MIG_GROUPS for row in rows_of(name) if row[1].strip()]
    cut = [catalog.mig_table(slug) for slug in catalog.slugs("mig")]
    assert len(profiles) == sum(len(one.profiles) for one in cut if one is not None)


def test_a_row_of_a_card_has_its_record() -> None:
    row = next(row for row in rows_of("gpus-nvidia-data-centre") if row[0] == "`h100-sxm`")
    assert row[1:9] == [
        "Hopper 9.0", "80 GB HBM3", "81,559", "3,350", "989", "1,979", "700",
        "PCIe 5 ×16; NVLink 4 switch of 8, 450 GB/s",
    ]  # fmt: skip


def test_a_row_of_a_model_has_its_counts() -> None:
    row = next(row for row in rows_of("models-latent") if row[0] == "`deepseek-ai/DeepSeek-V3`")
    llm = shipped().llm("deepseek-v3")
    assert row[1:5] == ["671.03", "37.55", "61 mla 512+64", "70,272"]
    assert model_kv_bytes_per_token(llm, 16.0) == 70272.0


def test_a_price_is_the_least_of_its_provider_with_date_and_trust() -> None:
    rows = [row for name in tables().PRICE_GROUPS for row in rows_of(name)]
    offers = [offer for offer in shipped().prices() if offer.terms == "on-demand"]
    priced = {(o.gpu, o.provider) for o in offers if o.per_gpu_usd_per_hour is not None}
    assert {(row[0].strip("`"), row[1]) for row in rows} == priced
    of_gcp = [o for o in offers if (o.gpu, o.provider) == ("l4", "gcp")]
    least = min(o.per_gpu_usd_per_hour or 0.0 for o in of_gcp)
    row = next(row for row in rows if row[:2] == ["`l4`", "gcp"])
    assert row[2] == f"{least:.3f}"
    assert all(row[5].strip() and row[6].strip() for row in rows)


def test_links_of_sources_are_the_records_own() -> None:
    of_cards = {link.reference for gpu in shipped().gpus() for link in gpu.sources}
    names = [name for name in tables().TABLES if name.startswith("gpus-")]
    shown = {url for name in names for url in re.findall(r"\]\((\S+?)\)", tables().TABLES[name]())}
    blob = r"https://github.com/\1/blob"
    own = {re.sub(r"github:([^@:]+)@(\w+):", rf"{blob}/\2/", r) for r in of_cards}
    # Without a commit the file as it is now.
    own |= {re.sub(r"github:([^@:]+):", rf"{blob}/HEAD/", r) for r in of_cards}
    assert shown
    assert shown <= own
