"""A quick yes to what a schema certainly accepts.

Importing jsonschema costs more than everything else that a render does. So a document is first held against
its schema by this walk: True means that jsonschema would accept it too. Everything else, a keyword that this
walk does not know among it, is a False: then jsonschema decides and explains.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubectl_canary.api import formats, lists, re2
from kubectl_canary.api.catalog import Schema
from kubectl_canary.api.equality import identical

SILENT = frozenset({
    "$schema", "$id", "title", "description", "examples", "default", "definitions",
    "x-kubernetes-group-version-kind", "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type", "x-kubernetes-patch-merge-key", "x-kubernetes-patch-strategy",
    "x-kubernetes-preserve-unknown-fields", "then", "else",
})  # fmt: skip


def _keeps(value: Any, rules: list[dict[str, Any]]) -> bool:
    from kubectl_canary.api.cel.rules import broken  # 8 ms that the canary file's schema does not need

    return not any(True for _ in broken(value, rules))


def accepts(value: Any, schema: Schema) -> bool:
    """Whether a schema (without references) certainly accepts the value."""
    for keyword, operand in schema.items():
        check = KEYWORDS.get(keyword)
        if check is None:
            if keyword not in SILENT:
                return False
        elif not check(value, operand, schema):
            return False
    return True


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


def _type(value: Any, operand: Any, _: Schema) -> bool:
    if isinstance(operand, str):
        return is_of(value, operand)
    return any(is_of(value, name) for name in operand)


def _properties(value: Any, operand: Any, _: Schema) -> bool:
    return not isinstance(value, dict) or all(
        accepts(child, operand[key]) for key, child in value.items() if key in operand
    )


def _additional(value: Any, operand: Any, schema: Schema) -> bool:
    if not isinstance(value, dict) or operand is True:
        return True
    others = value.keys() - schema.get("properties", {}).keys()
    return not others if operand is False else all(accepts(value[key], operand) for key in others)


def _items(value: Any, operand: Any, _: Schema) -> bool:
    return not isinstance(value, list) or all(accepts(item, operand) for item in value)


def _format(value: Any, operand: Any, _: Schema) -> bool:
    try:
        formats.check(operand, value)
    except ValueError:
        return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


KEYWORDS: dict[str, Callable[[Any, Any, Schema], bool]] = {
    "type": _type,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "x-kubernetes-list-type": lambda value, _, schema: not any(True for _ in lists.repeated(value, schema)),
    "x-kubernetes-validations": lambda value, rules, _: _keeps(value, rules),
    "not": lambda value, schema, _: not accepts(value, schema),
    "format": _format,
    "required": lambda value, keys, _: not isinstance(value, dict) or all(key in value for key in keys),
    "const": lambda value, expected, _: identical(value, expected),
    "enum": lambda value, allowed, _: any(identical(value, choice) for choice in allowed),
    "pattern": lambda value, text, _: not isinstance(value, str) or bool(re2.compiled(text).search(value)),
    "minimum": lambda value, bound, _: not _is_number(value) or value >= bound,
    "maximum": lambda value, bound, _: not _is_number(value) or value <= bound,
    "minLength": lambda value, bound, _: not isinstance(value, str) or len(value) >= bound,
    "maxLength": lambda value, bound, _: not isinstance(value, str) or len(value) <= bound,
    "minItems": lambda value, bound, _: not isinstance(value, list) or len(value) >= bound,
    "maxItems": lambda value, bound, _: not isinstance(value, list) or len(value) <= bound,
    "minProperties": lambda value, bound, _: not isinstance(value, dict) or len(value) >= bound,
    "maxProperties": lambda value, bound, _: not isinstance(value, dict) or len(value) <= bound,
    "if": lambda value, condition, schema: accepts(
        value, schema.get("then" if accepts(value, condition) else "else", {})
    ),
    "anyOf": lambda value, branches, _: any(accepts(value, branch) for branch in branches),
    "oneOf": lambda value, branches, _: sum(accepts(value, branch) for branch in branches) == 1,
    "allOf": lambda value, branches, _: all(accepts(value, branch) for branch in branches),
}
