"""Every name of the published tables resolves, or is listed with the reason why it does not."""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path
from typing import Final

import pytest

from rightrig.errors import InputError, UnknownNameError
from rightrig.facts.catalog import shipped
from rightrig.facts.unspecified import unspecified

SHARED: Final = Path(
    os.environ.get("RIGHTRIG_SHARED") or Path(__file__).parents[2] / ".." / "shared"
)
CATALOG: Final = shipped()
KERNELS: Final = ("kernels", "kernels_gemm", "kernels_attention", "kernels_allreduce")
RUNS: Final = ("inference", "serving", "kv_capacity", "training")
# Kind of record, column, and the tables that have it.
COLUMNS: Final = (
    ("gpus", "gpu", tuple(f"measurements/{name}.csv" for name in (*RUNS, *KERNELS))),
    ("gpus", "gpu", ("facts/prices_cloud.csv", "facts/prices_cloud_summary.csv")),
    ("gpus", "gpu_slug", ("facts/systems.csv",)),
    ("gpus", "slug", ("facts/gpus.csv",)),
    ("gpus", "hardware", ("measurements/memory.csv",)),
    ("mig", "gpu", ("facts/mig_profiles.csv",)),
    ("links", "kind", ("facts/interconnects.csv",)),
    ("systems", "name", ("facts/systems.csv",)),
    ("runtimes", "runtime", ("measurements/inference.csv", "measurements/serving.csv")),
    ("runtimes", "runtime", ("facts/runtimes.csv",)),
    ("runtimes", "engine", ("measurements/memory.csv",)),
    ("llms", "model", tuple(f"measurements/{name}.csv" for name in (*RUNS, "memory"))),
    ("llms", "repo_id", ("facts/models.csv",)),
)
TABLES: Final = [(kind, column, path) for kind, column, paths in COLUMNS for path in paths]
# Names that mean several cards on purpose; the answer is their candidates.
AMBIGUOUS: Final = {
    "A100-40GB", "A100-80GB", "H100", "H100 80GB", "H200", "RTX-PRO-6000", "RTXPRO6000", "V100",
    "a100_sxm",
}  # fmt: skip


def shared(name: str) -> Path:
    """Return a file of ../shared, or skip the test where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not in {SHARED}: set RIGHTRIG_SHARED")
    return path


def names(column: str, name: str) -> set[str]:
    """Return the names that stand in a column of a table of ../shared."""
    with shared(name).open(encoding="utf-8", newline="") as file:
        return {row[column].strip() for row in csv.DictReader(file)} - {""}


def resolves(kind: str, name: str) -> bool:
    """Whether a name means a record, or several of which the answer names the candidates."""
    try:
        return CATALOG.resolve(kind, name) in CATALOG.slugs(kind)
    except UnknownNameError:
        return False
    except InputError as error:
        candidates = re.split(r", | or ", str(error).partition(" may mean ")[2].split(":")[0])
        return name in AMBIGUOUS and set(candidates) <= set(CATALOG.slugs(kind))


@pytest.mark.parametrize(("kind", "column", "path"), TABLES, ids=str)
def test_every_name_of_the_tables_means_a_record_or_has_a_reason(
    kind: str, column: str, path: str
) -> None:
    excused = {name for listed, name in unspecified() if listed == kind}
    unknown = {name for name in names(column, path) - excused if not resolves(kind, name)}
    assert unknown == set()


def test_cards_of_the_power_table_mean_a_record_or_have_a_reason() -> None:
    with shared("facts/power.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            row for row in csv.DictReader(file) if row["category"].startswith(("gpu", "server"))
        ]
    found = {re.sub(r"^\d+x", "", row["region_or_gpu"].strip()) for row in rows} - {"", "-"}
    assert found, "the table names cards"
    excused = {name for kind, name in unspecified() if kind == "gpus"}
    known_only_here = {name for name in found - excused if not _is_card(name)}
    assert known_only_here == set()


def _is_card(name: str) -> bool:
    """Whether a name means one card, or several."""
    try:
        return bool(CATALOG.resolve("gpus", name))
    except UnknownNameError:
        return False
    except InputError:
        return True


def test_the_real_runs_of_the_traces_name_cards_and_models_of_the_catalogue() -> None:
    runs = [path for path in shared("traces/vllm_real").iterdir() if path.is_dir()]
    assert runs
    for run in runs:
        card, _, model = run.name.partition("_")
        assert resolves("gpus", card), card
        assert resolves("llms", model), model
        text = json.dumps(json.loads((run / "meta.json").read_text(encoding="utf-8")))
        assert "vllm" in text.lower()


def test_a_name_without_specification_has_a_reason_and_no_record() -> None:
    for (kind, name), reason in unspecified().items():
        assert reason.endswith("."), name
        assert not resolves(kind, name), f"{name} has a record now: take it off the list"


def test_a_name_without_specification_occurs_in_a_table() -> None:
    found = {(kind, name) for kind, column, path in TABLES for name in names(column, path)}
    with shared("facts/power.csv").open(encoding="utf-8", newline="") as file:
        found |= {("gpus", row["region_or_gpu"].strip()) for row in csv.DictReader(file)}
    assert {key for key in unspecified() if key not in found} == set()


def test_an_ambiguous_name_is_answered_with_its_candidates() -> None:
    with pytest.raises(InputError, match=r"'H100' may mean h100-nvl, h100-pcie or h100-sxm"):
        CATALOG.resolve("gpus", "H100")
