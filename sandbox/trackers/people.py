"""The people of a company as accounts of a tracker."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.company import Company, Person
from schemas.errors import ConfigurationError


def people_of(company: Company) -> Mapping[str, Person]:
    """By person_id."""
    return {person.person_id: person for person in company.people}


def known(people: Mapping[str, Person], person_id: str, file: str) -> Person:
    """Somebody whom a script names. ConfigurationError where nobody is called so."""
    if person_id not in people:
        raise ConfigurationError(f"{file} of the company names {person_id}, who is not in company.yaml")
    return people[person_id]
