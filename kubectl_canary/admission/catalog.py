"""The vendored schemas by name: `kubernetes/v1.37/deployment-apps-v1.json`."""

from __future__ import annotations

import functools
import json
import posixpath
from typing import Any

from kubectl_canary import resources

Schema = dict[str, Any]

CANARY = "canary.schema.json"
KUBERNETES = "v1.37"
GATEWAY_API = "v1.7"
CHANNEL = "standard"

SCHEMAS = {
    ("apps/v1", "Deployment"): f"kubernetes/{KUBERNETES}/deployment-apps-v1.json",
    ("v1", "Service"): f"kubernetes/{KUBERNETES}/service-v1.json",
    (
        "gateway.networking.k8s.io/v1",
        "Gateway",
    ): f"gateway-api/{GATEWAY_API}/{CHANNEL}/gateway-gateway-v1.json",
    (
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
    ): f"gateway-api/{GATEWAY_API}/{CHANNEL}/httproute-gateway-v1.json",
}


@functools.cache
def load(name: str) -> Schema:
    """A schema file. Raises OSError where there is none of that name."""
    schema: Schema = json.loads(resources.read("schemas", name))
    return schema


def follow(reference: str, file: str) -> tuple[Schema, str]:
    """The schema that a `$ref` in `file` names, and the file it stands in."""
    target, _, pointer = reference.partition("#")
    name = posixpath.normpath(posixpath.join(posixpath.dirname(file), target)) if target else file
    node: Any = load(name)
    for part in pointer.split("/")[1:]:
        node = node[part]
    return node, name


def at(path: tuple[str | int, ...], name: str = CANARY) -> Schema | None:
    """The schema of one path of a document; None where the schema knows no such path."""
    schema: Schema | None = load(name)
    file = name
    for part in path:
        schema, file = _resolved(schema, file)
        if isinstance(part, int):
            schema = schema.get("items")
        else:
            schema = schema.get("properties", {}).get(part, schema.get("additionalProperties"))
        if not isinstance(schema, dict):
            return None
    return _resolved(schema, file)[0]


def _resolved(schema: Schema | None, file: str) -> tuple[Schema, str]:
    schema = schema or {}
    while "$ref" in schema:
        schema, file = follow(schema["$ref"], file)
    for branch in schema.get("anyOf", ()):
        if branch.get("type") == "object" and "properties" in branch:
            return branch, file
    return schema, file
