"""The notebooks of examples run from top to bottom and print what is committed with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from scripts import load_script

if TYPE_CHECKING:
    from pathlib import Path

nbformat: Any = pytest.importorskip("nbformat", reason="the development group is not installed")
REFRESHER: Final = load_script("docs/refresh_notebooks.py")
NOTEBOOKS: Final = sorted(REFRESHER.NOTEBOOKS.glob("*.ipynb"))
LEAST_TEXTS_COUNT: Final = 4


def named(path: Path) -> str:
    return path.stem


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_a_notebook_prints_what_is_committed(path: Path) -> None:
    kept = dict(REFRESHER.texts(nbformat.read(path, as_version=4)))
    assert len(kept) >= LEAST_TEXTS_COUNT
    now = dict(REFRESHER.texts(REFRESHER.executed(path)))
    assert now == kept, f"{path.name} drifted: run docs/refresh_notebooks.py {path.name}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_a_notebook_holds_nothing_of_the_run_that_made_it(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert nbformat.writes(REFRESHER.stable(notebook)) + "\n" == path.read_text(encoding="utf-8")


def test_a_figure_that_drifts_is_seen_and_a_stopwatch_is_not() -> None:
    def printing(text: str) -> Any:
        output = nbformat.v4.new_output("stream", name="stdout", text=text)
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[output])])

    def said(text: str) -> list[str]:
        return [words for _, words in REFRESHER.texts(printing(text))]

    assert said("12 feasible; 0.26 s.") == said("12 feasible;\n1.31 s.")
    assert said("price is 257\ndays old") == said("price is 258 days old")
    assert said("TPOT 13.8 ms") != said("TPOT 13.9 ms")


def test_what_a_cell_warns_of_is_not_written() -> None:
    output = nbformat.v4.new_output("stream", name="stderr", text="DeprecationWarning")
    cell = nbformat.v4.new_code_cell("", outputs=[output])
    with pytest.raises(RuntimeError, match="DeprecationWarning"):
        REFRESHER.stable(nbformat.v4.new_notebook(cells=[cell]))


def test_cells_use_the_public_names_alone() -> None:
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        assert "import rightrig\n" in code
        assert "from rightrig" not in code, path.name
