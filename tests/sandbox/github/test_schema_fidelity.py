"""The sandbox's GraphQL schema is a part of GitHub's official one, type by type, field by field, argument by argument.

The official one comes from the npm package @octokit/graphql-schema, looked for in `node_modules` at the root of the
repository or in the folder that NPM_MODULES names.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    print_ast,
)

from sandbox.github.queries.endpoint import SCHEMA_FILE

ROOT = Path(__file__).parents[3]
MODULES = Path(os.environ.get("NPM_MODULES", ROOT / "node_modules"))
OFFICIAL = MODULES / "@octokit" / "graphql-schema" / "schema.graphql"

needs_official = pytest.mark.skipif(
    not OFFICIAL.is_file(),
    reason="GitHub's schema is not there: npm install --no-save --no-package-lock @octokit/graphql-schema@15.26.1",
)


@pytest.fixture(scope="module")
def official() -> GraphQLSchema:
    return build_schema(OFFICIAL.read_text(encoding="utf-8"), assume_valid_sdl=True)


@pytest.fixture(scope="module")
def ours() -> GraphQLSchema:
    return build_schema(SCHEMA_FILE.read_text(encoding="utf-8"))


def differences(ours: GraphQLSchema, official: GraphQLSchema) -> list[str]:
    """Everything in our schema that GitHub's has not, or has otherwise."""
    found: list[str] = []
    for name, type_ in ours.type_map.items():
        if name.startswith("__"):
            continue
        other = official.type_map.get(name)
        if other is None or type(other) is not type(type_):
            found.append(f"{name}: not of that kind in the official schema")
        elif isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            found += _fields(name, type_, other)
        elif isinstance(type_, GraphQLEnumType):
            assert isinstance(other, GraphQLEnumType)
            found += [f"{name}.{value}: unknown value" for value in type_.values if value not in other.values]
        elif isinstance(type_, GraphQLUnionType):
            assert isinstance(other, GraphQLUnionType)
            members = {member.name for member in other.types}
            found += [f"{name}: {one.name} is no member" for one in type_.types if one.name not in members]
        elif isinstance(type_, GraphQLInputObjectType):
            assert isinstance(other, GraphQLInputObjectType)
            for field, definition in type_.fields.items():
                if str(definition.type) != str(getattr(other.fields.get(field), "type", None)):
                    found.append(f"{name}.{field}: other type")
            found += [
                f"{name}.{field}: required and missing"
                for field, definition in other.fields.items()
                if str(definition.type).endswith("!") and field not in type_.fields
            ]
        else:
            assert isinstance(type_, GraphQLScalarType)
    return found


def _fields(name: str, type_: Any, other: Any) -> list[str]:
    found: list[str] = []
    interfaces = {one.name for one in other.interfaces}
    found += [f"{name}: does not implement {one.name}" for one in type_.interfaces if one.name not in interfaces]
    for field, definition in type_.fields.items():
        counterpart = other.fields.get(field)
        if counterpart is None:
            found.append(f"{name}.{field}: unknown field")
            continue
        if str(definition.type) != str(counterpart.type):
            found.append(f"{name}.{field}: {definition.type}, officially {counterpart.type}")
        for argument, given in definition.args.items():
            wanted = counterpart.args.get(argument)
            if wanted is None:
                found.append(f"{name}.{field}({argument}): unknown argument")
            elif (str(given.type), _default(given)) != (str(wanted.type), _default(wanted)):
                found.append(f"{name}.{field}({argument}): other type or default")
        found += [
            f"{name}.{field}({argument}): required and missing"
            for argument, wanted in counterpart.args.items()
            if str(wanted.type).endswith("!") and argument not in definition.args
        ]
    return found


def _default(argument: Any) -> str | None:
    value = argument.ast_node.default_value
    return None if value is None else print_ast(value)


@needs_official
def test_every_type_field_and_argument_is_githubs(ours: GraphQLSchema, official: GraphQLSchema) -> None:
    assert differences(ours, official) == []


@needs_official
@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("  mergedBy: Actor\n", "  mergedBy: Actor!\n", "PullRequest.mergedBy: Actor!, officially Actor"),
        ("  mergedBy: Actor\n", "  mergedBy: Actor\n  approved: Boolean\n", "PullRequest.approved: unknown field"),
        ("enum StatusState {\n", "enum StatusState {\n  FINE\n", "StatusState.FINE: unknown value"),
        ("ref(qualifiedName: String!): Ref", "ref: Ref", "Repository.ref(qualifiedName): required and missing"),
        ("writersOnly: Boolean = false", "writersOnly: Boolean = true", "other type or default"),
    ],
)
def test_a_schema_that_differs_is_found_out(official: GraphQLSchema, before: str, after: str, said: str) -> None:
    text = SCHEMA_FILE.read_text(encoding="utf-8")
    assert before in text
    assert any(said in one for one in differences(build_schema(text.replace(before, after, 1)), official))


def test_what_a_query_returns_is_never_made_up_from_descriptions() -> None:
    """Descriptions of the official schema are GitHub's text and stay out."""
    assert '"""' not in SCHEMA_FILE.read_text(encoding="utf-8")
