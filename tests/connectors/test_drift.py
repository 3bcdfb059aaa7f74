"""Code that stumbles over an answer: the item fails by name, and nothing of the answer is told."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.drift import guarded, noticing_drift
from connectors.github.people import named_actor
from connectors.registry import DATASETS, extractor_for
from schemas.errors import ConfigurationError, SchemaDrift


def test_a_missing_field_is_named_with_the_place_and_without_values() -> None:
    def read(answer: Any) -> str:
        return answer["login"].upper()

    reading = noticing_drift(read, "github")
    assert reading({"login": "ada"}) == "ADA"
    with pytest.raises(SchemaDrift, match=r"answer of github .*KeyError, without 'login', outside the connectors"):
        reading({"email": "ada@acme.example"})
    with pytest.raises(SchemaDrift) as caught:
        reading({"login": ["ada@acme.example"]})
    assert "ada" not in str(caught.value)
    with pytest.raises(SchemaDrift, match="KeyError, outside"):
        noticing_drift(lambda answer: answer["ada@acme.example"], "github")({})


def test_the_place_is_that_of_the_connector() -> None:
    with pytest.raises(SchemaDrift, match=r"connectors/github/people\.py line \d+"):
        noticing_drift(named_actor, "github")(7)  # type: ignore[arg-type]


def test_errors_of_the_product_and_of_the_machine_go_on_as_they_are() -> None:
    for error in (ConfigurationError("no role"), OSError("no space"), MemoryError(), KeyboardInterrupt()):

        def read(error: BaseException = error) -> None:
            raise error

        with pytest.raises(type(error)):
            noticing_drift(read, "aws")()


def test_a_pass_is_told_apart_by_its_guarded_extractor() -> None:
    assert extractor_for("aws.sign_in") is extractor_for("aws.access_keys")
    assert extractor_for("aws.sign_in") is not extractor_for("aws.privileges")
    for name in DATASETS:
        assert extractor_for(name) is extractor_for(name)
    assert guarded(named_actor, "github").__qualname__ == named_actor.__qualname__  # type: ignore[arg-type]
