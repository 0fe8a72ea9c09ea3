"""CEL's text → a tree (https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax)."""

from __future__ import annotations

import re
from typing import Any

from kubectl_canary.api.unsupported import Unsupported
from kubectl_canary.expressions import regex
from kubectl_canary.records import dataclass

MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})
PRECEDENCE = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
}
WORDS = {"true": True, "false": False, "null": None}
TOKEN = regex(
    r"""
    (?P<space> \s+ | //[^\n]* )
  | (?P<string> [rR]? (?: \"\"\"(?:\\.|[^\\])*?\"\"\"
                      | '''(?:\\.|[^\\])*?''' | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' ) )
  | (?P<float> [0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)? | [0-9]+[eE][+-]?[0-9]+ )
  | (?P<integer> 0x[0-9a-fA-F]+ | [0-9]+ )
  | (?P<name> [A-Za-z_][A-Za-z0-9_]* )
  | (?P<sign> && | \|\| | [=!<>]= | [-+*/%<>!?:.,()\[\]{}] )
    """,
    re.VERBOSE | re.DOTALL,
)
ESCAPE = regex(
    r"\\(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))", re.DOTALL
)
ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"} | {
    sign: sign for sign in "\\\"'`?"
}


@dataclass(frozen=True)
class Literal:
    """A string, number, boolean or null."""

    value: Any


@dataclass(frozen=True)
class Name:
    """A variable."""

    name: str


@dataclass(frozen=True)
class Select:
    """`operand.field`."""

    operand: Node
    field: str


@dataclass(frozen=True)
class Has:
    """`has(operand.field)`."""

    operand: Node
    field: str


@dataclass(frozen=True)
class Index:
    """`operand[key]`."""

    operand: Node
    key: Node


@dataclass(frozen=True)
class Unary:
    """`!operand`, `-operand`."""

    sign: str
    operand: Node


@dataclass(frozen=True)
class Binary:
    """`left sign right`."""

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Conditional:
    """`test ? yes : no`."""

    test: Node
    yes: Node
    no: Node


@dataclass(frozen=True)
class ListOf:
    """`[a, b]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class MapOf:
    """`{a: b}`."""

    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True)
class Macro:
    """`over.name(variable, body…)`."""

    name: str
    over: Node
    variable: str
    bodies: tuple[Node, ...]


@dataclass(frozen=True)
class Call:
    """`target.name(arguments…)`, or `name(arguments…)` without a target."""

    name: str
    target: Node | None
    arguments: tuple[Node, ...]


Node = Literal | Name | Select | Has | Index | Unary | Binary | Conditional | ListOf | MapOf | Macro | Call


def parse(text: str) -> Node:
    """The tree of an expression. Raises Unsupported where it is not CEL as we know it."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.position = 0

    def whole(self) -> Node:
        tree = self.expression()
        self.expect("end", "")
        return tree

    def at(self, *signs: str) -> bool:
        kind, text = self.tokens[self.position]
        return kind in ("sign", "name") and text in signs

    def take(self) -> tuple[str, str]:
        token = self.tokens[self.position]
        self.position += 1
        return token

    def expect(self, kind: str, text: str | None = None) -> str:
        token_kind, token = self.take()
        if token_kind != kind or (text is not None and token != text):
            raise Unsupported(f"`{token or 'the end'}` where `{text or kind}` is expected")
        return token

    def accept(self, sign: str) -> bool:
        follows = self.at(sign)
        self.position += follows
        return follows

    def expression(self) -> Node:
        test = self.binary(1)
        if not self.accept("?"):
            return test
        yes = self.binary(1)
        self.expect("sign", ":")
        return Conditional(test, yes, self.expression())

    def binary(self, lowest: int) -> Node:
        left = self.unary()
        while self.at(*PRECEDENCE) and PRECEDENCE[self.tokens[self.position][1]] >= lowest:
            sign = self.take()[1]
            left = Binary(sign, left, self.binary(PRECEDENCE[sign] + 1))
        return left

    def unary(self) -> Node:
        if self.at("!", "-"):
            return Unary(self.take()[1], self.unary())
        return self.member(self.primary())

    def member(self, node: Node) -> Node:
        while True:
            if self.accept("."):
                node = self.selected(node)
            elif self.accept("["):
                node = Index(node, self.expression())
                self.expect("sign", "]")
            else:
                return node

    def selected(self, operand: Node) -> Node:
        name = self.expect("name")
        if not self.accept("("):
            return Select(operand, name)
        arguments = self.expressions(")")
        if name in MACROS and len(arguments) > 1 and isinstance(arguments[0], Name):
            return Macro(name, operand, arguments[0].name, arguments[1:])
        return Call(name, operand, arguments)

    def expressions(self, end: str) -> tuple[Node, ...]:
        nodes: list[Node] = []
        while not self.accept(end):
            nodes.append(self.expression())
            if not self.at(end):
                self.expect("sign", ",")
        return tuple(nodes)

    def primary(self) -> Node:
        kind, text = self.take()
        if kind == "string":
            return Literal(_unquoted(text))
        if kind == "integer":
            return Literal(int(text, 0) if text.startswith("0x") else int(text))
        if kind == "float":
            return Literal(float(text))
        if kind == "name":
            return self.named(text)
        if kind == "sign" and text == "(":
            node = self.expression()
            self.expect("sign", ")")
            return node
        if kind == "sign" and text == "[":
            return ListOf(self.expressions("]"))
        if kind == "sign" and text == "{":
            return MapOf(self.entries())
        raise Unsupported(f"`{text or 'the end'}` where a value is expected")

    def named(self, name: str) -> Node:
        if name in WORDS:
            return Literal(WORDS[name])
        if not self.accept("("):
            return Name(name)
        arguments = self.expressions(")")
        if name != "has":
            return Call(name, None, arguments)
        if len(arguments) != 1 or not isinstance(arguments[0], Select):
            raise Unsupported("has() takes a field")
        return Has(arguments[0].operand, arguments[0].field)

    def entries(self) -> tuple[tuple[Node, Node], ...]:
        pairs: list[tuple[Node, Node]] = []
        while not self.accept("}"):
            key = self.expression()
            self.expect("sign", ":")
            pairs.append((key, self.expression()))
            if not self.at("}"):
                self.expect("sign", ",")
        return tuple(pairs)


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise Unsupported(f"`{text[position]}` is no CEL")
        position = match.end()
        if match.lastgroup != "space":
            tokens.append((match.lastgroup, match.group()))
    return [*tokens, ("end", "")]


def _unquoted(text: str) -> str:
    raw = text[0] in "rR"
    text = text[raw:]
    width = 3 if text[:3] in ('"""', "'''") else 1
    body = text[width:-width]
    return body if raw else ESCAPE.sub(_unescaped, body)


def _unescaped(match: re.Match[str]) -> str:
    for group, base in ((1, 16), (2, 16), (3, 16), (4, 8)):
        if match.group(group):
            return chr(int(match.group(group), base))
    if match.group(5) not in ESCAPED:
        raise Unsupported(f"the escape `{match.group()}`")
    return ESCAPED[match.group(5)]
