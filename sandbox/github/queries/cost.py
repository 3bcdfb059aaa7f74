"""What a query costs, and what GitHub refuses before running it.

Rules from docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api: every connection needs
`first` or `last` between 1 and 100; a call may ask for at most 500,000 nodes; the cost is the number of requests
needed to fill each connection, divided by 100, rounded, at least 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_argument_values,
    get_named_type,
)
from graphql.execution.values import VariableValues

MOST_NODES = 500_000
LARGEST_PAGE = 100


@dataclass(slots=True)
class Estimate:
    """Requests and nodes that an operation may need, and what is wrong with it."""

    requests: int = 0
    nodes: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def cost(self) -> int:
        return max(1, round(self.requests / 100))


def estimate(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: VariableValues
) -> Estimate:
    """The estimate for one operation with its variables."""
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    found = Estimate()
    root = schema.query_type
    if root is not None:
        _walk(schema, fragments, variables, found, root, [operation.selection_set], 1, [])
    if not found.errors and found.nodes > MOST_NODES:
        found.errors.append(
            {
                "type": "MAX_NODE_LIMIT_EXCEEDED",
                "message": f"This query requests up to {found.nodes:,} possible nodes which exceeds the maximum limit "
                f"of {MOST_NODES:,}.",
            }
        )
    return found


def _walk(
    schema: GraphQLSchema,
    fragments: dict[str, FragmentDefinitionNode],
    variables: VariableValues,
    found: Estimate,
    parent: Any,
    sets: Sequence[SelectionSetNode],
    times: int,
    path: list[str],
) -> None:
    """`times`: how often the parent may occur."""
    for selection_set in sets:
        for node in selection_set.selections:
            if isinstance(node, InlineFragmentNode):
                type_ = schema.type_map[node.type_condition.name.value] if node.type_condition else parent
                _walk(schema, fragments, variables, found, type_, [node.selection_set], times, path)
            elif isinstance(node, FragmentSpreadNode):
                fragment = fragments[node.name.value]
                type_ = schema.type_map[fragment.type_condition.name.value]
                _walk(schema, fragments, variables, found, type_, [fragment.selection_set], times, path)
            elif isinstance(node, FieldNode) and node.selection_set is not None:
                _field(schema, fragments, variables, found, parent, node, node.selection_set, times, path)


def _field(
    schema: GraphQLSchema,
    fragments: dict[str, FragmentDefinitionNode],
    variables: VariableValues,
    found: Estimate,
    parent: Any,
    node: FieldNode,
    selections: SelectionSetNode,
    times: int,
    path: list[str],
) -> None:
    if not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) or node.name.value.startswith("__"):
        return
    definition = parent.fields[node.name.value]
    type_ = get_named_type(definition.type)
    here = [*path, node.alias.value if node.alias else node.name.value]
    below = times
    if type_.name.endswith("Connection") and "first" in definition.args:
        arguments = get_argument_values(definition, node, variables)
        size = _page_size(arguments, node, here, found)
        found.requests += times
        found.nodes += times * size
        below = times * size
    elif node.name.value == "nodes" and parent.name == "Query":
        below = times * max(1, len(get_argument_values(definition, node, variables)["ids"]))
        found.nodes += below
    _walk(schema, fragments, variables, found, type_, [selections], below, here)


def _page_size(arguments: dict[str, Any], node: FieldNode, path: list[str], found: Estimate) -> int:
    name = node.name.value
    first, last = arguments.get("first"), arguments.get("last")
    if first is None and last is None:
        _refuse(
            found,
            "MISSING_PAGINATION_BOUNDARIES",
            f"You must provide a `first` or `last` value to properly paginate the `{name}` connection.",
            node,
            path,
        )
        return 0
    for label, size in (("first", first), ("last", last)):
        if size is None:
            continue
        if size > LARGEST_PAGE:
            message = (
                f"Requesting {size} records on the `{name}` connection exceeds the `{label}` limit of 100 records."
            )
            _refuse(found, "EXCESSIVE_PAGINATION", message, node, path)
        elif size < 1:
            message = f"`{label}` on the `{name}` connection cannot be less than zero."
            _refuse(found, "INVALID_PAGINATION", message, node, path)
    return max(first or 0, last or 0)


def _refuse(found: Estimate, kind: str, message: str, node: FieldNode, path: list[str]) -> None:
    error: dict[str, Any] = {"type": kind, "path": ["query", *path], "message": message}
    if node.loc is not None:
        token = node.loc.start_token
        error["locations"] = [{"line": token.line, "column": token.column}]
    found.errors.append(error)
