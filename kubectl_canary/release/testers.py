"""Who tests the canary: requests with a header, a query parameter or a cookie, as conditions of a match.

Implementations compare a regular expression with the whole text (Envoy) or look for it anywhere (Traefik). Each that is
made here is anchored at both ends, and means the same to both.
Source: https://gateway-api.sigs.k8s.io/reference/spec/#headermatchtype
"""

from __future__ import annotations

from typing import Any, Literal

from kubectl_canary.expressions import regex
from kubectl_canary.records import dataclass

Carrier = Literal["header", "query", "cookie"]
Match = dict[str, Any]

CARRIERS: tuple[Carrier, ...] = ("header", "query", "cookie")
EXACT, EXPRESSION, BEGINNING = "Exact", "RegularExpression", "Prefix"
COOKIE = "cookie"  # the header in which all cookies of a request stand
LONGEST = {"headers": 4096, "queryParams": 1024}  # characters of a value, by the Gateway API
SENT = regex(r"[!#-+\-./0-:<-\[\]-~]+")  # what can stand in a cookie (RFC 6265, 4.1.1)
SPECIAL = regex(r"[\\.+*?()|\[\]{}^$]")
ANCHORED = regex(r"\^[^|]*[^\\|]\$")


@dataclass(frozen=True)
class Testers:
    """Requests that carry this reach the canary; `match` says how `value` is compared."""

    __test__ = False  # pytest takes the name for a class of tests

    carrier: Carrier
    name: str
    value: str
    match: str = EXACT

    @property
    def key(self) -> str:
        """The list of a match that has the condition."""
        return "queryParams" if self.carrier == "query" else "headers"

    @property
    def condition(self) -> dict[str, Any]:
        """The condition, as an item of that list."""
        name = COOKIE if self.carrier == "cookie" else self.name
        return {"type": EXPRESSION if self.is_expression else EXACT, "name": name, "value": self._compared}

    @property
    def is_expression(self) -> bool:
        """Whether the condition is a regular expression, which implementations need not support."""
        return self.carrier == "cookie" or self.match != EXACT

    @property
    def title(self) -> str:
        """`x-canary: true`, `?canary=true`, `cookie canary=true`."""
        before = {"header": "", "query": "?", "cookie": "cookie "}[self.carrier] + self.name
        if self.match == EXPRESSION:
            return f"{before} matches {self.value}"
        if self.match == BEGINNING:
            return f"{before} begins with {self.value}"
        return f"{before}{': ' if self.carrier == 'header' else '='}{self.value}"

    @property
    def noun(self) -> str:
        """What other rules may not match: ``the testers' header `x-canary` ``."""
        carrier = "query parameter" if self.carrier == "query" else "header"
        return f"the testers' {carrier} `{self.condition['name']}`"

    @property
    def _compared(self) -> str:
        if self.carrier == "cookie":
            return rf"^(.*;)?[ \t]*{_escaped(self.name)}={_escaped(self.value)}[ \t]*(;.*)?$"
        if self.match == BEGINNING:
            return f"^{_escaped(self.value)}.*$"
        return _anchored(self.value) if self.match == EXPRESSION else self.value

    def is_in(self, match: Match) -> bool:
        """Whether a match asks for the same header or parameter already: of a name only the first condition counts."""
        return any(self.is_called(str(item.get("name"))) for item in match.get(self.key) or ())

    def is_called(self, name: str) -> bool:
        """Whether a condition of that name is about what testers send; the case of a header's does not count."""
        own = str(self.condition["name"])
        return name == own if self.key == "queryParams" else name.lower() == own.lower()

    def added_to(self, match: Match) -> Match:
        """The match AND the condition."""
        return {**match, self.key: [*(match.get(self.key) or []), self.condition]}


def _escaped(text: str) -> str:
    """The text as an expression, by what Go and RE2 escape; others read it the same."""
    return SPECIAL.sub(r"\\\g<0>", text)


def _anchored(expression: str) -> str:
    """The expression for the whole text, as the user wrote it where it is anchored as a whole already."""
    return expression if ANCHORED.fullmatch(expression) else f"^({expression})$"
