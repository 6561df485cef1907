"""Every model of the catalogue that llama.cpp runs comes back from a GGUF file as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scripts import load_script

from rightrig.facts.catalog import shipped
from rightrig.facts.gguf_model import read_gguf
from rightrig.work.weights import params_by_class, weight_bytes

if TYPE_CHECKING:
    from pathlib import Path


def test_catalogue_models_come_back_with_their_parameters_and_bytes(tmp_path: Path) -> None:
    writer = load_script("benchmarks/sparse_gguf.py")
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
