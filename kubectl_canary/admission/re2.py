"""Patterns of Kubernetes' schemas are RE2, which is not Python's `re`."""

from __future__ import annotations

import functools
import re

# Exponential where the engine backtracks; the right-hand side matches the same texts in linear time.
LINEAR = {r"^[!-~]+([\t ]?[!-~]+)*$": r"^[!-~]+(?:[\t ][!-~]+)*$"}
TOKEN = re.compile(r"\\.|\[\^?\]?(?:\[:\w+:\]|\\.|[^\]\\])*\]|\$|.", re.DOTALL)
OWN_SPELLING = {"$": r"\Z", r"\z": r"\Z"}


@functools.cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A Python pattern that finds what RE2 finds: `$` is the end of the text, never before a last newline."""
    source = LINEAR.get(pattern, pattern)
    return re.compile("".join(OWN_SPELLING.get(token, token) for token in TOKEN.findall(source)), re.ASCII)
