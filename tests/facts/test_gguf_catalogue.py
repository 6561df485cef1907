"""Every model of the catalogue that llama.cpp runs comes back from a GGUF file as it is."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from rightrig.facts.catalog import shipped
from rightrig.facts.gguf_model import read_gguf
from rightrig.work.weights import params_by_class, weight_bytes

_WRITER = Path(__file__).parents[2] / "benchmarks" / "sparse_gguf.py"


def sparse_gguf() -> Any:
    spec = importlib.util.spec_from_file_location("sparse_gguf", _WRITER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_catalogue_models_come_back_with_their_parameters_and_bytes(tmp_path: Path) -> None:
    writer = sparse_gguf()
    catalog = shipped()
    families = set()
    for slug in catalog.slugs("llms"):
        llm = catalog.llm(slug)
        if llm.family not in writer.ARCHITECTURES:
            continue
        path = tmp_path / "model.gguf"
        size_bytes = writer.write(llm, "q4_k_m", path)
        read = read_gguf(path)
        assert params_by_class(read) == params_by_class(llm), slug
        assert read.checkpoint.file_bytes == size_bytes, slug
        assert weight_bytes(read, "checkpoint") == pytest.approx(size_bytes, rel=1e-9), slug
        assert read.max_context_tokens == llm.max_context_tokens, slug
        families.add(llm.family)
    assert len(families) >= 20
