"""Patterns of Kubernetes' schemas are RE2, which is not Python's `re`."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from kubectl_canary.api.unsupported import Unsupported
from kubectl_canary.expressions import regex

# Exponential where the engine backtracks; the right-hand side matches the same texts in linear time.
LINEAR = {r"^[!-~]+([\t ]?[!-~]+)*$": r"^[!-~]+(?:[\t ][!-~]+)*$"}
TOKEN = regex(
    r"\\(?:x\{[0-9A-Fa-f]+\}|[1-7][0-7]|.)|\[\^?\]?(?:\[:\w+:\]|\\.|[^\]\\])*\]|\(\?[a-zA-Z-]+\)|\(|\)|\||\$|.",
    re.DOTALL,
)
NOT_IN_RE2 = ("(?=", "(?!", "(?<=", "(?<!", "(?P=", "(?>", "(?(")
SPACE = r"\t\n\f\r "  # without \v, which Python's \s has
OWN_SPELLING = {"$": r"\Z", r"\z": r"\Z", r"\s": f"[{SPACE}]", r"\S": f"[^{SPACE}]"}
FLAGS = regex(r"\(\?([a-zA-Z-]+)\)")
CLASSES = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": r"\x00-\x7f", "blank": r"\t ", "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~", "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ", "upper": "A-Z", "word": "0-9A-Za-z_", "xdigit": "0-9A-Fa-f",
}  # fmt: skip
# Python reads these otherwise, or not at all
FOREIGN = regex(r"\\(?:[pPCQE]|x\{)|\A\\[1-7][0-7]")
# escapes that RE2 does not know, such as `\Z` and a group's number
UNKNOWN = regex(r"\\(?![aftnrvxdDsSwWAbBz])[A-Za-z1-9]")
# quantifiers as Python has them since 3.11, and counts that RE2 finds too many
POSSESSIVE = regex(r"(?:[*+?]|\{\d+(?:,\d*)?\})\+")
COUNTED = regex(r"\{(\d+)(?:,(\d*))?\}")
MOST_TIMES = 1000
# how Python's complaints begin, and what RE2 says. Source: Go, regexp/syntax, ErrorCode
WORDS = {
    "missing )": "missing closing )",
    "unbalanced parenthesis": "unexpected )",
    "unterminated character set": "missing closing ]",
    "nothing to repeat": "missing argument to repetition operator",
    "multiple repeat": "invalid nested repetition operator",
    "min repeat": "invalid repeat count",
    "bad character range": "invalid character class range",
    "bad escape (end": "trailing backslash at end of expression",
    "bad escape": "invalid escape sequence",
    "incomplete escape": "invalid escape sequence",
    "missing group name": "invalid named capture",
    "bad character in group name": "invalid named capture",
    "redefinition of group name": "duplicate capture group name",
}


@functools.cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A Python pattern that finds what RE2 finds: `$` is the end of the text, never before a last newline.

    Raises Unsupported where Python has no such pattern.
    """
    try:
        return re.compile("".join(_translated(LINEAR.get(pattern, pattern))), re.ASCII)
    except re.error as error:
        raise Unsupported(f"the pattern `{pattern}`: {_words(error.msg)}") from None


def problem(pattern: str) -> str | None:
    """Why RE2 refuses a pattern, in its words; None where it does not, or where Python cannot tell."""
    for sign in NOT_IN_RE2:
        if sign in pattern:
            return f"`{sign}` is not known there"
    parts = TOKEN.findall(pattern)
    if any(map(FOREIGN.search, parts)):
        return None
    for escape in filter(UNKNOWN.fullmatch, parts):
        return f"invalid escape sequence `{escape}`"
    unknown = _python_takes("".join(part if len(part) == 1 else "x" for part in parts))
    if unknown:
        return unknown
    try:
        compiled(pattern)
    except Unsupported as error:
        return str(error).rpartition(": ")[2]
    return None


def _python_takes(bare: str) -> str:
    """What RE2 says of an expression that Python takes; `bare` has no classes and no escapes. Empty for nothing."""
    if "(?#" in bare:
        return "invalid or unsupported Perl syntax"
    nested = POSSESSIVE.search(bare)
    if nested:
        return f"invalid nested repetition operator `{nested.group()}`"
    for count in COUNTED.finditer(bare):
        if any(int(number or 0) > MOST_TIMES for number in count.groups()):
            return f"invalid repeat count `{count.group()}`"
    return ""


def _words(complaint: str) -> str:
    """What RE2 says where Python complains of this."""
    fitting = (words for begin, words in WORDS.items() if complaint.startswith(begin))
    return next(fitting, "invalid or unsupported Perl syntax")


def _translated(pattern: str) -> Iterator[str]:
    """The pattern in Python's spelling; `(?i)` holds up to the end of its group, also behind a `|`."""
    groups: list[list[str]] = [[]]
    for part in TOKEN.findall(pattern):
        flags = FLAGS.fullmatch(part)
        if flags:
            if set(flags.group(1)) - set("is"):
                raise Unsupported(f"the flags `{part}` in the pattern `{pattern}`")
            groups[-1].append(f"(?{flags.group(1)}:")
            yield groups[-1][-1]
        elif part == "|":
            yield ")" * len(groups[-1]) + "|" + "".join(groups[-1])
        elif part == ")":
            yield ")" * len(groups.pop()) + ")"
            groups = groups or [[]]
        else:
            if part == "(":
                groups.append([])
            yield _spelled(part, pattern)
    yield ")" * len(groups[0])


def _spelled(part: str, pattern: str) -> str:
    if FOREIGN.search(part):
        raise Unsupported(f"`{part}` in the pattern `{pattern}`")
    if not part.startswith("["):
        return OWN_SPELLING.get(part, part)
    named = re.sub(r"\[:(\w+):\]", lambda match: CLASSES.get(match.group(1), match.group()), part)
    return "[" + re.sub(r"(?<!\\)\[", r"\\[", named[1:]).replace(r"\s", SPACE)
