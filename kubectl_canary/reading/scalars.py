"""What a plain scalar is by kubectl's rules (sigs.k8s.io/yaml on goyaml.v2): neither those of YAML 1.1 nor of 1.2.

`on` and `y` are true, `0777` is octal, `1234e56` is a number, `12:30` is a string.
"""

from __future__ import annotations

import math
import re
from typing import Any

from kubectl_canary.expressions import regex

WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], True),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], False),
    **dict.fromkeys(["", "~", "null", "Null", "NULL"], None),
    **dict.fromkeys([".nan", ".NaN", ".NAN"], math.nan),
    **dict.fromkeys([".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"], math.inf),
    **dict.fromkeys(["-.inf", "-.Inf", "-.INF"], -math.inf),
}
INTEGER = regex(
    r"[-+]?(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)|[1-9][0-9]*|0)\Z"
)
FLOAT = regex(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
LONGEST = 21  # what fits into 64 bits has 20 digits and a sign
BASES = {"hex": 16, "bin": 2, "oct": 8}


def resolve(text: str) -> Any:
    """A plain scalar's value as kubectl reads it."""
    if text in WORDS:
        return WORDS[text]
    return _number(text) if text[0] in "+-.0123456789" else text


def _number(text: str) -> Any:
    digits = text if text[0] == "." else text.replace("_", "")
    match = INTEGER.match(digits)
    if match and (match.lastgroup or len(digits) <= LONGEST):
        number = _integer(match)
        if -(2**63) <= number < 2**63 or (2**63 <= number < 2**64 and digits[0] not in "+-"):
            return number
    if FLOAT.match(digits):
        value = float(digits)
        if math.isinf(value):
            return text
        return int(value) if value.is_integer() and abs(value) < 2**63 else value
    return text


def _integer(match: re.Match[str]) -> int:
    sign = -1 if match.group().startswith("-") else 1
    if match.lastgroup:
        return sign * int(match.group(match.lastgroup), BASES[match.lastgroup])
    return int(match.group())
