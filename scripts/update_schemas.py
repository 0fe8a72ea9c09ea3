"""Regenerate schemas/ from the Go modules that publish them.

    python scripts/update_schemas.py

Needs `go` on PATH (or KUBECTL_CANARY_GO). A new release is one line in GATEWAY_API or KUBERNETES, the newest
first. What is written is JSON Schema 2020-12 in the layout that kubeconform reads: descriptions are dropped,
unknown fields are refused, and Kubernetes' own keywords (list types, CEL rules, defaults) stay for those who
understand them. What an older release has in common with a newer one is a reference to the newer one's file.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kubectl_canary.api import openapi

Schema = dict[str, Any]

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"
GATEWAY_API = {
    "v1.7": "v1.7.0",
    "v1.6": "v1.6.3",
    "v1.5": "v1.5.1",
    "v1.4": "v1.4.1",
    "v1.3": "v1.3.0",
    "v1.2": "v1.2.1",
    "v1.1": "v1.1.1",
    "v1.0": "v1.0.0",
}
CONFORMANCE = "v1.7.0"
CHANNELS = ("standard", "experimental")
KUBERNETES = {
    "v1.37": "v1.37.2",
    "v1.36": "v1.36.3",
    "v1.35": "v1.35.4",
    "v1.34": "v1.34.4",
    "v1.33": "v1.33.13",
    "v1.32": "v1.32.13",
    "v1.31": "v1.31.14",
}
# what a canary renders or touches: the server's code for these is written anew in api/builtin/
CHECKED_KINDS = (
    "io.k8s.api.apps.v1.DaemonSet",
    "io.k8s.api.apps.v1.Deployment",
    "io.k8s.api.apps.v1.StatefulSet",
    "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
    "io.k8s.api.core.v1.ConfigMap",
    "io.k8s.api.core.v1.Namespace",
    "io.k8s.api.core.v1.Secret",
    "io.k8s.api.core.v1.Service",
    "io.k8s.api.core.v1.ServiceAccount",
    "io.k8s.api.discovery.v1.EndpointSlice",
    "io.k8s.api.networking.v1.NetworkPolicy",
    "io.k8s.api.policy.v1.PodDisruptionBudget",
    "io.k8s.api.rbac.v1.Role",
    "io.k8s.api.rbac.v1.RoleBinding",
)
# every kind of these groups has a schema, in the versions that servers have without being asked for them
GROUPS = (
    "",
    "apps",
    "autoscaling",
    "batch",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
)
GENERALLY_AVAILABLE = re.compile(r"v[0-9]+\Z")
# kinds that also stand inside others, where apiVersion and kind may be left out, and where no server drops the status
EMBEDDED = {"io.k8s.api.core.v1.PersistentVolumeClaim"}
# published as required, and not required by the server's code
OPTIONAL = {
    "io.k8s.api.apps.v1.ControllerRevision": {"data", "revision"},
    "io.k8s.api.batch.v1.PodFailurePolicy": {"rules"},
    "io.k8s.api.batch.v1.PodFailurePolicyOnPodConditionsPattern": {"status"},
    "io.k8s.api.core.v1.ConfigMapNodeConfigSource": {"kubeletConfigKey", "name", "namespace"},
    "io.k8s.api.core.v1.Event": {"involvedObject", "metadata"},
    "io.k8s.api.core.v1.HTTPHeader": {"name", "value"},
    "io.k8s.api.core.v1.ISCSIPersistentVolumeSource": {"lun"},
    "io.k8s.api.core.v1.ISCSIVolumeSource": {"lun"},
    "io.k8s.api.core.v1.LimitRangeSpec": {"limits"},
    "io.k8s.api.core.v1.ScaleIOPersistentVolumeSource": {"secretRef"},
    "io.k8s.api.core.v1.ScaleIOVolumeSource": {"secretRef"},
    "io.k8s.api.discovery.v1.ForNode": {"name"},
    "io.k8s.api.discovery.v1.ForZone": {"name"},
    "io.k8s.api.scheduling.v1.PriorityClass": {"value"},
    "io.k8s.api.storage.v1.CSIDriver": {"spec"},
    "io.k8s.api.storage.v1.CSINode": {"spec"},
    "io.k8s.api.storage.v1.CSINodeSpec": {"drivers"},
    "io.k8s.api.storage.v1.TokenRequest": {"audience"},
}
# the server does not hold built-in kinds against these, it checks lists in code; how they
# merge (x-kubernetes-patch-) stays, for those who merge
FOR_CLIENTS = ("x-kubernetes-list-", "x-kubernetes-map-", "x-kubernetes-unions")

REFERENCE = re.compile(r'"#/definitions/([^"]+)"')


def main() -> None:
    for folder in ("gateway-api", "kubernetes"):
        shutil.rmtree(SCHEMAS / folder, ignore_errors=True)
    releases = {"gatewayAPI": gateway_releases(), "kubernetes": kubernetes_releases()}
    write("releases.json", releases)
    write("implementations.json", implementations())
    point_canary_schema_at(f"kubernetes/{next(iter(KUBERNETES))}")


def module_folder(module: str) -> Path:
    """The folder in the module cache, downloaded first where it is missing."""
    go = os.environ.get("KUBECTL_CANARY_GO", "go")
    answer = subprocess.run(
        [go, "mod", "download", "-json", module], check=True, capture_output=True, text=True
    )
    return Path(json.loads(answer.stdout)["Dir"])


def write(name: str, value: Any) -> None:
    """Write a file, a line a value, so that a diff shows what a release changed."""
    path = SCHEMAS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def file_name(group: str, version: str, kind: str) -> str:
    """`httproute-gateway-v1.json`, as kubeconform looks for it."""
    return "-".join([kind.lower(), *filter(None, [group.split(".")[0]]), version]) + ".json"


def scopes(kinds: dict[tuple[str, str, str], str]) -> dict[str, str]:
    """`gateway.networking.k8s.io/v1 HTTPRoute` → `Namespaced`."""
    return {
        f"{group + '/' * bool(group)}{version} {kind}": scope
        for (group, version, kind), scope in kinds.items()
    }


# --- Gateway API ----------------------------------------------------------------


def gateway_releases() -> dict[str, Any]:
    """Write every release and channel; answers with their kinds."""
    written: dict[str, str] = {}
    releases: dict[str, Any] = {}
    for release, version in GATEWAY_API.items():
        source = module_folder(f"sigs.k8s.io/gateway-api@{version}")
        releases[release] = {"version": version}
        for channel in CHANNELS:
            kinds = {}
            for group, api_version, kind, scope, schema in custom_resources(source / "config/crd" / channel):
                name = file_name(group, api_version, kind)
                kinds[group, api_version, kind] = scope
                first = written.setdefault(json.dumps(schema, sort_keys=True), f"{release}/{channel}/{name}")
                place = f"gateway-api/{release}/{channel}/{name}"
                write(place, schema if place.endswith(first) else {"$ref": f"../../{first}"})
            releases[release][channel] = scopes(kinds)
    return releases


def custom_resources(folder: Path) -> Iterator[tuple[str, str, str, str, Schema]]:
    """Group, version, kind, scope and schema of each version that the CRDs of a folder serve."""
    for file in sorted(folder.glob("gateway.networking*.yaml")):
        for crd in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if (crd or {}).get("kind") != "CustomResourceDefinition":
                continue
            spec = crd["spec"]
            for version, schema in openapi.served(crd):
                yield spec["group"], version, spec["names"]["kind"], spec["scope"], schema


# --- conformance reports --------------------------------------------------------


def implementations() -> dict[str, Any]:
    """What each implementation claims for HTTPRoutes, and which features the tests of a release know at all."""
    folder = module_folder(f"sigs.k8s.io/gateway-api/conformance@{CONFORMANCE}") / "reports"
    reports = []
    known: dict[str, set[str]] = {}
    for file in sorted(folder.glob("v1*/**/*.yaml")):
        for report in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            condensed = one_report(report, known)
            if condensed is not None and condensed not in reports:
                reports.append(condensed)
    order = ("implementation", "gatewayAPI", "date", "version", "channel", "mode")
    reports.sort(key=lambda one: [str(one[key]) for key in order])
    return {
        "features": {release: sorted(features) for release, features in known.items()},
        "reports": reports,
    }


def one_report(report: dict[str, Any], known: dict[str, set[str]]) -> dict[str, Any] | None:
    """A report's HTTP profile; None where it has none."""
    profiles = {one["name"]: one for one in report["profiles"]}
    profile = profiles.get("GATEWAY-HTTP") or profiles.get("HTTP") or profiles.get("MESH-HTTP")
    if profile is None:
        return None
    extended = profile.get("extended") or {}
    supported = {one for one in extended.get("supportedFeatures") or () if one.startswith("HTTPRoute")}
    others = {one for one in extended.get("unsupportedFeatures") or () if one.startswith("HTTPRoute")}
    version = f"v{report['gatewayAPIVersion'].removeprefix('v')}"
    known.setdefault(version.rpartition(".")[0], set()).update(supported | others)
    implementation = report["implementation"]
    return {
        "implementation": implementation["project"].lower().replace(" ", "-"),
        "version": str(implementation["version"]).removeprefix("v"),
        "gatewayAPI": version,
        "channel": report.get("gatewayAPIChannel") or "standard",
        "mode": report.get("mode") or "default",
        "date": str(report["date"])[:10],
        "core": profile["core"]["result"],
        "supported": sorted(supported),
    }


# --- built-in kinds -------------------------------------------------------------


@dataclass(frozen=True)
class Created:
    """A kind that is created at a path of its own, and whether it lives in namespaces."""

    group: str
    version: str
    kind: str
    scope: str

    @property
    def api_version(self) -> str:
        """`apps/v1`."""
        return f"{self.group}/{self.version}".lstrip("/")

    @property
    def has_schema(self) -> bool:
        """Whether its schema is one of ours."""
        return self.group in GROUPS and bool(GENERALLY_AVAILABLE.match(self.version))


def kubernetes_releases() -> dict[str, Any]:
    """Write every release; answers with the kinds that have a schema."""
    written: dict[str, str] = {}
    releases: dict[str, Any] = {}
    served: dict[str, dict[str, list[str]]] = {}
    for release, version in KUBERNETES.items():
        source = module_folder(f"k8s.io/kubernetes@{version}")
        swagger = json.loads((source / "api/openapi-spec/swagger.json").read_text(encoding="utf-8"))
        found = created(swagger)
        roots = {one: definition_of(swagger, one) for one in found if one.has_schema}
        files = write_definitions(release, swagger, set(roots.values()), written)
        for one, name in roots.items():
            place = f"kubernetes/{release}/{file_name(one.group, one.version, one.kind)}"
            write(place, {"$ref": f"{files[name]}#/definitions/{name}"})
        kinds = {(one.group, one.version, one.kind): one.scope for one in roots}
        releases[release] = {"version": version, "kinds": scopes(kinds)}
        served[release] = {}
        for one in found:
            served[release].setdefault(one.api_version, []).append(one.kind)
    write("kubernetes/kinds.json", served)
    return releases


def created(swagger: Schema) -> list[Created]:
    """Every kind that can be created by its manifest; what is created below an object has a name in its path."""
    found = {}
    for path, operations in swagger["paths"].items():
        post = operations.get("post", {})
        if post.get("x-kubernetes-action") == "post" and "{name}" not in path:
            gvk = post["x-kubernetes-group-version-kind"]
            scope = "Namespaced" if "{namespace}" in path else "Cluster"
            found[tuple(gvk.values())] = Created(gvk["group"], gvk["version"], gvk["kind"], scope)
    return sorted(found.values(), key=lambda one: (one.api_version, one.kind))


def definition_of(swagger: Schema, wanted: Created) -> str:
    """The name of a kind's definition."""
    gvk = {"group": wanted.group, "version": wanted.version, "kind": wanted.kind}
    (name,) = (
        name
        for name, definition in swagger["definitions"].items()
        if gvk in definition.get("x-kubernetes-group-version-kind", ())
    )
    return str(name)


def write_definitions(
    release: str, swagger: Schema, roots: set[str], written: dict[str, str]
) -> dict[str, str]:
    """Write what the kinds of a release are made of; answers with the file of each definition.

    What every render reads is a file of its own, so that the other kinds cost nothing there.
    """
    definitions = {name: built_in(name, one, roots) for name, one in swagger["definitions"].items()}
    checked = closure(definitions, CHECKED_KINDS)
    used = sorted(closure(definitions, roots))
    files = {name: "definitions.json" if name in checked else "more-definitions.json" for name in used}
    contents: dict[str, Schema] = {}
    for name, file in files.items():
        whole = json.dumps({one: definitions[one] for one in sorted(closure(definitions, [name]))})
        place = f"{release}/{file}"
        first = written.setdefault(f"{name} {whole}", place)
        own = across_files(definitions[name], files, file)
        contents.setdefault(file, {})[name] = (
            own if first == place else {"$ref": f"../{first}#/definitions/{name}"}
        )
    for file, content in contents.items():
        write(f"kubernetes/{release}/{file}", {"definitions": content})
    return files


def across_files(definition: Schema, files: dict[str, str], own: str) -> Schema:
    """A definition whose references name the file that they lead to, where it is another."""

    def named(match: re.Match[str]) -> str:
        file = files[match[1]]
        return f'"{"" if file == own else file}#/definitions/{match[1]}"'

    made: Schema = json.loads(REFERENCE.sub(named, json.dumps(definition)))
    return made


def built_in(name: str, definition: Schema, roots: set[str]) -> Schema:
    if name.endswith(".Quantity"):
        return {"type": ["string", "number"], "format": "quantity"}
    if name.endswith(".FieldsV1"):
        return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    if name.endswith(".RawExtension"):
        return {"x-kubernetes-preserve-unknown-fields": True}
    schema = openapi.strict(definition)
    if name.endswith(".IntOrString"):
        schema |= {"minimum": -(2**31), "maximum": 2**31 - 1}
    required = [one for one in schema.pop("required", ()) if one not in OPTIONAL.get(name, ())]
    if name in roots and name not in EMBEDDED:
        required = sorted({"apiVersion", "kind", *required})
    if required:
        schema["required"] = required
    schema.pop("x-kubernetes-group-version-kind", None)
    if name in EMBEDDED:
        schema["properties"]["status"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    elif name in roots:
        schema["properties"].pop("status", None)
    return bytes_as_numbers_too(without_client_keywords(schema))


def bytes_as_numbers_too(node: Any) -> Any:
    """Go reads bytes from base64, and from a list of numbers."""
    if isinstance(node, list):
        return [bytes_as_numbers_too(one) for one in node]
    if not isinstance(node, dict):
        return node
    if node.get("format") == "byte":
        items = {"type": "integer", "minimum": 0, "maximum": 255}
        return {**node, "format": "base64", "type": ["string", "array"], "items": items}
    return {key: bytes_as_numbers_too(child) for key, child in node.items()}


def without_client_keywords(node: Any) -> Any:
    if isinstance(node, list):
        return [without_client_keywords(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {
        key: without_client_keywords(child) for key, child in node.items() if not key.startswith(FOR_CLIENTS)
    }


def closure(definitions: Schema, roots: Any) -> set[str]:
    """The names of all definitions that the roots use, themselves among them."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += REFERENCE.findall(json.dumps(definitions[name]))
    return found


def point_canary_schema_at(kubernetes: str) -> None:
    """Let the canary file accept that release's every field of Container and PodSpec, and every Gateway API."""
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
    known = canary["properties"]["spec"]["properties"]["gatewayAPI"]["properties"]["version"]
    known["enum"] = list(reversed(GATEWAY_API))
    file.write_text(json.dumps(canary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
