"""Kubernetes' OpenAPI → JSON Schema 2020-12: what schemas/ is made with, and what reads the CRDs of others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.api.catalog import Kind, Schema

# the formats that the server checks in custom resources (apiextensions-apiserver, pkg/apiserver/validation/formats.go)
FORMATS = {
    "byte": "byte", "datetime": "date-time", "ipv4": "ipv4", "ipv6": "ipv6", "password": "password",
    **{
        name: f"unknown {name}"
        for name in (
            "bsonobjectid", "cidr", "creditcard", "date", "duration", "email", "hexcolor", "hostname", "isbn", "isbn10",
            "isbn13", "mac", "rgbcolor", "ssn", "uri", "uuid", "uuid3", "uuid4", "uuid5",
        )
    },
}  # fmt: skip
INTEGER_BOUNDS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}


def kinds(crd: dict[str, Any]) -> dict[str, Kind]:
    """The kinds that a CustomResourceDefinition defines, as the catalogue knows them. Raises KeyError."""
    spec = crd["spec"]
    return {
        f"{spec['group']}/{version} {spec['names']['kind']}": Kind(
            schema, spec["scope"] == "Namespaced", True
        )
        for version, schema in served(crd)
    }


def served(crd: dict[str, Any]) -> Iterator[tuple[str, Schema]]:
    """The versions that a CustomResourceDefinition serves, each with its schema. Raises KeyError where it has none."""
    for version in crd["spec"]["versions"]:
        if version["served"]:
            schema = as_custom(strict(version["schema"]["openAPIV3Schema"]))
            bound_replicas(schema, version.get("subresources", {}).get("scale", {}))
            properties = schema.setdefault("properties", {})
            properties |= {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"type": "object"},
            }
            properties.pop("status", None)  # a subresource: dropped on create
            schema["required"] = sorted({"apiVersion", "kind", "metadata", *schema.get("required", [])})
            yield version["name"], schema


def as_custom(node: Any) -> Any:
    """A custom resource's schema with its formats as the server reads them: of texts only, and any list passes."""
    if isinstance(node, list):
        return [as_custom(item) for item in node]
    if not isinstance(node, dict):
        return node
    converted = {key: as_custom(child) for key, child in node.items()}
    if isinstance(converted.get("format"), str):
        name = converted.pop("format").replace("-", "")
        kinds = converted.get("type", "string")
        if "string" in kinds and name in FORMATS:
            converted["format"] = FORMATS[name]
            if "type" in converted:
                converted["type"] = ["string", "array", *([] if kinds == "string" else ["null"])]
    return converted


def bound_replicas(schema: Schema, scale: dict[str, Any]) -> None:
    """Where the scale subresource finds the replicas, they are no less than 0."""
    path = scale.get("specReplicasPath", "").strip(".").split(".")
    for part in path:
        schema = schema.get("properties", {}).get(part, {})
    if schema.get("type") == "integer":
        schema["minimum"] = max(0, schema.get("minimum", 0))
        schema["maximum"] = min(2**31 - 1, schema.get("maximum", 2**31 - 1))


def strict(node: Schema, structural: bool = True) -> Schema:
    """OpenAPI → JSON Schema: no descriptions, no unknown fields, int-or-string, null and bounds said outright.

    Inside allOf, anyOf, oneOf and not, a schema only adds conditions: nothing there is closed.
    """
    schema: Schema = {}
    for key, value in node.items():
        if key in ("properties", "definitions"):
            schema[key] = {name: strict(sub, structural) for name, sub in value.items()}
        elif key in ("items", "additionalProperties", "not") and isinstance(value, dict):
            schema[key] = strict(value, structural and key != "not")
        elif key in ("allOf", "anyOf", "oneOf"):
            schema[key] = [strict(sub, structural=False) for sub in value]
        elif key not in ("description", "nullable"):
            schema[key] = value
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        low, high = INTEGER_BOUNDS["int64"]
        schema |= {"type": ["integer", "string"], "minimum": low, "maximum": high}
        schema.pop("format", None)
        schema.pop("anyOf", None)
    if node.get("nullable"):
        allowed = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        schema["type"] = [*allowed, "null"]
    if schema.get("format") in INTEGER_BOUNDS:
        low, high = INTEGER_BOUNDS[schema.pop("format")]
        schema["minimum"] = max(low, schema.get("minimum", low))
        schema["maximum"] = min(high, schema.get("maximum", high))
    if structural and "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    return schema
