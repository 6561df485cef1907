"""Users' catalogues: what they add and replace, and how a mistake in them is named."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from user_records import CARD

import rightrig
from rightrig.errors import RightrigError
from rightrig.facts.index import DATA, KINDS
from rightrig.facts.user_catalog import user_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONFIG: Final = """{"model_type": "llama", "hidden_size": 64, "intermediate_size": 128,
"num_attention_heads": 4, "num_hidden_layers": 2, "vocab_size": 100,
"max_position_embeddings": 512}"""
MODEL: Final = """
name = "Deep"
family = "llama"
hidden_size = 64
vocab_size = 100
max_context_tokens = 512
tied_embeddings = true
final_norm_params = 64
layout = [[0, 2]]
checkpoint = { format = "bf16" }
[[blocks]]
attention = { kind = "full", head_count = 4, kv_head_count = 4, head_dim = 16 }
ffn = { inner_size = 128 }
norm_params = 128
"""
PRICES: Final = "provider,gpu,max_gpu_count,on_demand_usd_per_hour,date\n"
SYSTEM: Final = """
name = "Mine"
kind = "server"
gpu = "my-card"
gpu_count = 2
topology = "PCIe"
"""
MOST_S: Final = 10.0


def put(folder: Path, place: str, text: str | bytes) -> Path:
    """Write a file of a catalogue and return the catalogue's folder."""
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def sentence(folder: Path | str) -> str:
    """Return the one sentence that a catalogue is refused with, in bounded time."""
    started_s = time.process_time()
    with pytest.raises(RightrigError) as refused:
        rightrig.load_catalog(folders=[folder])
    assert time.process_time() - started_s < MOST_S
    text = str(refused.value)
    assert "\n" not in text
    assert text.isprintable()
    assert len(text) < 1000
    assert refused.value.exit_code == 2
    return text


def test_a_new_card_answers_to_its_slug_name_and_aliases(tmp_path: Path) -> None:
    catalog = rightrig.load_catalog([put(tmp_path, "gpus/my-card.toml", CARD)])
    for name in ("my-card", "MY48", "my card 48 gb"):
        assert catalog.gpu(name).slug == "my-card"
    assert set(catalog.slugs("gpus")) - set(rightrig.shipped().slugs("gpus")) == {"my-card"}
    assert list(catalog.slugs("gpus")) == sorted(catalog.slugs("gpus"))


def test_a_record_without_sources_is_stated_by_the_user(tmp_path: Path) -> None:
    card = rightrig.load_catalog([put(tmp_path, "gpus/my-card.toml", CARD)]).gpu("my48")
    (source,) = card.sources
    assert (source.kind, source.note) == ("user", "stated by the user")
    assert source.reference == str(tmp_path / "gpus/my-card.toml")


def test_a_record_keeps_its_own_sources_beside_the_file(tmp_path: Path) -> None:
    text = f'{CARD}\n[[sources]]\nreference = "a quote"\nkind = "page"\ndate = 2026-11-20\n'
    card = rightrig.load_catalog([put(tmp_path, "gpus/my-card.toml", text)]).gpu("my48")
    assert [source.kind for source in card.sources] == ["page", "user"]
    assert card.sources[0].date == "2026-11-20"


def test_the_last_folder_comes_first_and_the_shipped_catalogue_stays_as_it_was(
    tmp_path: Path,
) -> None:
    first = put(tmp_path / "a", "gpus/rtx-4090.toml", CARD.replace("my48", "4090"))
    second = put(tmp_path / "b", "gpus/rtx-4090.toml", CARD.replace("48.0", "96.0"))
    before = rightrig.shipped().gpu("rtx-4090")
    assert rightrig.load_catalog([second, first]).gpu("4090").memory_marketed_gib == 48.0
    assert rightrig.load_catalog([first, second]).gpu("rtx-4090").memory_marketed_gib == 96.0
    assert rightrig.shipped().gpu("4090") == before
    note = rightrig.load_catalog([first]).gpu("4090").sources[-1].note
    assert note == "stated by the user; replaces the record rtx-4090"


def test_a_configuration_in_a_folder_counts_as_a_model(tmp_path: Path) -> None:
    catalog = rightrig.load_catalog([put(tmp_path, "llms/Acme--Tiny/config.json", CONFIG)])
    for name in ("acme/tiny", "Tiny", "acme--tiny"):
        assert catalog.llm(name).name == "Acme/Tiny"
    assert catalog.llm("tiny").sources[0].kind == "user"


def test_prices_add_offers_and_replace_the_same_offer(tmp_path: Path) -> None:
    put(tmp_path, "gpus/my-card.toml", CARD)
    put(tmp_path, "prices/own.csv", f"{PRICES}acme,MY48,8,0.5,2026-11-20\n")
    catalog = rightrig.load_catalog([tmp_path])
    (own,) = set(catalog.prices()) - set(rightrig.shipped().prices())
    assert (own.gpu, own.instance, own.per_gpu_usd_per_hour) == ("my-card", "1xmy-card", 0.5)
    assert own.trust == "user"
    assert own.source.startswith("stated by the user in ")
    shipped = rightrig.shipped().prices()[0]
    header = "provider,region,instance,gpu,gpu_count,on_demand_usd_per_hour,date\n"
    row = (shipped.provider, shipped.region, shipped.instance, shipped.gpu, "8", "1", "2026-11-20")
    cheaper = put(tmp_path / "b", "prices/own.csv", header + ",".join(row) + "\n")
    offers = rightrig.load_catalog([cheaper]).prices()
    assert [p.on_demand_usd_per_hour for p in offers if p.offer == shipped.offer] == [1.0]
    assert len(offers) == len(rightrig.shipped().prices())


def test_a_machine_and_its_card_may_come_from_one_folder(tmp_path: Path) -> None:
    put(tmp_path, "gpus/my-card.toml", CARD)
    catalog = rightrig.load_catalog([put(tmp_path, "systems/mine.toml", SYSTEM)])
    assert catalog.system("mine").rig == "2xmy-card"


def test_every_shipped_record_is_accepted_from_a_users_folder(tmp_path: Path) -> None:
    for kind in KINDS:
        shutil.copytree(DATA / kind, tmp_path / kind)
    shutil.copytree(DATA / "prices", tmp_path / "prices")
    (tmp_path / "prices" / "cloud.csv").unlink()
    catalog = rightrig.load_catalog([tmp_path])
    for kind in KINDS:
        assert set(catalog.slugs(kind)) == set(rightrig.shipped().slugs(kind))
    before = rightrig.shipped().gpu("h100-sxm")
    copied = catalog.gpu("h100-sxm")
    assert copied.model_copy(update={"sources": copied.sources[:-1]}) == before


@pytest.mark.parametrize("beside", ["README.md", "gpus/notes.txt", ".git/config", "gpus/.x.toml"])
def test_notes_and_hidden_files_are_no_records(tmp_path: Path, beside: str) -> None:
    put(tmp_path, "gpus/my-card.toml", CARD)
    catalog = rightrig.load_catalog([put(tmp_path, beside, "\0")])
    assert catalog.gpu("my48").slug == "my-card"


MISTAKES: Final[dict[str, tuple[str, str | bytes]]] = {
    # A record that breaks its schema.
    "gpus/my-card.toml: memory_bandwidth_bytes is no field of it; did you mean "
    "memory_bandwidth_bytes_per_s?": (
        "gpus/my-card.toml", CARD.replace("bandwidth_bytes_per_s", "bandwidth_bytes"),
    ),
    "my-card.toml: peak.bf16_flops is no field of it; did you mean bf16_flop_per_s?": (
        "gpus/my-card.toml", CARD.replace("bf16_flop_per_s", "bf16_flops"),
    ),
    "my-card.toml: vendor is missing": (
        "gpus/my-card.toml", CARD.replace('vendor = "NVIDIA"', ""),
    ),
    "my-card.toml: board_power_w is '300 W': input should be a valid number": (
        "gpus/my-card.toml", CARD.replace("300.0", '"300 W"'),
    ),
    "my-card.toml: board_power_w is True: input should be a valid number": (
        "gpus/my-card.toml", CARD.replace("300.0", "true"),
    ),
    "my-card.toml: board_power_w is -300.0: input should be greater than 0": (
        "gpus/my-card.toml", CARD.replace("300.0", "-300.0"),
    ),
    "my-card.toml: board_power_w is out of range": (
        "gpus/my-card.toml", CARD.replace("300.0", "inf"),
    ),
    "my-card.toml: memory_marketed_gib is out of range": (
        "gpus/my-card.toml", CARD.replace("48.0", "1e300"),
    ),
    "my-card.toml: sources is 'me': input should be": (
        "gpus/my-card.toml", f"{CARD}\nsources = 'me'",
    ),
    "compute_capability is 'banana'; write it as NVIDIA does, such as '8.9'": (
        "gpus/my-card.toml", CARD.replace("8.9", "banana"),
    ),
    "memory_marketed_gib is 1e-09; of a card it lies between 0.25 and 100000": (
        "gpus/my-card.toml", CARD.replace("48.0", "1e-9"),
    ),
    "layout has 1,000,000,000 layers; the most is 10,000": (
        "llms/deep.toml", MODEL.replace("[[0, 2]]", "[[0, 1_000_000_000]]"),
    ),
    "checkpoint.format: no weight format is called 'q99'": (
        "llms/deep.toml", MODEL.replace("bf16", "q99"),
    ),
    "state one": ("gpus/my-card.toml", CARD[: CARD.index("peak")] + "peak = {}"),
    "slug is 'other' and the file is called my-card.toml": (
        "gpus/my-card.toml", f"slug = 'other'\n{CARD}",
    ),
    "as in my-card.toml; rename it": ("gpus/My Card.toml", CARD),
    "name holds a control character": (
        "gpus/my-card.toml", CARD.replace("My Card", "My\\u001b[2J"),
    ),
    "modelled is true, and rightrig has no formulas for mine": (
        "runtimes/mine.toml", "name = 'Mine'\nkind = 'engine'\nmodelled = true",
    ),
    "mine.toml: 'new' is no compute capability": (
        "runtimes/mine.toml", "name = 'Mine'\nkind = 'engine'\nweight_formats.fp8 = 'new'",
    ),
    # Names of others.
    "the name '4090' belongs to rtx-4090; choose another, or call the file rtx-4090.toml": (
        "gpus/my-card.toml", CARD.replace("my48", "4090"),
    ),
    "the name 'rtx4090' belongs to rtx-4090": ("gpus/rtx4090.toml", CARD),
    "systems/mine.toml: gpu: no GPU is called 'my-card'": ("systems/mine.toml", SYSTEM),
    # Prices.
    "prices/own.csv row 2: gpu: no GPU is called 'h1000'; did you mean": (
        "prices/own.csv", f"{PRICES}acme,h1000,8,0.5,2026-11-20",
    ),
    "own.csv row 2: date is missing": ("prices/own.csv", f"{PRICES}acme,l4,8,0.5,"),
    "date is 'yesterday'; write the day": ("prices/own.csv", f"{PRICES}acme,l4,8,0.5,yesterday"),
    "date is '2026-13-01'": ("prices/own.csv", f"{PRICES}acme,l4,8,0.5,2026-13-01"),
    "on_demand_usd_per_hour is '-1': input should be greater": (
        "prices/own.csv", f"{PRICES}acme,l4,8,-1,2026-11-20",
    ),
    "on_demand_usd_per_hour is 'nan'": ("prices/own.csv", f"{PRICES}acme,l4,8,nan,2026-11-20"),
    "on_demand_usd_per_hour is missing; a row states a price": (
        "prices/own.csv", f"{PRICES}acme,l4,8,,2026-11-20",
    ),
    "row 2 has more cells": ("prices/own.csv", f"{PRICES}acme,l4,8,1,2026-11-20,x"),
    "prise is no field of it; did you mean": (
        "prices/own.csv", "provider,gpu,prise,date\nacme,l4,1,2026-11-20",
    ),
    "its first row names the columns": ("prices/own.csv", ""),
    # Files in the wrong place.
    "is no kind of record; a catalogue holds the folders failure_rates, gpus, ": (
        "gpu/my-card.toml", CARD,
    ),
    "is a file, and no folder of records": ("my-card.toml", CARD),
    "the files of gpus/ end in .toml": ("gpus/my-card.json", "{}"),
    "put it into a folder that is called like the model": ("llms/config.json", CONFIG),
    # Hostile files.
    "my-card.toml is no record: it is nested too deeply": (
        "gpus/my-card.toml", "x = " + "[" * 90_000,
    ),
    "my-card.toml: it is nested too deeply": (
        "gpus/my-card.toml", ".".join("a" * 400) + " = 1",
    ),
    "a line holds more than 500 dots": ("gpus/my-card.toml", ".".join("a" * 50_000) + " = 1"),
    "my-card.toml is no record: it is larger than": ("gpus/my-card.toml", "#" * 300_000),
    "my-card.toml is no TOML: ": ("gpus/my-card.toml", "a\0 = 1"),
    "is no TOML: Exceeds the limit": ("gpus/my-card.toml", "a = " + "1" * 100_000),
    "a is out of range": ("gpus/my-card.toml", "a = 0x" + "1" * 100_000),
    "it is not UTF-8 text": ("gpus/my-card.toml", b"\xff\xfe"),
    "own.csv is no list of prices: field larger": ("prices/own.csv", '"' + "a" * 190_000),
    "config.json is no model configuration: it is nested too deeply": (
        "llms/deep/config.json", "[" * 100_000,
    ),
    "config.json is no model configuration: there is no such file": ("llms/deep/x.txt", ""),
}  # fmt: skip


@pytest.mark.parametrize("says", MISTAKES)
def test_a_mistake_is_named_with_its_file_and_field(tmp_path: Path, says: str) -> None:
    place, text = MISTAKES[says]
    assert says in sentence(put(tmp_path, place, text))


def test_one_name_for_two_cards_of_a_folder_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "gpus/my-card.toml", CARD)
    other = CARD.replace("My Card 48 GB", "Another")
    assert "the name 'my48' belongs to" in sentence(put(tmp_path, "gpus/other.toml", other))


def test_a_model_described_twice_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "llms/tiny/config.json", CONFIG)
    assert "a second time" in sentence(put(tmp_path, "llms/Tiny/config.json", CONFIG))


def ring(folder: Path) -> Path:
    (folder / "gpus").mkdir()
    (folder / "gpus" / "a.toml").symlink_to("b.toml")
    (folder / "gpus" / "b.toml").symlink_to("a.toml")
    return folder


def ring_of_folders(folder: Path) -> Path:
    (folder / "gpus").symlink_to("gpus")
    return folder


def pipe(folder: Path) -> Path:
    (folder / "gpus").mkdir()
    os.mkfifo(folder / "gpus" / "a.toml")
    return folder


def crowd(folder: Path) -> Path:
    (folder / "gpus").mkdir()
    for number in range(1_001):
        (folder / "gpus" / f"{number}.toml").touch()
    return folder


def heap(folder: Path) -> Path:
    for number in range(50):
        put(folder, f"gpus/{number}.toml", "#" * 190_000)
    return folder


def file(folder: Path) -> Path:
    return put(folder, "here", "") / "here"


FOLDERS: Final[dict[str, Callable[[Path], Path]]] = {
    "there is no such folder": lambda folder: folder / "nowhere",
    "it is a file": file,
    "cannot be opened": ring,
    "a.toml is no record: there is no such file, but a folder, pipe or device": pipe,
    "more than 1,000 files lie in it": crowd,
    "it holds more than 1,000 records or 8 MB": heap,
}


@pytest.mark.parametrize("says", FOLDERS)
def test_a_folder_that_is_no_catalogue_is_refused(tmp_path: Path, says: str) -> None:
    assert says in sentence(FOLDERS[says](tmp_path))


@pytest.mark.parametrize("name", ["", " ", "\0", "~nosuchuser/x", "x" * 5_000, "a\x1b[2Jb"])
def test_a_name_that_no_folder_has_is_refused(name: str) -> None:
    assert sentence(name)


def test_a_ring_of_folders_is_refused(tmp_path: Path) -> None:
    assert "gpus is a file, and no folder of records" in sentence(ring_of_folders(tmp_path))


@given(st.binary(max_size=400))
def test_any_bytes_are_a_record_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("any")
    for place in ("gpus/a.toml", "prices/a.csv", "llms/a/config.json"):
        put(folder / place.partition("/")[0], place, content)
        try:
            rightrig.load_catalog([folder / place.partition("/")[0]])
        except RightrigError as error:
            assert "\n" not in str(error)  # noqa: PT017 - some bytes are a catalogue


def test_an_empty_folder_changes_nothing(tmp_path: Path) -> None:
    catalog = rightrig.load_catalog([tmp_path])
    for kind in KINDS:
        assert catalog.slugs(kind) == rightrig.shipped().slugs(kind)
    assert catalog.gpus() == rightrig.shipped().gpus()
    assert catalog.prices() == rightrig.shipped().prices()
    assert rightrig.load_catalog() is rightrig.shipped()


def test_the_users_folder_is_what_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIGHTRIG_CATALOG", str(tmp_path / "own"))
    assert user_folder() == tmp_path / "own"
    monkeypatch.setenv("RIGHTRIG_CATALOG", "")
    assert user_folder() is None


@pytest.mark.skipif(os.name != "posix", reason="other systems keep configurations elsewhere")
def test_the_users_folder_lies_beside_other_configurations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RIGHTRIG_CATALOG")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert user_folder() is None
    for folder in (tmp_path / "config", tmp_path / "Library" / "Application Support"):
        (folder / "rightrig" / "catalog").mkdir(parents=True)
    found = user_folder()
    assert found is not None
    assert found.parts[-2:] == ("rightrig", "catalog")
