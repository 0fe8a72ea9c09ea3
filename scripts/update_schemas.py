"""Regenerate schemas/ from the Go modules that publish them.

    python scripts/update_schemas.py

Needs `go` on PATH (or KUBECTL_CANARY_GO). A new release is one line in RELEASES. What is written is JSON Schema
2020-12 in the layout that kubeconform reads: descriptions are dropped, unknown fields are refused, and
Kubernetes' own keywords (list types, CEL rules, defaults) stay for those who understand them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"
RELEASES = {
    "kubernetes/v1.37": "k8s.io/kubernetes@v1.37.2",
    "gateway-api/v1.7/standard": "sigs.k8s.io/gateway-api@v1.7.0",
}
BUILT_IN_KINDS = {
    "deployment-apps-v1": "io.k8s.api.apps.v1.Deployment",
    "service-v1": "io.k8s.api.core.v1.Service",
}
GATEWAY_KINDS = {"Gateway", "HTTPRoute"}
INTEGER_BOUNDS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}


def main() -> None:
    for folder, module in RELEASES.items():
        source = module_folder(module)
        target = SCHEMAS / folder
        target.mkdir(parents=True, exist_ok=True)
        for old in target.glob("*.json"):
            old.unlink()
        files = built_in_schemas(source) if folder.startswith("kubernetes") else gateway_schemas(source)
        for name, schema in files:
            write(target / f"{name}.json", schema)
    point_canary_schema_at(next(folder for folder in RELEASES if folder.startswith("kubernetes")))


def module_folder(module: str) -> Path:
    """The folder in the module cache, downloaded first where it is missing."""
    go = os.environ.get("KUBECTL_CANARY_GO", "go")
    answer = subprocess.run(
        [go, "mod", "download", "-json", module], check=True, capture_output=True, text=True
    )
    return Path(json.loads(answer.stdout)["Dir"])


def write(path: Path, schema: Schema) -> None:
    path.write_text(json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def gateway_schemas(source: Path) -> Iterator[tuple[str, Schema]]:
    for file in sorted((source / "config/crd/standard").glob("gateway.networking*.yaml")):
        crd = next(yaml.safe_load_all(file.read_text(encoding="utf-8")))
        if crd["kind"] != "CustomResourceDefinition" or crd["spec"]["names"]["kind"] not in GATEWAY_KINDS:
            continue
        group = crd["spec"]["group"].split(".")[0]
        for version in crd["spec"]["versions"]:
            if version["name"] != "v1":
                continue
            schema = strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            schema["required"] = sorted({"apiVersion", "kind", "metadata", *schema.get("required", [])})
            schema["properties"].pop("status", None)
            yield f"{crd['spec']['names']['kind'].lower()}-{group}-{version['name']}", schema


def built_in_schemas(source: Path) -> Iterator[tuple[str, Schema]]:
    swagger = json.loads((source / "api/openapi-spec/swagger.json").read_text(encoding="utf-8"))
    definitions = swagger["definitions"]
    needed = closure(definitions, BUILT_IN_KINDS.values())
    yield "definitions", {"definitions": {name: built_in(name, definitions[name]) for name in sorted(needed)}}
    for file, name in BUILT_IN_KINDS.items():
        yield file, {"$ref": f"definitions.json#/definitions/{name}"}


def built_in(name: str, definition: Schema) -> Schema:
    if name.endswith(".Quantity"):
        return {"type": ["string", "number"]}
    schema = strict(definition)
    if "x-kubernetes-group-version-kind" in schema:
        schema["required"] = sorted({"apiVersion", "kind", *schema.get("required", [])})
    schema.get("properties", {}).pop("status", None)
    return schema


def closure(definitions: Schema, roots: Any) -> set[str]:
    """The names of all definitions that the roots use, but for what only their status uses."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            text = json.dumps(built_in(name, definitions[name]))
            waiting += re.findall(r'"#/definitions/([^"]+)"', text)
    return found


def strict(node: Schema) -> Schema:
    """OpenAPI → JSON Schema: no descriptions, no unknown fields, int-or-string, null and bounds said outright."""
    schema: Schema = {}
    for key, value in node.items():
        if key in ("properties", "definitions"):
            schema[key] = {name: strict(sub) for name, sub in value.items()}
        elif key in ("items", "additionalProperties", "not") and isinstance(value, dict):
            schema[key] = strict(value)
        elif key in ("allOf", "anyOf", "oneOf"):
            schema[key] = [strict(sub) for sub in value]
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
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    return schema


def point_canary_schema_at(kubernetes: str) -> None:
    """Let `spec.container` and `spec.pod` accept every field of that release's Container and PodSpec."""
    file = SCHEMAS / "canary.schema.json"
    if not file.exists():
        return
    canary = json.loads(file.read_text(encoding="utf-8"))
    definitions = json.loads((SCHEMAS / kubernetes / "definitions.json").read_text(encoding="utf-8"))[
        "definitions"
    ]
    for key, kind in (("container", "Container"), ("pod", "PodSpec")):
        name = f"io.k8s.api.core.v1.{kind}"
        properties = canary["properties"]["spec"]["properties"][key]["properties"]
        own = {field: sub for field, sub in properties.items() if "$ref" not in sub or "title" in sub}
        fields = definitions[name]["properties"]
        target = f"{kubernetes}/definitions.json#/definitions/{name}/properties"
        properties.clear()
        properties |= own | {
            field: {"$ref": f"{target}/{field}"} for field in sorted(fields) if field not in own
        }
    file.write_text(json.dumps(canary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
