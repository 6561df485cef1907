"""What the description says of requests and answers holds for ones that nobody wrote by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from rightrig.verbs.table import VERBS
from rightrig.web.api.examples import EXAMPLES

if TYPE_CHECKING:
    from rightrig.verbs.table import Verb

NAMES: Final = [" ".join(verb.words) for verb in VERBS]
CHECKS: Final = (
    not_a_server_error, status_code_conformance, content_type_conformance,
    response_schema_conformance,
)  # fmt: skip
FEW: Final = settings(
    max_examples=40, deadline=None, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.fixture(scope="module")
def described(api_server: str) -> Any:
    return schemathesis.openapi.from_url(f"{api_server}/api/v1/openapi.json", timeout=120.0)


@pytest.mark.parametrize("verb", VERBS, ids=NAMES)
def test_the_example_of_a_verb_is_answered_as_described(verb: Verb, described: Any) -> None:
    operation = described[f"/api/v1/{'/'.join(verb.words)}"]["POST"]
    case = operation.Case(body=EXAMPLES[verb.words], media_type="application/json")
    answer = case.call_and_validate(checks=list(CHECKS), timeout=120.0)
    assert answer.status_code == 200, answer.text
    assert answer.headers["rightrig-answer"][0] in {"yes", "no"}
    content = operation.definition.raw["requestBody"]["content"]["application/json"]
    assert content["example"] == EXAMPLES[verb.words]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_what_the_description_says(described: Any, mode: GenerationMode) -> None:
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) > 100

    @seed(7)
    @FEW
    @given(st.data())
    def asked(data: st.DataObject) -> None:
        operation = data.draw(st.sampled_from(operations))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        case.call_and_validate(checks=list(CHECKS), timeout=120.0)

    asked()
