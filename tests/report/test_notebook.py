"""Results in a real IPython shell: HTML for a notebook, plain text for a console."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from rightrig import (
    Limits,
    Question,
    Setting,
    Slo,
    Workload,
    fit,
    parse_rig,
    plan,
    predict,
    propose,
    shipped,
    simulate,
    space_of,
)
from rightrig.demand.lengths import Fixed
from rightrig.demand.scenario import Scenario, sample
from rightrig.errors import MissingError
from rightrig.prediction.regimes import Lengths
from rightrig.report.notebook import DOCUMENTS, register

if TYPE_CHECKING:
    from collections.abc import Iterator

shells = pytest.importorskip("IPython.core.interactiveshell")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        found = shells.InteractiveShell.instance()
        found.history_manager.enabled = False
        found.run_line_magic("load_ext", "rightrig.report.notebook")
        yield found
        found.history_manager.end_session()
        shells.InteractiveShell.clear_instance()


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    catalog = shipped()
    rig = parse_rig("1xh100-sxm", catalog)
    deployment = propose(catalog, catalog.llm("llama-3.1-8b"), rig)
    requests = sample(
        Scenario(input=Fixed(tokens=500), output=Fixed(tokens=50)).at_rate(5.0), 300, 1
    )
    traffic = Workload(rate_requests_per_s=1.0, input_tokens=100, output_tokens=20)
    question = Question(traffic, Slo(ttft_p99_s=1.0), Limits(gpu="l4"))
    return {
        "Plan": plan(deployment.llm, question, space_of(catalog, question)),
        "Fit": fit(deployment, context_tokens=8192, concurrency=1),
        "Prediction": predict(deployment, Lengths(500, 50), 4),
        "Outcome": simulate(deployment, requests, slo=Slo(ttft_p99_s=0.5), setting=Setting()),
        "Rig": rig,
        "Gpu": rig.gpu,
        "Llm": deployment.llm,
        "Runtime": deployment.runtime,
        "System": catalog.system(catalog.slugs("systems")[0]),
    }


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("Fit", "FITS"), ("Prediction", "TPOT, mean"), ("Outcome", "KEPT SURELY"),
        ("Rig", "memory of a card, visible"), ("Gpu", "H100"), ("Llm", "parameters"),
        ("Plan", "$/month"), ("Runtime", "vLLM"), ("System", "RTX PRO 6000"),
    ],
)  # fmt: skip
def test_a_result_is_a_table_in_a_notebook_and_text_in_a_console(
    shell: Any, values: dict[str, Any], kind: str, words: str
) -> None:
    value = values[kind]
    assert type(value).__name__ == kind
    shown, _ = shell.display_formatter.format(value)
    assert words in shown["text/html"]
    assert words in shown["text/plain"]
    assert '<table class="grid">' in shown["text/html"]


def test_inside_a_list_a_result_keeps_its_short_form(shell: Any, values: dict[str, Any]) -> None:
    shown, _ = shell.display_formatter.format([values["Rig"]])
    assert shown["text/plain"] == f"[{values['Rig']!r}]"


def test_the_last_line_of_a_cell_is_shown(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert shell.run_cell("import rightrig; rightrig.shipped().gpu('a100-sxm-80gb')").success
    assert "A100 SXM4 80 GB (a100-sxm-80gb)" in capsys.readouterr().out


def test_extension_can_be_unloaded(shell: Any, values: dict[str, Any]) -> None:
    shell.run_line_magic("unload_ext", "rightrig.report.notebook")
    shown, _ = shell.display_formatter.format(values["Fit"])
    assert "text/html" not in shown
    register(shell)
    shown, _ = shell.display_formatter.format(values["Fit"])
    assert "text/html" in shown


def test_every_document_is_of_a_class() -> None:
    assert all(isinstance(kind, type) for kind in DOCUMENTS)


def test_outside_of_ipython_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", None)
    with pytest.raises(MissingError, match="%load_ext"):
        register()
