"""Kubernetes' OpenAPI → JSON Schema 2020-12: what schemas/ is made with, and what reads the CRDs of others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.admission.catalog import Kind, Schema

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
            schema = strict(version["schema"]["openAPIV3Schema"])
            properties = schema.setdefault("properties", {})
            properties |= {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"type": "object"},
            }
            properties.pop("status", None)  # a subresource: dropped on create
            schema["required"] = sorted({"apiVersion", "kind", "metadata", *schema.get("required", [])})
            yield version["name"], schema


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
        schema["type"] = ["integer", "string"]
        schema.pop("format", None)
        schema.pop("anyOf", None)
    if node.get("nullable"):
        schema["type"] = [schema["type"], "null"]
    if schema.get("format") in INTEGER_BOUNDS:
        low, high = INTEGER_BOUNDS[schema.pop("format")]
        schema["minimum"] = max(low, schema.get("minimum", low))
        schema["maximum"] = min(high, schema.get("maximum", high))
    if structural and "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    return schema
