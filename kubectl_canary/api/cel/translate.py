"""A CEL rule → a Python function of `self`.

Each node of the tree becomes a function of the variables. An evaluation that fails raises CelError; where the
specification says that the other operand may still decide, the error waits for it.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable
from typing import Any

from kubectl_canary.api.cel import functions
from kubectl_canary.api.cel.syntax import (
    Binary,
    Call,
    Conditional,
    Has,
    Index,
    ListOf,
    Literal,
    Macro,
    MapOf,
    Name,
    Node,
    Select,
    Unary,
    parse,
)
from kubectl_canary.api.cel.values import CelError, Duration, Format, equal, integer
from kubectl_canary.api.unsupported import Unsupported
from kubectl_canary.expressions import regex

Variables = dict[str, Any]
Function = Callable[[Variables], Any]

KEYWORDS = frozenset({
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import",
    "let", "loop", "package", "namespace", "return", "var", "void", "while",
})  # fmt: skip
ESCAPED = regex(r"__(underscores|dot|dash|slash)__")
SIGNS = {"underscores": "__", "dot": ".", "dash": "-", "slash": "/"}
OLD_SELF = regex(r"\boldSelf\b")


def is_transition(rule: str) -> bool:
    """Whether a rule compares with the object before: it does not apply on create."""
    return bool(OLD_SELF.search(rule))


@functools.cache
def translated(rule: str) -> Callable[[Any], bool]:
    """A function that answers whether a value keeps the rule; an error counts as broken, as in the server.

    Raises Unsupported where the rule uses what we do not know.
    """
    evaluate = _function(parse(rule), frozenset({"self"}))

    def keeps(value: Any) -> bool:
        try:
            return evaluate({"self": value}) is True
        except (CelError, TypeError, AttributeError, ValueError, IndexError, KeyError):
            return False

    return keeps


def _function(node: Node, known: frozenset[str]) -> Function:
    return TRANSLATIONS[type(node)](node, known)


def field_name(name: str) -> str:
    """The property that a CEL identifier stands for: `__namespace__` is `namespace`, `a__dash__b` is `a-b`."""
    if name.startswith("__") and name.endswith("__") and name[2:-2] in KEYWORDS:
        return name[2:-2]
    return ESCAPED.sub(lambda match: SIGNS[match.group(1)], name)


def _literal(node: Literal, _: frozenset[str]) -> Function:
    return lambda _: node.value


def _name(node: Name, known: frozenset[str]) -> Function:
    if node.name not in known:
        raise Unsupported(f"the variable `{node.name}`")
    return lambda variables: variables[node.name]


def _select(node: Select, known: frozenset[str]) -> Function:
    operand, name = _function(node.operand, known), field_name(node.field)

    def select(variables: Variables) -> Any:
        value = operand(variables)
        if not isinstance(value, dict) or name not in value:
            raise CelError(f"no such key: {name}")
        return value[name]

    return select


def _has(node: Has, known: frozenset[str]) -> Function:
    operand, name = _function(node.operand, known), field_name(node.field)

    def has(variables: Variables) -> bool:
        value = operand(variables)
        if not isinstance(value, dict):
            raise CelError("no such overload")
        return name in value

    return has


def _index(node: Index, known: frozenset[str]) -> Function:
    operand, key = _function(node.operand, known), _function(node.key, known)

    def index(variables: Variables) -> Any:
        value, at = operand(variables), key(variables)
        if isinstance(value, list) and isinstance(at, int) and 0 <= at < len(value):
            return value[at]
        if isinstance(value, dict) and at in value:
            return value[at]
        raise CelError("no such key")

    return index


def _unary(node: Unary, known: frozenset[str]) -> Function:
    operand = _function(node.operand, known)
    if node.sign == "!":
        return lambda variables: not _boolean(operand(variables))
    return lambda variables: integer(-operand(variables))


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise CelError("no such overload")
    return value


def _binary(node: Binary, known: frozenset[str]) -> Function:
    left, right = _function(node.left, known), _function(node.right, known)
    if node.sign in ("&&", "||"):
        return lambda variables: _first((left, right), node.sign == "||", lambda side: side(variables))
    compute = OPERATORS[node.sign]
    return lambda variables: compute(left(variables), right(variables))


def _first(operands: Iterable[Any], decisive: bool, evaluate: Callable[[Any], Any]) -> bool:
    """Whether any operand has the decisive value; where none has it, the first error is raised."""
    failed: CelError | None = None
    for operand in operands:
        try:
            if _boolean(evaluate(operand)) is decisive:
                return decisive
        except CelError as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return not decisive


def _conditional(node: Conditional, known: frozenset[str]) -> Function:
    test, yes, no = (_function(operand, known) for operand in (node.test, node.yes, node.no))
    return lambda variables: (yes if _boolean(test(variables)) else no)(variables)


def _list_of(node: ListOf, known: frozenset[str]) -> Function:
    items = [_function(element, known) for element in node.items]
    return lambda variables: [item(variables) for item in items]


def _map_of(node: MapOf, known: frozenset[str]) -> Function:
    entries = [(_function(key, known), _function(value, known)) for key, value in node.entries]
    return lambda variables: {key(variables): value(variables) for key, value in entries}


def _macro(node: Macro, known: frozenset[str]) -> Function:
    over = _function(node.over, known)
    bodies = [_function(body, known | {node.variable}) for body in node.bodies]
    answer = MACROS.get((node.name, len(bodies)))
    if answer is None:
        raise Unsupported(f"`{node.name}` with {len(bodies) + 1} arguments")

    def macro(variables: Variables) -> Any:
        items = over(variables)
        if not isinstance(items, list | dict):
            raise CelError("no such overload")
        functions = [lambda item, body=body: body({**variables, node.variable: item}) for body in bodies]
        return answer(list(items), *functions)

    return macro


MACROS: dict[tuple[str, int], Callable[..., Any]] = {
    ("all", 1): lambda items, holds: _first(items, False, holds),
    ("exists", 1): lambda items, holds: _first(items, True, holds),
    ("exists_one", 1): lambda items, holds: [_boolean(holds(item)) for item in items].count(True) == 1,
    ("filter", 1): lambda items, holds: [item for item in items if _boolean(holds(item))],
    ("map", 1): lambda items, transform: [transform(item) for item in items],
    ("map", 2): lambda items, holds, transform: [transform(item) for item in items if _boolean(holds(item))],
}


def _call(node: Call, known: frozenset[str]) -> Function:
    if node.target is None:
        return _called(functions.GLOBALS, node.name, node.arguments, known)
    if node.target == Name("format"):
        if node.name not in functions.FORMATS:
            raise Unsupported(f"`format.{node.name}()`")
        return lambda _: Format(node.name)
    return _called(functions.METHODS, node.name, (node.target, *node.arguments), known)


def _called(
    library: dict[str, Callable[..., Any]], name: str, operands: tuple[Node, ...], known: frozenset[str]
) -> Function:
    if name not in library:
        raise Unsupported(f"the function `{name}()`")
    call, arguments = library[name], [_function(operand, known) for operand in operands]
    return lambda variables: call(*(argument(variables) for argument in arguments))


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def ordered(left: Any, right: Any) -> bool:
        if _comparable(left) is not _comparable(right):
            raise CelError("no such overload")
        return compare(left, right)

    return ordered


def _comparable(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float
    if not isinstance(value, str | bool | Duration):
        raise CelError("no such overload")
    return type(value)


def _arithmetic(compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def arithmetic(left: Any, right: Any) -> Any:
        if isinstance(left, Duration) and isinstance(right, Duration):
            return Duration(integer(compute(left.nanoseconds, right.nanoseconds)))
        if type(left) is not type(right) or isinstance(left, bool | dict):
            raise CelError("no such overload")
        return integer(compute(left, right))

    return arithmetic


def _divided(left: int, right: int) -> int:
    if right == 0:
        raise CelError("division by zero")
    return abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)


def _contained(item: Any, container: Any) -> bool:
    if isinstance(container, dict):
        return item in container
    return any(equal(item, element) for element in container)


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "in": _contained,
    "+": _arithmetic(operator.add),
    "-": _arithmetic(operator.sub),
    "*": _arithmetic(operator.mul),
    "/": _arithmetic(lambda left, right: left / right if isinstance(left, float) else _divided(left, right)),
    "%": _arithmetic(lambda left, right: left - right * _divided(left, right)),
}
TRANSLATIONS: dict[type, Callable[[Any, frozenset[str]], Function]] = {
    Literal: _literal,
    Name: _name,
    Select: _select,
    Has: _has,
    Index: _index,
    Unary: _unary,
    Binary: _binary,
    Conditional: _conditional,
    ListOf: _list_of,
    MapOf: _map_of,
    Macro: _macro,
    Call: _call,
}
