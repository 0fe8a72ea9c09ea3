"""The vendored schemas: by file name, and by API version and kind for the releases that a document is meant for."""

from __future__ import annotations

import functools
import json
import posixpath
from collections.abc import Mapping
from typing import Any

from kubectl_canary import resources
from kubectl_canary.records import dataclass, field

Schema = dict[str, Any]

CANARY = "canary.schema.json"
FLEET = "fleet.schema.json"
CHANNELS = ("standard", "experimental")
GATEWAY_GROUPS = ("gateway.networking.k8s.io", "gateway.networking.x-k8s.io")


@functools.cache
def releases() -> dict[str, dict[str, Any]]:
    """What is vendored: `gatewayAPI` and `kubernetes`, each release with its version and kinds."""
    listed: dict[str, dict[str, Any]] = json.loads(resources.read("schemas", "releases.json"))
    return listed


def newest(project: str) -> str:
    """The newest release of `gatewayAPI` or `kubernetes`, such as `v1.7`."""
    return in_order(project)[-1]


def in_order(project: str) -> list[str]:
    """The releases of `gatewayAPI` or `kubernetes`, oldest first."""
    return sorted(releases()[project], key=_numbers)


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(map(int, release.removeprefix("v").split(".")))


@dataclass(frozen=True)
class Kind:
    """What is known of an API version and kind."""

    schema: Schema
    namespaced: bool
    custom: bool  # a custom resource: the server knows it by its schema alone


@dataclass(frozen=True)
class Target:
    """The releases that documents are meant for, and the kinds that others define."""

    gateway_api: str = field(default_factory=lambda: newest("gatewayAPI"))
    channel: str = "standard"
    kubernetes: str = field(default_factory=lambda: newest("kubernetes"))
    others: Mapping[str, Kind] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"Gateway API {self.gateway_api} ({self.channel}) and Kubernetes {self.kubernetes}"

    def find(self, api_version: str, kind: str) -> Kind | None:
        """The kind's schema in these releases; None where they do not have it."""
        other = self.others.get(f"{api_version} {kind}")
        return other or _vendored(api_version, kind, self.gateway_api, self.channel, self.kubernetes)

    def has(self, api_version: str, kind: str, *path: str) -> bool:
        """Whether a kind has a field there, such as "spec", "rules", "name"; lists are looked into."""
        known = self.find(api_version, kind)
        schema = known.schema if known else {}
        for part in path:
            schema = schema.get("items", schema).get("properties", {}).get(part, {})
        return bool(schema)

    def kubernetes_at_least(self, release: str) -> bool:
        """Whether the target is this release of Kubernetes or a newer release."""
        return _numbers(self.kubernetes) >= _numbers(release)


@functools.cache
def _vendored(api_version: str, kind: str, gateway_api: str, channel: str, kubernetes: str) -> Kind | None:
    group, _, version = api_version.rpartition("/")
    if group in GATEWAY_GROUPS:
        place, kinds = (
            f"gateway-api/{gateway_api}/{channel}",
            releases()["gatewayAPI"][gateway_api][channel],
        )
    else:
        place, kinds = f"kubernetes/{kubernetes}", releases()["kubernetes"][kubernetes]["kinds"]
    scope = kinds.get(f"{api_version} {kind}")
    if scope is None:
        return None
    name = "-".join([kind.lower(), *filter(None, [group.split(".")[0]]), version]) + ".json"
    return Kind(whole(f"{place}/{name}"), scope == "Namespaced", group in GATEWAY_GROUPS)


def gateway_targets(kubernetes: str) -> list[Target]:
    """Every release and channel of the Gateway API, the standard channels first, each oldest first."""
    return [
        Target(release, channel, kubernetes) for channel in CHANNELS for release in in_order("gatewayAPI")
    ]


def having(api_version: str, kind: str, *path: str) -> str:
    """The releases of the Gateway API that have a field: `v1.7 (standard) and v1.2 to v1.7 (experimental)`."""
    targets = [
        target for target in gateway_targets(newest("kubernetes")) if target.has(api_version, kind, *path)
    ]
    spans = []
    for channel in CHANNELS:
        releases = [target.gateway_api for target in targets if target.channel == channel]
        span = " to ".join(dict.fromkeys((releases[0], releases[-1]))) if releases else ""
        spans += [f"{span} ({channel})"] if span else []
    return " and ".join(spans)


def since(api_version: str, kind: str) -> list[str]:
    """The releases and channels of the Gateway API that serve a kind, oldest first: `v1.5 (standard)`."""
    return [
        f"{release} ({channel})"
        for release in in_order("gatewayAPI")
        for channel in CHANNELS
        if f"{api_version} {kind}" in releases()["gatewayAPI"][release][channel]
    ]


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


@functools.cache
def whole(name: str) -> Schema:
    """A schema file with every reference replaced by what it names; what is used twice is shared, not copied."""
    return _Whole().of(load(name), name)


def fitting(name: str, value: Any) -> Schema:
    """As `whole`, for one value: the schemas of keys that it has not are not read, and accept everything."""
    return _fitting(load(name), name, value)


def _fitting(schema: Schema, file: str, value: Any) -> Schema:
    while "$ref" in schema:
        schema, file = follow(schema["$ref"], file)
    fitted = dict(schema)
    for keyword, child in schema.items():
        if keyword == "properties" and isinstance(value, dict):
            fitted[keyword] = {
                key: _fitting(field, file, value[key]) if key in value else {} for key, field in child.items()
            }
        elif keyword in ("anyOf", "oneOf", "allOf"):
            fitted[keyword] = [_fitting(branch, file, value) for branch in child]
        elif keyword in ("items", "additionalProperties", "not") and isinstance(value, dict | list):
            fitted[keyword] = _Whole().value(keyword, child, file)
    return fitted


@functools.cache
def definition(kubernetes: str, name: str) -> Schema:
    """A definition of a Kubernetes release that a canary may need, without references."""
    file = f"kubernetes/{kubernetes}/definitions.json"
    return _Whole().of(load(file)["definitions"][name], file)


class _Whole:
    def __init__(self) -> None:
        self.done: dict[int, Schema] = {}

    def of(self, schema: Schema, file: str) -> Schema:
        while "$ref" in schema:
            schema, file = follow(schema["$ref"], file)
        if id(schema) not in self.done:
            self.done[id(schema)] = {key: self.value(key, child, file) for key, child in schema.items()}
        return self.done[id(schema)]

    def value(self, key: str, child: Any, file: str) -> Any:
        if key == "properties":
            return {name: self.of(field, file) for name, field in child.items()}
        if key in ("items", "additionalProperties", "not") and isinstance(child, dict):
            return self.of(child, file)
        if key in ("allOf", "anyOf", "oneOf"):
            return [self.of(branch, file) for branch in child]
        return child


def schema_at(path: tuple[str | int, ...], name: str = CANARY) -> Schema | None:
    """The schema of one path of a document; None where the schema knows no such path."""
    placement = schema_and_file(path, name)
    return placement[0] if placement else None


def schema_and_file(path: tuple[str | int, ...], name: str = CANARY) -> tuple[Schema, str] | None:
    """The schema of one path of a document, and the file that it stands in."""
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
    return _resolved(schema, file)


def _resolved(schema: Schema | None, file: str) -> tuple[Schema, str]:
    schema = schema or {}
    while "$ref" in schema:
        schema, file = follow(schema["$ref"], file)
    for branch in schema.get("anyOf", ()):
        if branch.get("type") == "object" and "properties" in branch:
            return branch, file
    return schema, file
