"""The file of a sweep: what it asks for, in which order, and what it may not say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from rightrig.demand.arrivals import ClosedLoop
from rightrig.demand.presets import preset
from rightrig.demand.requests import Requests
from rightrig.demand.scenario import Scenario
from rightrig.demand.sweep import demands_of, read_sweep
from rightrig.errors import RightrigError

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.demand.sweep import Demand, SweepFile

HEAD: Final = 'models = "llama-3.1-8b"\nrigs = ["1xl4", "1xl40s"]\n'
CHAT: Final = '[[demands]]\npreset = "chat"\nrates = ["1/s", "4/s"]\n'
TRACE: Final = "arrival_s,input_tokens,output_tokens\n0,10,20\n1,10,20\n2,30,5\n"
WRONG: Final = (
    (CHAT, "models is missing"),
    (HEAD, "demands is missing"),
    (f'{HEAD}rig = "1xl4"\n{CHAT}', "rig is no field of it; did you mean rigs?"),
    (f'{HEAD}runtimes = ["vllm", "vllm"]\n{CHAT}', "'vllm' stands twice"),
    (f"{HEAD}seeds = 0\n{CHAT}", "between 1 and 10,000"),
    (f"{HEAD}seeds = [1, -1]\n{CHAT}", "greater than or equal to 0"),
    (f"{HEAD}seeds = []\n{CHAT}", "at least 1 item"),
    (f"{HEAD}requests = 0\n{CHAT}", "requests is 0"),
    (f"{HEAD}max_seqs = [0]\n{CHAT}", "greater than 0"),
    (f'{HEAD}slo = {{ttft_p98 = "1s"}}\n{CHAT}', "slo: 'ttft_p98' is no objective"),
    (f'{HEAD}slo = {{ttft_p99 = "fast"}}\n{CHAT}', "slo: ttft_p99 is 'fast'"),
    (f'{HEAD}slo = {{tpot_p99 = "50"}}\n{CHAT}', "slo: tpot_p99"),
    (f"{HEAD}[[demands]]\n", "entry 1: how much comes is not said"),
    (f'{HEAD}[[demands]]\npreset = "chat"\n', "entry 1: how much comes is not said"),
    (f'{HEAD}{CHAT}[[demands]]\npreset = "talk"\nrates = 1\n', "no preset is called 'talk'"),
    (f"{HEAD}{CHAT}{CHAT}", "entry 2: 'chat, 1/s' is asked for twice"),
    (f'{HEAD}{CHAT}input = "10"\n', "entry 1: preset and input do not go together"),
    (f"{HEAD}{CHAT}concurrency = 4\n", "concurrency and rates do not go together"),
    (f'{HEAD}[[demands]]\ntrace = "t.csv"\noutput = 5\n', "trace and output do not go together"),
    (f'{HEAD}{CHAT}think = "1s"\n', "add concurrency = 32"),
    (f'{HEAD}[[demands]]\nrates = ["fast"]\n', "entry 1: rates is 'fast'"),
    (f'{HEAD}[[demands]]\ninput = "long"\nrates = 1\n', "entry 1: input"),
    (f'{HEAD}[[demands]]\narrivals = "replay:t.csv"\n', "name the file as trace ="),
    (f'{HEAD}[[demands]]\narrivals = "at-once"\nrates = 1\n', "at-once has no rate"),
    (f'{HEAD}[[demands]]\ntrace = "/nonexistent.csv"\n', "No such file"),
    ("models = [", "is no TOML"),
    (f"{HEAD}[[demands]]\ninput = true\nrates = 1\n", "demands.0.input.0"),
)  # fmt: skip


def read(folder: Path, text: str) -> SweepFile:
    path = folder / "sweep.toml"
    path.write_text(text, encoding="utf-8")
    return read_sweep(path)


def asked(folder: Path, text: str) -> tuple[Demand, ...]:
    return demands_of(read(folder, HEAD + text))


@pytest.mark.parametrize(("text", "says"), WRONG, ids=[says for _, says in WRONG])
def test_a_wrong_file_is_answered_in_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    def use() -> None:
        file = read(tmp_path, text)
        file.objectives.objectives()
        demands_of(file)

    with pytest.raises(RightrigError) as error:
        use()
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert "pydantic" not in str(error.value)


def test_one_value_is_a_list_of_one_and_a_number_of_seeds_is_the_first_of_them(
    tmp_path: Path,
) -> None:
    file = read(tmp_path, f"{HEAD}seeds = 3\nmax_seqs = 64\n{CHAT}")
    assert (file.models, file.seeds, file.max_seqs) == (("llama-3.1-8b",), (1, 2, 3), (64,))
    assert read(tmp_path, f"{HEAD}seeds = [7, 5]\n{CHAT}").seeds == (7, 5)


def test_objectives_are_read_with_their_units(tmp_path: Path) -> None:
    file = read(tmp_path, f'{HEAD}slo = {{ttft_p99 = "500ms", tpot_p90 = "0.05"}}\n{CHAT}')
    assert (file.objectives.ttft_p99_s, file.objectives.tpot_p90_s) == (0.5, 0.05)


def test_each_list_of_an_entry_multiplies_it(tmp_path: Path) -> None:
    text = (
        f'{CHAT}[[demands]]\ninput = [100, 200]\noutput = ["5", "6"]\narrivals = '
        '["poisson", "gamma:burstiness=0.5"]\nrates = [1, "60/min"]\n'
    )
    found = asked(tmp_path, text)
    assert len(found) == 2 + 2 * 2 * 2 * 2
    assert [one.text for one in found[:4]] == [
        "chat, 1/s", "chat, 4/s", "100 → 5, poisson, 1/s", "100 → 5, poisson, 60/min",
    ]  # fmt: skip
    assert len({one.text for one in found}) == len(found)
    assert found[2].key == found[3].key
    assert len({one.key for one in found}) == 2 + 2 * 2 * 2


def test_a_preset_comes_at_the_rate_asked_for_with_all_turns_counted(tmp_path: Path) -> None:
    (found,) = asked(tmp_path, '[[demands]]\npreset = "agent"\nrates = ["5/s"]\n')
    assert found.traffic == preset("agent").scenario.at_rate(5.0)
    assert found.rate_requests_per_s == 5.0


def test_users_of_a_closed_loop_are_told_with_their_pause(tmp_path: Path) -> None:
    found = asked(tmp_path, '[[demands]]\nconcurrency = [4, 8]\nthink = "2s"\n')
    assert [one.text for one in found] == [
        "1000 → 300, 4 users pausing 2s", "1000 → 300, 8 users pausing 2s",
    ]  # fmt: skip
    assert [one.users_count for one in found] == [4, 8]
    assert isinstance(found[0].traffic, Scenario)
    assert isinstance(found[0].traffic.arrivals, ClosedLoop)
    assert found[0].traffic.arrivals.think.mean_s == 2.0


def test_a_trace_is_taken_as_it_is_stretched_and_repeated(tmp_path: Path) -> None:
    trace = tmp_path / "t.csv"
    trace.write_text(TRACE)
    text = f'[[demands]]\ntrace = "{trace}"\n'
    (own,) = asked(tmp_path, text)
    (faster,) = asked(tmp_path, f"{text}rates = [10]\n")
    (longer,) = demands_of(read(tmp_path, f"requests = 9\n{HEAD}{text}"))
    for one, count, rate in ((own, 3, 1.0), (faster, 3, 10.0), (longer, 9, 1.0)):
        assert isinstance(one.traffic, Requests)
        assert len(one.traffic) == count
        assert one.traffic.mean_rate_requests_per_s == pytest.approx(rate)
    assert len({own.key, faster.key, longer.key}) == 3


def test_the_key_of_a_trace_follows_its_content_and_not_its_name(tmp_path: Path) -> None:
    keys = []
    for name, text in (("a", TRACE), ("b", TRACE), ("c", TRACE.replace("30", "31"))):
        (tmp_path / name).write_text(text)
        keys.append(asked(tmp_path, f'[[demands]]\ntrace = "{tmp_path / name}"\n')[0].key)
    assert keys[0] == keys[1] != keys[2]
