#!/usr/bin/env python3
"""Run the notebooks of examples again, and write what they print.

    .venv/bin/python docs/refresh_notebooks.py [FILE …]

Without a file, every notebook of ``examples/notebooks`` is run, each in a fresh kernel.
``tests/test_notebooks.py`` runs the same and fails when a text differs. What is written depends on
the cells alone: cells are numbered, and times, styles and the kernel's version are left out, so
that two runs make the same file.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nbformat import NotebookNode

ROOT: Final = Path(__file__).resolve().parents[1]
NOTEBOOKS: Final = ROOT / "examples" / "notebooks"
LONGEST_S: Final = 120
"""For one cell: the simulator may have to be compiled first."""
_STYLE: Final = re.compile(r"<style>.*?</style>\n?", re.DOTALL)
_VOLATILE: Final = re.compile(r"\d+\.\d+ s\.|\d+ days? old")
_METADATA: Final = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def executed(path: Path) -> NotebookNode:
    """Return a notebook with the outputs of a fresh kernel; no file of a user's home is touched.

    The kernel knows the shipped catalogue and prices alone, as the commands in the documentation.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(prefix="notebook-") as folder:
        homes = dict.fromkeys(("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"), folder)
        shipped = {"RIGHTRIG_CATALOG": "", "RIGHTRIG_PRICES": "shipped", "RIGHTRIG_MACHINE": ""}
        with patch.dict(os.environ, homes | shipped):
            # Sockets in that folder: the kernel listens on no port.
            sockets = Config(ConnectionFileMixin={"transport": "ipc"})
            NotebookClient(notebook, config=sockets, timeout=LONGEST_S).execute()
    return stable(notebook)


def stable(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook without what changes from run to run or from machine to machine."""
    cells = []
    for number, cell in enumerate(notebook.cells, 1):
        kept = {"cell_type": cell.cell_type, "id": f"cell-{number}", "source": cell.source}
        if cell.cell_type == "code":
            kept |= {"execution_count": cell.execution_count, "outputs": [*_outputs(cell.outputs)]}
        cells.append(nbformat.from_dict({**kept, "metadata": {}}))
    return nbformat.v4.new_notebook(cells=cells, metadata=_METADATA)


def _outputs(outputs: Iterable[NotebookNode]) -> Iterator[dict[str, Any]]:
    """Yield outputs without metadata and style sheets; text that came in pieces is one."""
    text = ""
    for output in outputs:
        if output.output_type == "stream" and output.name == "stdout":
            text += output.text
            continue
        if "data" not in output:
            raise RuntimeError(f"a cell of a notebook says more than its answer: {output}")
        data = {
            kind: _STYLE.sub("", value) if kind == "text/html" else value
            for kind, value in output.data.items()
        }
        yield {**output, "data": data, "metadata": {}}
    if text:
        yield {"output_type": "stream", "name": "stdout", "text": text}


def texts(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    """Yield the identity of each cell that prints, and its words, those that may change blanked."""
    for cell in notebook.cells:
        found = " ".join(_words(output) for output in cell.get("outputs", ()))
        if found:
            yield cell.id, _VOLATILE.sub("~", " ".join(found.split()))


def _words(output: NotebookNode) -> str:
    """Return what an output says as text."""
    said: str = output.get("text") or output.get("data", {}).get("text/plain", "")
    return said


def refresh(paths: Iterable[Path]) -> None:
    """Run notebooks and write those whose text differs."""
    for path in paths:
        before, now = nbformat.read(path, as_version=4), executed(path)
        if nbformat.writes(before) != nbformat.writes(now):
            nbformat.write(now, path)
            sys.stdout.write(f"rewrote {path.name}\n")


if __name__ == "__main__":
    given = [Path(name) for name in sys.argv[1:]]
    refresh(given or sorted(NOTEBOOKS.glob("*.ipynb")))
