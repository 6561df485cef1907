"""``--catalog DIR``: accepted by every command, and what a user's records change."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import typer.main
from user_records import CARD

from rightrig.cli.app import app
from rightrig.facts.index import DATA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from program import Program

SCRIPT: Final = Path(sys.executable).with_name("rightrig")
FIT: Final = "fit llama-3.1-8b --on rtx-4090"
CONFIG: Final = """{"model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192,
"num_attention_heads": 32, "num_key_value_heads": 8, "num_hidden_layers": 16,
"vocab_size": 128256, "max_position_embeddings": 131072, "torch_dtype": "bfloat16"}"""
PRICES: Final = (
    "provider,gpu,max_gpu_count,on_demand_usd_per_hour,date\nacme,my-card,8,0.01,2026-11-20\n"
)
TARIFF: Final = (
    'category = "electricity"\nitem = "our contract"\nlow = 1.46\nhigh = 1.46\nunit = "USD/kWh"\n'
)


def put(folder: Path, place: str, text: str) -> str:
    """Write a file of a catalogue and return the catalogue's folder."""
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(folder)


@pytest.fixture
def mine(tmp_path: Path) -> str:
    """A catalogue with a card, its price, a model and a tariff."""
    folder = tmp_path / "mine"
    put(folder, "prices/own.csv", PRICES)
    put(folder, "llms/Acme--Tiny/config.json", CONFIG)
    put(folder, "power/electricity.toml", TARIFF)
    return put(folder, "gpus/my-card.toml", CARD)


def verbs(group: Any = None, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command that answers."""
    command = typer.main.get_command(app) if group is None else group
    below = getattr(command, "commands", {})
    if not below:
        yield words
    for name, inner in below.items():
        yield from verbs(inner, (*words, name))


# It asks people, not records.
WITHOUT_RECORDS = ("ask", "go-no-go")


@pytest.mark.parametrize("words", sorted({*verbs()} - {WITHOUT_RECORDS}), ids=" ".join)
def test_every_command_takes_folders_of_records(program: Program, words: tuple[str, ...]) -> None:
    _, out, _ = program.run(*words, "--help")
    assert "--catalog DIR" in out


def test_the_program_takes_folders_before_the_verb_and_after_it(
    program: Program, mine: str, tmp_path: Path
) -> None:
    other = put(tmp_path / "b", "gpus/my-card.toml", CARD.replace("48.0", "96.0"))
    before = program.text(f"--catalog {mine} gpus show my48")
    assert before == program.text(f"gpus show my48 --catalog {mine}")
    assert "96 GB class" in program.text(f"--catalog {mine} gpus show my48 --catalog {other}")
    code, _, error = program.run("gpus show", "my48")
    assert code == 2
    assert "no GPU is called 'my48'" in error


def test_a_replaced_memory_changes_the_fit(program: Program, tmp_path: Path) -> None:
    text = (DATA / "gpus" / "rtx-4090.toml").read_text(encoding="utf-8")
    changed, count = re.subn(
        r"(?m)^memory_cuda_bytes = .*$", "memory_cuda_bytes = 12_000_000_000", text
    )
    assert count == 1
    folder = put(tmp_path, "gpus/rtx-4090.toml", changed)
    shipped, own = program.json(FIT), program.json(FIT, "--catalog", folder, leaves=1)
    assert (shipped["verdict"], own["verdict"]) == ("fits", "no")
    assert "user_records" not in shipped
    (record,) = own["user_records"]
    assert (record["kind"], record["name"]) == ("card", "rtx-4090")
    said = program.text(FIT, "--catalog", folder, leaves=1)
    assert "From your catalogue: card rtx-4090" in said
    assert "replaces the record rtx-4090" in program.text("gpus show 4090", "--catalog", folder)


def test_a_users_model_fits_and_is_predicted_on_a_users_card(program: Program, mine: str) -> None:
    fit = program.json("fit acme/tiny --on 2xmy48", "--catalog", mine)
    assert fit["verdict"] == "fits"
    assert {r["kind"] for r in fit["user_records"]} == {"card", "model"}
    predicted = program.json("predict acme/tiny --on my48", "--catalog", mine)
    assert predicted["user_records"] == fit["user_records"]
    assert "Acme/Tiny" in program.text("fits --on my48", "--catalog", mine)


def test_a_users_card_is_planned_with_at_the_users_price_and_tariff(
    program: Program, mine: str
) -> None:
    plan = program.json("plan llama-3.1-8b --rate 2/s", "--catalog", mine)
    best = plan["plans"][0]
    assert (best["gpu"], best["purchase"]["provider"]) == ("my-card", "acme")
    assert best["rent_usd_per_month"] == pytest.approx(7.3, rel=0.01)  # 730 h at $0.01
    assert best["purchase"]["price_warning"] == ""
    assert {r["kind"] for r in plan["user_records"]} == {"card", "power", "price"}
    said = program.text("plan llama-3.1-8b --rate 2/s --gpu my48", "--catalog", mine)
    assert "$1.46/kWh (our contract)" in said
    assert "stated by the user" in said


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("gpus list", "my-card"),
        ("gpus show my48", "my-card"),
        ("models list", "acme--tiny"),
        ("models show acme/tiny", "acme--tiny"),
        ("prices list", "acme 1xmy-card"),
        ("prices show my48", "acme 1xmy-card"),
        ("compare my48 l4", "my-card"),
    ],
)
def test_what_comes_from_the_users_folder_is_named_with_its_file(
    program: Program, mine: str, command: str, name: str
) -> None:
    found = program.json(command, "--catalog", mine)["user_records"]
    (record,) = [r for r in found if r["name"] == name]
    assert Path(record["path"]).is_file()
    # A path longer than the line is broken anywhere.
    said = program.text(command, "--catalog", mine).replace(" ", "")
    assert f"{name} ({mine}".replace(" ", "") in said


@pytest.mark.parametrize(
    "command",
    [FIT, "predict llama-3.1-8b --on l4", "gpus list", "models list", "prices list", "rigs list"],
)
def test_an_empty_catalogue_changes_nothing(program: Program, tmp_path: Path, command: str) -> None:
    assert program.text(command, "--json", "--catalog", str(tmp_path)) == program.text(
        command, "--json"
    )


@pytest.mark.parametrize("command", [FIT, "gpus list", "plan llama-3.1-8b --rate 1/s"])
def test_a_wrong_record_is_one_sentence_and_leaves_with_2(
    program: Program, tmp_path: Path, command: str
) -> None:
    folder = put(tmp_path, "gpus/my-card.toml", CARD.replace("board_power", "card_power"))
    code, out, error = program.run(command, "--catalog", folder)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert "card_power_w is no field of it; did you mean board_power_w?" in error


def test_the_users_own_folder_is_read_without_being_named(
    program: Program, mine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RIGHTRIG_CATALOG", mine)
    assert "my-card" in program.text("gpus list")
    later = put(tmp_path / "b", "gpus/my-card.toml", CARD.replace("48.0", "96.0"))
    assert "96 GB class" in program.text(f"gpus show my48 --catalog {later}")
    monkeypatch.setenv("RIGHTRIG_CATALOG", f"{mine}/nowhere")
    code, _, error = program.run("gpus list")
    assert code == 2
    assert "there is no such folder" in error


def test_the_help_reads_no_catalogue_and_needs_no_platformdirs() -> None:
    code = "import sys, rightrig.cli.app; print('platformdirs' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    done = subprocess.run(
        [str(SCRIPT), "fit", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"RIGHTRIG_CATALOG": "/nowhere"},
    )
    assert "--catalog" in done.stdout


def fenced(language: str) -> list[str]:
    """Return the blocks of one language of the how-to."""
    page = Path(__file__).parents[2] / "docs" / "how-to" / "add-your-own-hardware.md"
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_how_to_does_what_it_says(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for block in fenced("toml"):
        put(tmp_path, block.splitlines()[0].removeprefix("# "), block)
    offer, api_price = fenced("csv")
    put(tmp_path, "my-catalogue/prices/contract.csv", offer)
    put(tmp_path, "my-catalogue/prices/api.csv", api_price)
    put(tmp_path, "my-catalogue/llms/my-org--my-model/config.json", CONFIG)
    for command in fenced("bash")[0].splitlines():
        assert "From your catalogue: " in program.text(command.removeprefix("rightrig "))
    plan = program.json("plan llama-3.1-8b --rate 2/s --gpu my48 --catalog my-catalogue")
    assert plan["plans"][0]["purchase"]["provider"] == "our-contract"
    words = "cost compare llama-3.1-8b 1xrtx-4090 api:our-api --rate 1/s --catalog my-catalogue"
    assert "api:our-api" in program.text(words)
    shown = program.json("models show my-model --catalog my-catalogue")
    assert shown["name"] == "my-org/my-model"
    done = subprocess.run(
        [sys.executable, "-c", fenced("python")[0]], capture_output=True, text=True, check=True
    )
    assert done.stdout == "fits\n"
    said = next(block for block in fenced("text") if "card_power_w" in block)
    card = Path("my-catalogue/gpus/my-card.toml")
    text = card.read_text(encoding="utf-8").replace("board_power_w", "card_power_w")
    card.write_text(text, encoding="utf-8")
    assert program.run("gpus list", "--catalog", "my-catalogue")[2] == said
