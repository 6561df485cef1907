"""Every answer can say why, with figures and where they come from."""

from __future__ import annotations

import pytest

import rightrig
from rightrig.facts.explanation import Explainable

CATALOG = rightrig.shipped()


@pytest.fixture(scope="module")
def answers() -> dict[str, object]:
    llm = CATALOG.llm("meta-llama/Llama-3.1-8B")
    rig = rightrig.parse_rig("1xh100-sxm", CATALOG)
    deployment = rightrig.propose(CATALOG, llm, rig)
    question = rightrig.Question(
        rightrig.Workload(rate_requests_per_s=2.0, input_tokens=1000, output_tokens=300),
        rightrig.Slo(),
        rightrig.Limits(),
    )
    return {
        "fit": rightrig.fit(deployment, 8192, 4),
        "predict": rightrig.predict(deployment, rightrig.Lengths(1000.0, 300.0), 4),
        "plan": rightrig.plan(llm, question, rightrig.space_of(CATALOG, question)),
    }


@pytest.mark.parametrize("name", ["fit", "predict", "plan"])
def test_an_answer_gives_sentences_figures_and_sources(
    name: str, answers: dict[str, object]
) -> None:
    answer = answers[name]
    assert isinstance(answer, Explainable)
    explanation = answer.explain()
    assert all(sentence.endswith((".", ").")) for sentence in explanation.sentences)
    assert explanation.sources
    assert all(figure.source and figure.text for figure in explanation.figures)
    assert explanation.figures
