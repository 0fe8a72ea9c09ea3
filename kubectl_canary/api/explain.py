"""Everything that a kind's schema holds against a prepared object, in the API server's words, by jsonschema.

Kubernetes' keywords are keywords of one validator, so one walk finds everything. As in the server, CEL rules count
only where nothing says that the object has not the shape that they are written for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators

from kubectl_canary.api import formats, lists, openapi, re2
from kubectl_canary.api.catalog import Schema
from kubectl_canary.api.cel.rules import broken
from kubectl_canary.api.metadata import FieldError, shown
from kubectl_canary.api.unsupported import Unsupported
from kubectl_canary.findings import Path, path_text

# the server does not run CEL where one of these has failed
BLOCKING = ("type", "required", "maxLength", "maxItems", "maxProperties", "enum")
RULES = "x-kubernetes-validations"
EMBEDDED = "x-kubernetes-embedded-resource"


def field_errors(value: Any, schema: Schema, above: Path = ()) -> Iterator[FieldError]:
    """Every error of the schema."""
    checker = _checker()
    errors = list(Shape(schema, format_checker=checker).iter_errors(value))
    if not any(error.validator in BLOCKING for error in errors):
        errors = list(Engine(schema, format_checker=checker).iter_errors(value))
    for error in errors:
        yield from _told(error, above)


def _checker() -> FormatChecker:
    checker = FormatChecker(formats=())
    for name in {"base64", "quantity", *openapi.FORMATS.values()}:
        checker.checks(name, raises=ValueError)(_holding(name))
    return checker


def _holding(name: str) -> Callable[[object], bool]:
    def holds(value: object) -> bool:
        formats.check(name, value)
        return True

    return holds


def _list_type(_: Any, __: str, items: Any, schema: Schema) -> Iterator[ValidationError]:
    for index, value in lists.repeated(items, schema):
        yield ValidationError(f"Duplicate value: {shown(value)}", path=[index])


def _rules(_: Any, rules: list[dict[str, Any]], value: Any, __: Schema) -> Iterator[ValidationError]:
    for rule in broken(value, rules):
        text = rule.get("message") or f"failed rule: {rule['rule'].strip()}"
        yield ValidationError(f"Invalid value: {text}", path=_field_path(rule.get("fieldPath", "")))


def _no_rules(_: Any, __: Any, ___: Any, ____: Schema) -> Iterator[ValidationError]:
    yield from ()


def _field_path(text: str) -> list[str]:
    return [part for part in text.split(".") if part]


def _embedded(_: Any, embedded: bool, __: Any, ___: Schema) -> Iterator[ValidationError]:
    if embedded:
        raise Unsupported("`x-kubernetes-embedded-resource`")
    yield from ()


def _pattern(_: Any, pattern: str, value: Any, __: Schema) -> Iterator[ValidationError]:
    if isinstance(value, str) and not re2.compiled(pattern).search(value):
        yield ValidationError(pattern)


Engine: Any = validators.extend(  # type: ignore[no-untyped-call]  # jsonschema has no types here
    Draft202012Validator,
    {"x-kubernetes-list-type": _list_type, RULES: _rules, "pattern": _pattern, EMBEDDED: _embedded},
)
# the same without rules: they would be tried on whatever is too long, and take minutes
Shape: Any = validators.extend(Engine, {RULES: _no_rules})  # type: ignore[no-untyped-call]  # jsonschema has no types here


def _told(error: Any, above: Path) -> Iterator[FieldError]:
    path: Path = (*above, *error.absolute_path)
    if error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                yield (*path, key), "Required value"
    elif error.validator in ("x-kubernetes-list-type", RULES):
        yield path, error.message
    else:
        yield path, WORDS.get(str(error.validator), _otherwise)(error, path_text(path))


def _type(error: Any, path: str) -> str:
    types = error.validator_value
    kinds = [types] if isinstance(types, str) else [name for name in types if name != "null"]
    kind = kinds[0] if kinds == ["string", "array"] else " or ".join(kinds)
    instance_kind = _kind(error.instance)
    if instance_kind == '"integer"' and kind in ("object", "array"):
        instance_kind = '"number"'
    return f"Invalid value: {instance_kind}: {path} in body must be of type {kind}: {instance_kind}"


def _kind(value: Any) -> str:
    if value is None:
        return '"null"'
    names = (
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (str, "string"),
        (list, "array"),
        (dict, "object"),
    )
    return shown(next(name for kind, name in names if isinstance(value, kind)))


def _body(text: str) -> Callable[[Any, str], str]:
    """`Invalid value: VALUE: PATH in body TEXT`."""
    return lambda error, path: (
        f"Invalid value: {_short(error.instance)}: {path} in body {text.format(error.validator_value)}"
    )


def _short(value: Any) -> str:
    if isinstance(value, dict | list):
        return shown(len(value)) if isinstance(value, list) else _kind(value)
    return shown(value)


def _unsupported(error: Any, _: str) -> str:
    supported = ", ".join(shown(value) for value in error.validator_value)
    return f"Unsupported value: {shown(error.instance)}: supported values: {supported}"


def _format(error: Any, path: str) -> str:
    return _body(f"must be of type {error.validator_value}: {shown(error.instance)}")(error, path)


def _branches(error: Any, path: str) -> str:
    which = {"oneOf": "one and only one schema (oneOf)", "anyOf": "at least one schema (anyOf)"}
    schemas = which.get(str(error.validator), f"the schema ({error.validator})")
    return f'Invalid value: {_kind(error.instance)}: "{path}" must validate {schemas}'


def _otherwise(error: Any, _: str) -> str:
    return f"Invalid value: {error.message}"


WORDS: dict[str, Callable[[Any, str], str]] = {
    "type": _type,
    "enum": _unsupported,
    "format": _format,
    "pattern": lambda error, path: _body("should match '{}'")(error, path),
    "minimum": _body("should be greater than or equal to {}"),
    "maximum": _body("should be less than or equal to {}"),
    "minLength": _body("should be at least {} chars long"),
    "minItems": _body("should have at least {} items"),
    "minProperties": _body("should have at least {} properties"),
    "maxLength": lambda error, _: f"Too long: may not be more than {error.validator_value} bytes",
    "maxItems": lambda error, _: (
        f"Too many: {len(error.instance)}: must have at most {error.validator_value} items"
    ),
    "maxProperties": lambda error, _: (
        f"Too many: {len(error.instance)}: must have at most {error.validator_value} items"
    ),
    "anyOf": _branches,
    "oneOf": _branches,
    "allOf": _branches,
    "not": _branches,
}
