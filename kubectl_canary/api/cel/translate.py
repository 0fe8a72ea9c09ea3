"""A CEL rule → the text of a Python expression of `v_self`, which calls what `runtime` has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubectl_canary.api.cel import functions, runtime
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
from kubectl_canary.api.unsupported import Unsupported
from kubectl_canary.expressions import regex

Names = frozenset[str]

KEYWORDS = frozenset({
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import",
    "let", "loop", "package", "namespace", "return", "var", "void", "while",
})  # fmt: skip
ESCAPED = regex(r"__(underscores|dot|dash|slash)__")
SIGNS = {"underscores": "__", "dot": ".", "dash": "-", "slash": "/"}
DECISIVE = {"||": True, "&&": False}


def translated(rule: str) -> Callable[[Any], Any]:
    """The rule as a function of `self`.

    Raises Unsupported where the rule uses what we do not know, is nested deeper than Python reads, or has a literal
    that is none.
    """
    try:
        text = f"lambda v_self: {expression(rule)}"
        function: Callable[[Any], Any] = eval(text, dict(runtime.NAMES))  # noqa: S307  NAMES are all that it can reach
        return function
    except (SyntaxError, MemoryError, RecursionError, ValueError):
        raise Unsupported("a rule of so many levels, or a literal like that") from None


def expression(rule: str) -> str:
    """The text of the rule's expression. Raises Unsupported where the rule uses what we do not know."""
    return _text(parse(rule), frozenset({"self"}))


def field_name(name: str) -> str:
    """The property that a CEL identifier stands for: `__namespace__` is `namespace`, `a__dash__b` is `a-b`."""
    if name.startswith("__") and name.endswith("__") and name[2:-2] in KEYWORDS:
        return name[2:-2]
    return ESCAPED.sub(lambda match: SIGNS[match.group(1)], name)


def _text(node: Node, known: Names) -> str:
    return TRANSLATIONS[type(node)](node, known)


def _literal(node: Literal, _: Names) -> str:
    return f"float({str(node.value)!r})" if isinstance(node.value, float) else repr(node.value)


def _name(node: Name, known: Names) -> str:
    if node.name not in known:
        raise Unsupported(f"the variable `{node.name}`")
    return f"v_{node.name}"


def _of_field(function: str) -> Callable[[Select | Has, Names], str]:
    return lambda node, known: f"{function}({_text(node.operand, known)}, {field_name(node.field)!r})"


def _index(node: Index, known: Names) -> str:
    return f"index({_text(node.operand, known)}, {_text(node.key, known)})"


def _unary(node: Unary, known: Names) -> str:
    operand = _text(node.operand, known)
    return f"(not boolean({operand}))" if node.sign == "!" else f"integer(-{operand})"


def _binary(node: Binary, known: Names) -> str:
    if node.sign in DECISIVE:
        operands = ", ".join(f"lambda: {_text(operand, known)}" for operand in _operands(node, node.sign))
        return f"first({DECISIVE[node.sign]}, {operands})"
    return f"OPERATORS[{node.sign!r}]({_text(node.left, known)}, {_text(node.right, known)})"


def _operands(node: Node, sign: str) -> list[Node]:
    """The operands of a row of `&&` or of `||`, which are asked one after the other."""
    if isinstance(node, Binary) and node.sign == sign:
        return [*_operands(node.left, sign), *_operands(node.right, sign)]
    return [node]


def _conditional(node: Conditional, known: Names) -> str:
    test, yes, no = (_text(operand, known) for operand in (node.test, node.yes, node.no))
    return f"({yes} if boolean({test}) else {no})"


def _list_of(node: ListOf, known: Names) -> str:
    return f"[{', '.join(_text(item, known) for item in node.items)}]"


def _map_of(node: MapOf, known: Names) -> str:
    return f"{{{', '.join(f'{_text(key, known)}: {_text(value, known)}' for key, value in node.entries)}}}"


def _macro(node: Macro, known: Names) -> str:
    over = _text(node.over, known)
    bodies = [f"lambda v_{node.variable}: {_text(body, known | {node.variable})}" for body in node.bodies]
    if (node.name, len(bodies)) not in runtime.MACROS:
        raise Unsupported(f"`{node.name}` with {len(bodies) + 1} arguments")
    return f"macro({', '.join([repr(node.name), over, *bodies])})"


def _call(node: Call, known: Names) -> str:
    if node.target is None:
        return _called("GLOBALS", functions.GLOBALS, node.name, node.arguments, known)
    if node.target == Name("format"):
        if node.name not in functions.FORMATS:
            raise Unsupported(f"`format.{node.name}()`")
        return f"Format({node.name!r})"
    return _called("METHODS", functions.METHODS, node.name, (node.target, *node.arguments), known)


def _called(
    table: str, library: dict[str, Callable[..., Any]], name: str, operands: tuple[Node, ...], known: Names
) -> str:
    if name not in library:
        raise Unsupported(f"the function `{name}()`")
    return f"{table}[{name!r}]({', '.join(_text(operand, known) for operand in operands)})"


TRANSLATIONS: dict[type, Callable[[Any, Names], str]] = {
    Literal: _literal,
    Name: _name,
    Select: _of_field("select"),
    Has: _of_field("has"),
    Index: _index,
    Unary: _unary,
    Binary: _binary,
    Conditional: _conditional,
    ListOf: _list_of,
    MapOf: _map_of,
    Macro: _macro,
    Call: _call,
}
