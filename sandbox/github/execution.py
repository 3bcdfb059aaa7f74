"""Runs GraphQL operations: each selection set is compiled once into closures over the schema and the resolvers.

Parsing, validation and the coercion of variables and arguments are graphql-core's. Only the walk over the selections
is our own, because evidence is collected by the thousand pull requests and graphql-core's generic walk takes ten times
as long. A test runs the same operations through `graphql.execute_sync` and demands equal answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_argument_values,
    get_directive_values,
    is_leaf_type,
)
from graphql.execution.values import VariableValues
from graphql.type import GraphQLIncludeDirective, GraphQLSkipDirective

from sandbox.github.access import Request
from sandbox.github.errors import Refused

Resolver = Callable[[Any, dict[str, Any], Request], Any]
Resolvers = Mapping[str, Mapping[str, Resolver]]
Path = tuple[Any, Any] | None
"""A linked list from the field to the root: (path of the parent, key)."""

_NO_ARGUMENTS: Final[dict[str, Any]] = {}


class _NullWhereNoneMayBe(Exception):
    pass


class Run:
    """One execution: the request, the values of all argument sets, and the errors so far."""

    __slots__ = ("arguments", "errors", "request")

    def __init__(self, request: Request, arguments: list[dict[str, Any]]) -> None:
        self.request = request
        self.arguments = arguments
        self.errors: list[dict[str, Any]] = []


Complete = Callable[[Any, Run, Path], Any]
Execute = Callable[[Any, Run, Path], dict[str, Any]]


class Operation:
    """A compiled operation; keeps nothing of a request, so it can be used again."""

    def __init__(
        self,
        schema: GraphQLSchema,
        resolvers: Resolvers,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: VariableValues,
    ) -> None:
        self._schema = schema
        self._resolvers = resolvers
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._variables = variables
        self._slots: list[tuple[GraphQLField, FieldNode]] = []
        root = schema.query_type
        if root is None:
            raise TypeError("the schema has no query type")
        self._execute = self._object(root, [operation.selection_set])
        # What @skip and @include decide is compiled in, so the values they used must not be looked up again later.
        self._variables = VariableValues({}, {})

    def run(self, request: Request, variables: VariableValues) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
        """Data (None when the root itself had to become null) and errors."""
        arguments = [get_argument_values(field, node, variables) for field, node in self._slots]
        run = Run(request, arguments)
        try:
            return self._execute(None, run, None), run.errors
        except _NullWhereNoneMayBe:
            return None, run.errors

    def _included(self, node: FieldNode | FragmentSpreadNode | InlineFragmentNode) -> bool:
        if not node.directives:
            return True
        skip = get_directive_values(GraphQLSkipDirective, node, self._variables)
        if skip and skip["if"]:
            return False
        include = get_directive_values(GraphQLIncludeDirective, node, self._variables)
        return not (include and not include["if"])

    def _collect(
        self, type_: GraphQLObjectType, sets: Sequence[SelectionSetNode], found: dict[str, list[FieldNode]]
    ) -> None:
        for selection_set in sets:
            for node in selection_set.selections:
                if isinstance(node, FieldNode):
                    if self._included(node):
                        key = node.alias.value if node.alias else node.name.value
                        found.setdefault(key, []).append(node)
                elif isinstance(node, InlineFragmentNode):
                    condition = node.type_condition.name.value if node.type_condition else None
                    if self._included(node) and self._applies(condition, type_):
                        self._collect(type_, [node.selection_set], found)
                elif isinstance(node, FragmentSpreadNode) and self._included(node):
                    fragment = self._fragments[node.name.value]
                    if self._applies(fragment.type_condition.name.value, type_):
                        self._collect(type_, [fragment.selection_set], found)

    def _applies(self, condition: str | None, type_: GraphQLObjectType) -> bool:
        if condition is None or condition == type_.name:
            return True
        named = self._schema.type_map[condition]
        if isinstance(named, GraphQLInterfaceType | GraphQLUnionType):
            return self._schema.is_sub_type(named, type_)
        return False

    def _object(self, type_: GraphQLObjectType, sets: Sequence[SelectionSetNode]) -> Execute:
        collected: dict[str, list[FieldNode]] = {}
        self._collect(type_, sets, collected)
        resolvers = self._resolvers.get(type_.name, {})
        plan: list[tuple[str, Resolver, int, Complete | None, bool, FieldNode]] = []
        for key, nodes in collected.items():
            name = nodes[0].name.value
            if name == "__typename":
                plan.append((key, _constant(type_.name), -1, None, True, nodes[0]))
                continue
            if name.startswith("__"):
                raise Refused(f"The sandbox does not model introspection ({name}).", kind="NOT_MODELLED")
            field = type_.fields[name]
            slot = -1
            if field.args:
                slot = self._slot(field, nodes[0])
            below = [node.selection_set for node in nodes if node.selection_set is not None]
            nullable = not isinstance(field.type, GraphQLNonNull)
            plan.append((key, resolvers[name], slot, self._completer(field.type, below), nullable, nodes[0]))

        def execute(source: Any, run: Run, path: Path) -> dict[str, Any]:
            data: dict[str, Any] = {}
            request, arguments = run.request, run.arguments
            for key, resolve, slot, complete, nullable, node in plan:
                try:
                    value = resolve(source, arguments[slot] if slot >= 0 else _NO_ARGUMENTS, request)
                    if complete is not None:
                        value = complete(value, run, (path, key))
                    elif value is None and not nullable:
                        _refuse_null(type_.name, key)
                    data[key] = value
                except Refused as refusal:
                    run.errors.append(_error(refusal, node, (path, key)))
                    if not nullable:
                        raise _NullWhereNoneMayBe from None
                    data[key] = None
                except _NullWhereNoneMayBe:
                    if not nullable:
                        raise
                    data[key] = None
            return data

        return execute

    def _slot(self, field: GraphQLField, node: FieldNode) -> int:
        """Where a run keeps the argument values of a field; the same selection on several types shares one place."""
        for index, (known, at) in enumerate(self._slots):
            if at is node and known is field:
                return index
        self._slots.append((field, node))
        return len(self._slots) - 1

    def _completer(self, type_: GraphQLOutputType, sets: Sequence[SelectionSetNode]) -> Complete | None:
        """How a resolved value becomes data; None for leaves, whose resolvers give JSON values already."""
        if isinstance(type_, GraphQLNonNull):
            inner = self._completer(type_.of_type, sets)
            if inner is None:
                return None
            below = inner

            def demanded(value: Any, run: Run, path: Path) -> Any:
                if value is None:
                    raise Refused(f"Cannot return null for non-nullable type {type_}.", kind="INTERNAL")
                return below(value, run, path)

            return demanded
        if isinstance(type_, GraphQLList):
            return self._list(type_, sets)
        if is_leaf_type(type_):
            return None
        if isinstance(type_, GraphQLObjectType):
            execute = self._object(type_, sets)
            return lambda value, run, path: None if value is None else execute(value, run, path)
        return self._abstract(type_, sets)

    def _list(self, type_: GraphQLList[Any], sets: Sequence[SelectionSetNode]) -> Complete | None:
        inner = self._completer(type_.of_type, sets)
        if inner is None:
            return None
        below = inner
        nullable = not isinstance(type_.of_type, GraphQLNonNull)

        def complete(value: Any, run: Run, path: Path) -> Any:
            if value is None:
                return None
            data: list[Any] = []
            for index, item in enumerate(value):
                try:
                    if isinstance(item, Refused):
                        raise item
                    data.append(below(item, run, (path, index)))
                except Refused as refusal:
                    run.errors.append({"type": refusal.kind, "path": _keys((path, index)), "message": str(refusal)})
                    if not nullable:
                        raise _NullWhereNoneMayBe from None
                    data.append(None)
                except _NullWhereNoneMayBe:
                    if not nullable:
                        raise
                    data.append(None)
            return data

        return complete

    def _abstract(self, type_: GraphQLOutputType, sets: Sequence[SelectionSetNode]) -> Complete:
        plans: dict[str, Execute] = {}
        if not isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            raise TypeError(f"{type_} is neither a leaf, an object nor abstract")
        # All possible types are compiled at once: compiling later would add argument sets to a run under way.
        for possible in self._schema.get_possible_types(type_):
            plans[possible.name] = self._object(possible, sets)

        def complete(value: Any, run: Run, path: Path) -> Any:
            return None if value is None else plans[value.typename](value, run, path)

        return complete


def _refuse_null(type_name: str, key: str) -> None:
    raise Refused(f"Cannot return null for non-nullable field {type_name}.{key}.", kind="INTERNAL")


def _constant(text: str) -> Resolver:
    return lambda _source, _args, _request: text


def _keys(path: Path) -> list[Any]:
    keys: list[Any] = []
    while path is not None:
        path, key = path
        keys.append(key)
    keys.reverse()
    return keys


def _error(refusal: Refused, node: FieldNode, path: Path) -> dict[str, Any]:
    error: dict[str, Any] = {"type": refusal.kind, "path": _keys(path)}
    if node.loc is not None:
        token = node.loc.start_token
        error["locations"] = [{"line": token.line, "column": token.column}]
    error["message"] = str(refusal)
    return error
