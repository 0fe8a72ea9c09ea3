"""A quick yes to what a schema certainly accepts.

Importing jsonschema costs more than everything else that a render does. So a document is first held against
its schema by this walk: True means that jsonschema would accept it too. Everything else, a keyword that this
walk does not know among it, is a False: then jsonschema decides and explains.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubectl_canary.admission import catalog, formats, re2
from kubectl_canary.admission.catalog import Schema

SILENT = frozenset({"$schema", "$id", "title", "description", "examples", "default", "definitions"})


def accepts(value: Any, name: str) -> bool:
    """Whether the schema file `name` certainly accepts the value."""
    return _accepts(value, catalog.load(name), name)


def _accepts(value: Any, schema: Schema, file: str) -> bool:
    for keyword, operand in schema.items():
        if keyword in SILENT or keyword.startswith("x-kubernetes-"):
            continue
        check = KEYWORDS.get(keyword)
        if check is None or not check(value, operand, schema, file):
            return False
    return True


def _is(value: Any, name: str) -> bool:
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


def _type(value: Any, operand: Any, _: Schema, __: str) -> bool:
    return any(_is(value, name) for name in ([operand] if isinstance(operand, str) else operand))


def _properties(value: Any, operand: Any, _: Schema, file: str) -> bool:
    return not isinstance(value, dict) or all(
        _accepts(child, operand[key], file) for key, child in value.items() if key in operand
    )


def _additional(value: Any, operand: Any, schema: Schema, file: str) -> bool:
    if not isinstance(value, dict) or operand is True:
        return True
    others = value.keys() - schema.get("properties", {}).keys()
    return not others if operand is False else all(_accepts(value[key], operand, file) for key in others)


def _items(value: Any, operand: Any, _: Schema, file: str) -> bool:
    return not isinstance(value, list) or all(_accepts(item, operand, file) for item in value)


def _reference(value: Any, operand: Any, _: Schema, file: str) -> bool:
    return _accepts(value, *catalog.follow(operand, file))


def _format(value: Any, operand: Any, _: Schema, __: str) -> bool:
    try:
        formats.check(operand, value)
    except ValueError:
        return False
    return True


def _same(value: Any, other: Any) -> bool:
    # JSON tells true from 1, Python does not
    return type(value) is type(other) and bool(value == other)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


KEYWORDS: dict[str, Callable[[Any, Any, Schema, str], bool]] = {
    "type": _type,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "$ref": _reference,
    "format": _format,
    "required": lambda value, keys, _, __: not isinstance(value, dict) or all(key in value for key in keys),
    "const": lambda value, wanted, _, __: _same(value, wanted),
    "enum": lambda value, wanted, _, __: any(_same(value, one) for one in wanted),
    "pattern": lambda value, text, _, __: (
        not isinstance(value, str) or bool(re2.compiled(text).search(value))
    ),
    "minimum": lambda value, bound, _, __: not _is_number(value) or value >= bound,
    "maximum": lambda value, bound, _, __: not _is_number(value) or value <= bound,
    "minLength": lambda value, bound, _, __: not isinstance(value, str) or len(value) >= bound,
    "maxLength": lambda value, bound, _, __: not isinstance(value, str) or len(value) <= bound,
    "minItems": lambda value, bound, _, __: not isinstance(value, list) or len(value) >= bound,
    "maxItems": lambda value, bound, _, __: not isinstance(value, list) or len(value) <= bound,
    "minProperties": lambda value, bound, _, __: not isinstance(value, dict) or len(value) >= bound,
    "maxProperties": lambda value, bound, _, __: not isinstance(value, dict) or len(value) <= bound,
    "anyOf": lambda value, branches, _, file: any(_accepts(value, branch, file) for branch in branches),
    "oneOf": lambda value, branches, _, file: sum(_accepts(value, branch, file) for branch in branches) == 1,
    "allOf": lambda value, branches, _, file: all(_accepts(value, branch, file) for branch in branches),
}
