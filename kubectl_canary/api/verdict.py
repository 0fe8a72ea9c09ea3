"""What the API server says to a document on create: `judge` is its verdict, in its order and in its words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.api import catalog, metadata, prepare, quick
from kubectl_canary.api.catalog import Kind, Target
from kubectl_canary.findings import Finding, Path, nearest, path_text

OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
ADMISSION = "admission"


def judge(document: Any, target: Target) -> list[Finding] | None:
    """What the server holds against a document: nothing where it would accept it; None where we do not know the kind.

    The findings' paths are the document's; their places are not filled in. Raises Unsupported where the kind's own
    schema has a rule that we cannot read.
    """
    problem = identity_problem(document)
    if problem:
        return [Finding(ADMISSION, "error", (), problem)]
    kind = target.find(document["apiVersion"], document["kind"])
    if kind is None:
        return _unknown_kind(document, target)
    return list(_findings(document, kind, target))


def _refusal(path: Path, message: str) -> Finding:
    return Finding(ADMISSION, "error", path, message)


def _unknown_field(path: Path, hint: str) -> Finding:
    message = f'unknown field "{path_text(path)}"'
    return Finding(ADMISSION, "error", path, message, hint=hint, code="unknown-field")


def _hint(document: dict[str, Any], path: Path, target: Target) -> str:
    """For an unknown field: what was probably meant, or which releases have it."""
    close = nearest(str(path[-1]), _fields(target, document, path[:-1]))
    having = [
        candidate
        for candidate in catalog.gateway_targets(target.kubernetes)
        if _knows(candidate, document, path)
    ]
    if having:
        return f"{_release(having[0])} to {_release(having[-1])} have it"
    return f"did you mean `{close}`?" if close else ""


def _release(target: Target) -> str:
    return f"{target.gateway_api} ({target.channel})"


def _knows(target: Target, document: dict[str, Any], path: Path) -> bool:
    return path[-1] in _fields(target, document, path[:-1])


def _fields(target: Target, document: dict[str, Any], path: Path) -> list[str]:
    """The fields that a kind has at a path."""
    kind = target.find(document["apiVersion"], document["kind"])
    schema: Any = kind.schema if kind else {}
    for part in path:
        schema = schema.get("items") if isinstance(part, int) else schema.get("properties", {}).get(part)
        if not isinstance(schema, dict):
            return []
    return list(schema.get("properties", {}))


def identity_problem(document: Any) -> str | None:
    """Why something is no Kubernetes object at all."""
    if not isinstance(document, dict):
        return "is not a Kubernetes object: a mapping with apiVersion, kind and metadata"
    for key in ("apiVersion", "kind"):
        if not isinstance(document.get(key), str) or not document[key]:
            return f"Object '{'Kind' if key == 'kind' else 'apiVersion'}' is missing"
    return None


def _unknown_kind(document: dict[str, Any], target: Target) -> list[Finding] | None:
    from kubectl_canary.api import unserved

    problem = unserved.problem(document["apiVersion"], document["kind"], target)
    if problem is None:
        return None
    message, hint = problem
    return [Finding(ADMISSION, "error", ("kind",), message, hint=hint)]


def _findings(document: dict[str, Any], kind: Kind, target: Target) -> Iterator[Finding]:
    yield from _metadata(document, kind, target)
    known = {key: value for key, value in document.items() if key != "status"}
    unknown: list[Path] = []
    if not kind.custom:
        known = prepare.without_nulls(known, kind.schema)
    value = prepare.prepared({**known, "metadata": {}}, kind.schema, unknown)
    yield from (_unknown_field(path, _hint(document, path, target)) for path in unknown)
    yield from (_refusal(path, message) for path, message in _refused(value, kind))


def _refused(value: dict[str, Any], kind: Kind) -> Iterator[metadata.FieldError]:
    """What is refused for its schema; where that accepts a built-in kind, what the server checks in code."""
    if not quick.kept(kind.schema)(value):
        from kubectl_canary.api import explain

        yield from explain.field_errors(value, kind.schema)
    elif not kind.custom:
        from kubectl_canary.api import builtin

        yield from builtin.field_errors(value)


def _metadata(document: dict[str, Any], kind: Kind, target: Target) -> Iterator[Finding]:
    object_meta = document.get("metadata")
    if object_meta is None:
        object_meta = {}
    schema = catalog.definition(target.kubernetes, OBJECT_META)
    unknown: list[Path] = []
    value = prepare.prepared(object_meta, schema, unknown, ("metadata",))
    yield from (_unknown_field(path, hint="") for path in unknown)
    if quick.kept(schema)(value):
        errors = metadata.field_errors({**document, "metadata": value}, kind, target)
    else:
        from kubectl_canary.api import explain

        errors = explain.field_errors(value, schema, ("metadata",))
    yield from (_refusal(path, message) for path, message in errors)
