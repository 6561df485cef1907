from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.machine import (
    Machine,
    ProbedCard,
    machine_path,
    read_machine,
    write_machine,
)
from rightrig.facts.measured_here import MeasuredHere
from rightrig.facts.user_catalog import load_catalog

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.facts.catalog import Catalog

HERE = MeasuredHere(
    card="rtx-4090",
    era="vllm-1",
    models=("llama-3.1-8b",),
    parameters={"step_s": 0.001},
    ends={"tpot": (0.9, 1.1)},
    runs_count=9,
    date="2026-11-21",
)
MACHINE = Machine(
    name="bench",
    date="2026-11-21",
    rig="2xrtx-4090@pcie3x8@ram=128GiB",
    cards=(ProbedCard(slug="rtx-4090", memory_nvml_mib=24_563),),
    speeds=(HERE,),
)


def catalog_with(machine: Machine | None) -> Catalog:
    return load_catalog(machine=lambda: machine)


def own_card(catalog: Catalog) -> Machine:
    cpu = catalog.gpu("rtx-4090").model_copy(
        update={"slug": "this-cpu", "name": "a CPU", "aliases": (), "architecture": "CPU"}
    )
    return Machine(name="laptop", date="2026-11-21", rig="1xthis-cpu", own_cards=(cpu,))


def test_a_machine_is_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "data" / "machine.json"
    machine = own_card(shipped()).model_copy(update={"speeds": (HERE,)})
    write_machine(machine, path)
    assert read_machine(path) == machine
    assert [found.name for found in path.parent.iterdir()] == ["machine.json"]


def test_this_is_the_probed_rig_with_what_its_driver_said() -> None:
    rig = parse_rig("this", catalog_with(MACHINE))
    assert rig.text == "2xrtx-4090@pcie3x8@ram=128GiB@this"
    assert rig.gpu.memory_nvml_mib == 24_563
    assert rig.gpu.memory_cuda_bytes is None
    assert rig.gpu.measured_here == (HERE,)
    assert parse_rig(rig.text, catalog_with(MACHINE)) == rig


def test_an_agreeing_driver_keeps_the_visible_size_of_the_record() -> None:
    same = MACHINE.model_copy(
        update={"cards": (ProbedCard(slug="rtx-4090", memory_nvml_mib=24_564),)}
    )
    assert parse_rig("THIS", catalog_with(same)).gpu.memory_cuda_bytes == 25_250_627_584


def test_a_card_of_the_catalogue_stays_as_its_record_has_it() -> None:
    assert catalog_with(MACHINE).gpu("rtx-4090") == shipped().gpu("rtx-4090")
    assert catalog_with(MACHINE).gpu("rtx-4090@this").measured_here == (HERE,)


def test_a_card_that_no_catalogue_knows_serves_on_its_machine_alone() -> None:
    catalog = catalog_with(own_card(shipped()))
    assert parse_rig("this", catalog).text == "1xthis-cpu"
    assert parse_rig("1xthis-cpu", catalog).gpu.name == "a CPU"
    with pytest.raises(InputError, match="this-cpu"):
        parse_rig("1xthis-cpu", shipped())


@pytest.mark.parametrize("text", ["this", "1xrtx-4090@this"])
def test_a_machine_that_nobody_probed_says_so(text: str) -> None:
    with pytest.raises(InputError, match="run 'rightrig probe' first"):
        parse_rig(text, catalog_with(None))


def test_a_probe_that_found_nothing_to_serve_on_says_so() -> None:
    nothing = Machine(name="router", date="2026-11-21", rig="")
    with pytest.raises(InputError, match="the probe of router found nothing"):
        parse_rig("this", catalog_with(nothing))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the file"),
        ("{}", "name"),
        ('{"name": "a", "date": "b", "rig": "1xh100-sxm", "password": 1}', "password"),
    ],
)
def test_a_file_of_no_machine_says_what_is_wrong(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "machine.json"
    path.write_text(text)
    with pytest.raises(InputError, match=f"is no file of a machine: {why}"):
        read_machine(path)


def test_the_variable_names_the_file_or_that_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RIGHTRIG_MACHINE", str(tmp_path / "m.json"))
    assert machine_path() == tmp_path / "m.json"
    monkeypatch.setenv("RIGHTRIG_MACHINE", "")
    assert machine_path() is None


def test_no_shipped_card_was_measured_on_a_machine() -> None:
    assert not [gpu.slug for gpu in shipped().gpus() if gpu.measured_here]
