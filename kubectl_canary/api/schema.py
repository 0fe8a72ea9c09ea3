"""Everything that a schema holds against a document, in words, by jsonschema."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators

from kubectl_canary.api import catalog, formats, re2
from kubectl_canary.findings import Code, Finding, Path, nearest

KINDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}


def findings(value: Any, name: str) -> Iterator[Finding]:
    """Every finding of the schema file `name` against a value; the places are not filled in."""
    for error in _validator(name).iter_errors(value):
        yield from _findings(error, ())


def kind_of(value: Any) -> str:
    """`an integer`, `a list`, …"""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing"
    names = ((dict, "object"), (list, "array"), (str, "string"), (int, "integer"), (float, "number"))
    return KINDS[next(name for kind, name in names if isinstance(value, kind))]


@functools.cache
def _validator(name: str) -> Any:
    return validator_of(catalog.whole(name))


def validator_of(schema: catalog.Schema) -> Any:
    """A validator for a schema without references."""
    checker = FormatChecker(formats=())
    for name in formats.CHECKS:
        checker.checks(name, raises=ValueError)(functools.partial(_holds, name))
    return Engine(schema, format_checker=checker)


def _holds(name: str, value: object) -> bool:
    formats.check(name, value)
    return True


def _pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not re2.compiled(pattern).search(value):
        yield ValidationError(f"`{value}` does not match `{pattern}`")


Engine: Any = validators.extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]  # jsonschema has no types here


def _findings(error: Any, above: Path) -> Iterator[Finding]:
    path = (*above, *error.relative_path)
    if error.validator in ("anyOf", "oneOf"):
        yield from _of_nearest_branch(error, path)
    elif error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        for key in error.instance:
            if key not in known:
                yield _finding((*path, key), _unknown(key, list(known)), "unknown-key")
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                yield _finding((*path, key), "missing", "missing")
    elif error.validator not in SAID_BY_FORMATS or "format" not in error.schema:
        yield _finding(path, _message(error), _code(error))


SAID_BY_FORMATS = ("pattern", "minLength")  # a format says the same, and why


def _finding(path: Path, message: str, code: Code = "") -> Finding:
    return Finding("schema", "error", path, message, code=code)


def _code(error: Any) -> Code:
    if error.validator == "type" and error.validator_value == "string":
        return "not-a-string"
    return "wrong-type" if error.validator in ("type", "const", "enum") else ""


def _of_nearest_branch(error: Any, path: Path) -> Iterator[Finding]:
    """The complaints of the branch that fits the value's type; where none fits, what all of them want."""
    fitting = [
        sub for sub in error.context if sub.validator not in ("type", "const", "enum") or sub.relative_path
    ]
    if all(sub.validator == "required" for sub in error.context):
        keys = " or ".join(f"`{key}`" for sub in error.context for key in sub.validator_value)
        yield _finding(path, f"one of {keys} is needed")
    elif fitting:
        for sub in fitting:
            yield from _findings(sub, path)
    else:
        allowed = " or ".join(dict.fromkeys(_expected(sub) for sub in error.context))
        yield _finding(path, f"found {_shown(error.instance)}, expected {allowed}")


def _expected(error: Any) -> str:
    if error.validator == "type":
        names = [error.validator_value] if isinstance(error.validator_value, str) else error.validator_value
        return " or ".join(KINDS[name] for name in names)
    values = [error.validator_value] if error.validator == "const" else error.validator_value
    return " or ".join(f"`{_plain(value)}`" for value in values)


def _unknown(key: str, known: list[str]) -> str:
    close = nearest(key, known)
    if close:
        return f"unknown key; did you mean `{close}`?"
    if len(known) <= 12:
        return "unknown key; known are " + ", ".join(f"`{name}`" for name in known)
    return "unknown key"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return kind_of(value)
    return f"`{_plain(value)}`" if isinstance(value, str | int | float) else "nothing"


def _message(error: Any) -> str:
    value, limit = _shown(error.instance), error.validator_value
    if error.validator == "format":
        return str(error.cause)
    if error.validator in ("type", "const", "enum"):
        kind = f" ({kind_of(error.instance)})" if isinstance(error.instance, str | int | float) else ""
        close = nearest(str(error.instance), map(str, limit)) if error.validator == "enum" else None
        return f"found {value}{kind}, expected {_expected(error)}" + (
            f"; did you mean `{close}`?" if close else ""
        )
    if error.validator in ("minimum", "maximum"):
        low, high = error.schema.get("minimum"), error.schema.get("maximum")
        allowed = (
            f"{low} to {high}"
            if None not in (low, high)
            else f"at {error.validator.replace('imum', '')} {limit}"
        )
        return f"{value} is out of range; allowed is {allowed}"
    if error.validator in BOUNDS:
        side, noun = BOUNDS[error.validator]
        return f"{len(error.instance)} {noun}, allowed are at {side} {limit}"
    return str(error.message)


BOUNDS = {
    "minLength": ("least", "characters"),
    "maxLength": ("most", "characters"),
    "minItems": ("least", "items"),
    "maxItems": ("most", "items"),
    "minProperties": ("least", "keys"),
    "maxProperties": ("most", "keys"),
}
