"""A quick yes to what a schema certainly accepts.

Importing jsonschema costs more than everything else that a render does. So a document is first held against
its schema by this walk: True means that jsonschema would accept it too. Everything else, a keyword that this
walk does not know among it, is a False: then jsonschema decides and explains.

A schema becomes a function of functions as far as values go into it: many objects of a kind ask the same ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubectl_canary.api import formats, lists, re2
from kubectl_canary.api.catalog import Schema
from kubectl_canary.api.equality import identical

Accepts = Callable[[Any], bool]

SILENT = frozenset({
    "$schema", "$id", "title", "description", "examples", "default", "definitions",
    "x-kubernetes-group-version-kind", "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type", "x-kubernetes-patch-merge-key", "x-kubernetes-patch-strategy",
    "x-kubernetes-preserve-unknown-fields", "then", "else",
})  # fmt: skip

_kept: dict[int, tuple[Schema, Accepts]] = {}


def accepts(value: Any, schema: Schema) -> bool:
    """Whether a schema (without references) certainly accepts the value."""
    return function(schema)(value)


def kept(schema: Schema) -> Accepts:
    """The same as a function of a value, for a schema that stays as long as the program runs."""
    known = _kept.get(id(schema))
    if known is None:
        known = _kept[id(schema)] = schema, function(schema)
    return known[1]


def function(schema: Schema) -> Accepts:
    """The same as a function of a value; what no value goes into is not made."""
    tests = []
    for keyword, operand in schema.items():
        if keyword in KEYWORDS:
            tests.append(KEYWORDS[keyword](operand, schema))
        elif keyword not in SILENT:
            return lambda _: False
    if len(tests) == 1:
        return tests[0]

    def accepted(value: Any) -> bool:
        for test in tests:  # noqa: SIM110  a third of the time of `all`, and this runs for each value
            if not test(value):
                return False
        return True

    return accepted


def _late(schema: Schema) -> Accepts:
    """The function of a schema, which is made for the first value."""
    made: Accepts | None = None

    def accepted(value: Any) -> bool:
        nonlocal made
        if made is None:
            made = function(schema)
        return made(value)

    return accepted


def is_of(value: Any, name: str) -> bool:
    """Whether a value is of one of JSON Schema's types."""
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer":
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return isinstance(value, TYPES[name])


TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def _type(operand: Any, _: Schema) -> Accepts:
    if not isinstance(operand, str):
        return lambda value: any(is_of(value, name) for name in operand)
    if operand in ("integer", "number"):
        return lambda value: is_of(value, operand)
    wanted = TYPES[operand]
    return lambda value: isinstance(value, wanted)


def _properties(operand: Any, _: Schema) -> Accepts:
    made: dict[str, Accepts] = {}

    def accepted(value: Any) -> bool:
        if isinstance(value, dict):
            for key, child in value.items():
                test = made.get(key)
                if test is None:
                    if key not in operand:
                        continue
                    test = made[key] = function(operand[key])
                if not test(child):
                    return False
        return True

    return accepted


def _additional(operand: Any, schema: Schema) -> Accepts:
    if operand is True:
        return lambda _: True
    known = schema.get("properties", {}).keys()
    if operand is False:
        return lambda value: not isinstance(value, dict) or value.keys() <= known
    test = _late(operand)
    return lambda value: not isinstance(value, dict) or all(test(value[key]) for key in value.keys() - known)


def _items(operand: Any, _: Schema) -> Accepts:
    test = _late(operand)
    return lambda value: not isinstance(value, list) or all(map(test, value))


def _format(operand: Any, _: Schema) -> Accepts:
    def accepted(value: Any) -> bool:
        try:
            formats.check(operand, value)
        except ValueError:
            return False
        return True

    return accepted


def _list_type(_: Any, schema: Schema) -> Accepts:
    if schema["x-kubernetes-list-type"] == "atomic":
        return lambda _: True
    return lambda value: not any(True for _ in lists.repeated(value, schema))


def _validations(rules: Any, _: Schema) -> Accepts:
    holds: Accepts | None = None

    def accepted(value: Any) -> bool:
        nonlocal holds
        if holds is None:
            from kubectl_canary.api.cel.rules import (
                all_of,  # 8 ms that the canary file's schema does not need
            )

            holds = all_of(rules)
        return holds(value)

    return accepted


def _not(operand: Any, _: Schema) -> Accepts:
    test = _late(operand)
    return lambda value: not test(value)


def _if(condition: Any, schema: Schema) -> Accepts:
    test, then, otherwise = (
        _late(part) for part in (condition, schema.get("then", {}), schema.get("else", {}))
    )
    return lambda value: then(value) if test(value) else otherwise(value)


def _any_of(branches: Any, _: Schema) -> Accepts:
    tests = [_late(branch) for branch in branches]
    return lambda value: any(test(value) for test in tests)


def _one_of(branches: Any, _: Schema) -> Accepts:
    tests = [_late(branch) for branch in branches]
    return lambda value: sum(test(value) for test in tests) == 1


def _all_of(branches: Any, _: Schema) -> Accepts:
    tests = [_late(branch) for branch in branches]
    return lambda value: all(test(value) for test in tests)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


KEYWORDS: dict[str, Callable[[Any, Schema], Accepts]] = {
    "type": _type,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "x-kubernetes-list-type": _list_type,
    "x-kubernetes-validations": _validations,
    "not": _not,
    "format": _format,
    "required": lambda keys, _: (
        lambda value: not isinstance(value, dict) or all(key in value for key in keys)
    ),
    "const": lambda expected, _: lambda value: identical(value, expected),
    "enum": lambda allowed, _: lambda value: any(identical(value, choice) for choice in allowed),
    "pattern": lambda text, _: (
        lambda value: not isinstance(value, str) or bool(re2.compiled(text).search(value))
    ),
    "minimum": lambda bound, _: lambda value: not _is_number(value) or value >= bound,
    "maximum": lambda bound, _: lambda value: not _is_number(value) or value <= bound,
    "minLength": lambda bound, _: lambda value: not isinstance(value, str) or len(value) >= bound,
    "maxLength": lambda bound, _: lambda value: not isinstance(value, str) or len(value) <= bound,
    "minItems": lambda bound, _: lambda value: not isinstance(value, list) or len(value) >= bound,
    "maxItems": lambda bound, _: lambda value: not isinstance(value, list) or len(value) <= bound,
    "minProperties": lambda bound, _: lambda value: not isinstance(value, dict) or len(value) >= bound,
    "maxProperties": lambda bound, _: lambda value: not isinstance(value, dict) or len(value) <= bound,
    "if": _if,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "allOf": _all_of,
}
