"""`POST /graphql`: from the body of a request to the body of the answer."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    get_variable_values,
    parse,
    validate,
)
from graphql.execution.values import VariableValues

from sandbox.github.access import Request
from sandbox.github.errors import Refused
from sandbox.github.execution import Operation
from sandbox.github.limits import RateLimits
from sandbox.github.queries.cost import Estimate, estimate
from sandbox.github.queries.root import resolvers_for
from sandbox.github.times import iso

SCHEMA_FILE = Path(__file__).parent.parent / "schema.graphql"
_KEPT = 256
_LIMIT_EXCEEDED = "API rate limit exceeded for user ID {0}."


@dataclass(slots=True)
class Parsed:
    """A document that has been parsed and validated once."""

    document: DocumentNode
    errors: list[GraphQLError]


@dataclass(slots=True)
class Call:
    """The three parts of a GraphQL request."""

    query: str
    operation_name: str | None
    variables: dict[str, Any]

    @property
    def name(self) -> str:
        """The operation's name for fault plans and counts: its own, or `graphql`."""
        if self.operation_name:
            return self.operation_name
        words = self.query.split("{", 1)[0].replace("(", " ").split()
        return words[1] if len(words) > 1 and words[0] == "query" else "graphql"


def read_call(body: bytes) -> Call:
    """Raises Refused for a body that is no GraphQL request."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused("Problems parsing JSON", kind="BAD_REQUEST") from None
    if not isinstance(content, dict) or not isinstance(content.get("query"), str):
        raise Refused("A query attribute must be specified and must be a string.", kind="BAD_REQUEST")
    variables = content.get("variables")
    variables = {} if variables is None else variables
    if not isinstance(variables, dict):
        raise Refused("Variables must be an object.", kind="BAD_REQUEST")
    return Call(content["query"], content.get("operationName"), variables)


class GraphQLService:
    """Executes calls; parsed documents and compiled operations are kept between requests."""

    def __init__(self, limits: RateLimits, schema_file: Path = SCHEMA_FILE) -> None:
        self.schema: GraphQLSchema = build_schema(schema_file.read_text(encoding="utf-8"))
        self.resolvers = resolvers_for(self.schema)
        self._limits = limits
        self._lock = threading.Lock()
        self._parsed: OrderedDict[str, Parsed] = OrderedDict()
        self._compiled: OrderedDict[tuple[Any, ...], Operation] = OrderedDict()

    @property
    def documents(self) -> list[str]:
        """The queries that have been asked, each once, as far as they are still kept."""
        with self._lock:
            return list(self._parsed)

    def answer(self, call: Call, request: Request) -> dict[str, Any]:
        """The body of the answer; what GitHub would refuse is in its `errors`."""
        parsed = self._parse(call.query)
        if parsed.errors:
            return {"errors": [_syntax_error(error) for error in parsed.errors]}
        operation = _choose(parsed.document, call.operation_name)
        if isinstance(operation, str):
            return {"errors": [{"message": operation}]}
        if operation.operation is not OperationType.QUERY:
            return {"errors": [{"message": "The sandbox does not model mutations and subscriptions."}]}
        variables = get_variable_values(self.schema, operation.variable_definitions or (), call.variables)
        if isinstance(variables, list):
            return {"errors": [_syntax_error(error) for error in variables]}
        expected = estimate(self.schema, parsed.document, operation, variables)
        if expected.errors:
            return {"data": None, "errors": expected.errors}
        refusal = self._charge(expected, request)
        if refusal is not None:
            return {"errors": [refusal]}
        try:
            compiled = self._compile(call, parsed.document, operation, variables)
        except Refused as refusal:
            return {"errors": [{"type": refusal.kind, "message": str(refusal)}]}
        data, errors = compiled.run(request, variables)
        return {"data": data, "errors": errors} if errors else {"data": data}

    def _parse(self, query: str) -> Parsed:
        with self._lock:
            found = self._parsed.get(query)
            if found is not None:
                self._parsed.move_to_end(query)
                return found
        try:
            document = parse(query)
        except GraphQLError as error:
            return Parsed(DocumentNode(definitions=()), [error])
        found = Parsed(document, validate(self.schema, document))
        with self._lock:
            self._parsed[query] = found
            while len(self._parsed) > _KEPT:
                self._parsed.popitem(last=False)
        return found

    def _compile(
        self, call: Call, document: DocumentNode, operation: OperationDefinitionNode, variables: VariableValues
    ) -> Operation:
        """Directives may depend on any boolean variable, so these are part of what is compiled."""
        switches = tuple(sorted((name, value) for name, value in variables.coerced.items() if isinstance(value, bool)))
        key = (call.query, call.operation_name, switches)
        with self._lock:
            found = self._compiled.get(key)
            if found is not None:
                self._compiled.move_to_end(key)
                return found
        found = Operation(self.schema, self.resolvers, document, operation, variables)
        with self._lock:
            self._compiled[key] = found
            while len(self._compiled) > _KEPT:
                self._compiled.popitem(last=False)
        return found

    def _charge(self, expected: Estimate, request: Request) -> dict[str, Any] | None:
        """Spend the cost, and tell `rateLimit` about it."""
        budget = self._limits.budget(request.viewer, "graphql", request.now)
        if not self._limits.spend(budget, expected.cost):
            return {"type": "RATE_LIMITED", "message": _LIMIT_EXCEEDED.format(request.viewer.key)}
        request.spending = {
            "cost": expected.cost,
            "nodeCount": expected.nodes,
            "limit": budget.limit,
            "used": budget.used,
            "remaining": budget.remaining,
            "resetAt": iso(budget.reset),
        }
        return None


def _choose(document: DocumentNode, name: str | None) -> OperationDefinitionNode | str:
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    if name is not None:
        for operation in operations:
            if operation.name is not None and operation.name.value == name:
                return operation
        return f"No operation named {name!r}"
    if len(operations) == 1:
        return operations[0]
    return "An operation name is required" if operations else "The document has no operation"


def _syntax_error(error: GraphQLError) -> dict[str, Any]:
    """Errors found before execution have no type at GitHub, but a code in `extensions`."""
    message = error.message
    if message.startswith(("Cannot query field", "Unknown argument", "Unknown type")):
        message += " The sandbox knows only the part of GitHub's schema that docs/sandbox.md lists."
    formatted: dict[str, Any] = {"message": message}
    if error.locations:
        formatted["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    return formatted


__all__ = ["Call", "GraphQLService", "read_call"]
