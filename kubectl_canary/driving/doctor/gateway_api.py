"""The cluster has the Gateway API, and every field of it that the release uses: what a CRD lacks is dropped silently.

Source: Gateway API, versioning: annotations of its CRDs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kubectl_canary.driving.doctor.facts import Facts, Remark, Value, ok, problem
from kubectl_canary.driving.rights import plural
from kubectl_canary.release.application import GATEWAY_GROUP

BUNDLE, CHANNEL = f"{GATEWAY_GROUP}/bundle-version", f"{GATEWAY_GROUP}/channel"
INSTALL = "https://gateway-api.sigs.k8s.io/guides"


def check(facts: Facts) -> Iterator[Remark]:
    """The definitions of the kinds that the release uses, and what they would drop of it."""
    if not facts.knows("definitions"):
        return
    kinds = dict.fromkeys(value["kind"] for value in facts.planned if _is_of_gateway_api(value))
    missing = [kind for kind in kinds if _name(kind) not in facts.definitions]
    for kind in missing:
        yield problem(
            f"this cluster does not know {kind}s: the Gateway API is not there, or has not that kind",
            f"install its CRDs: {INSTALL}",
        )
    dropped = list(dict.fromkeys(path for value in facts.planned for path in _dropped(facts, value)))
    if dropped:
        fields = ", ".join(f"`{path}`" for path in dropped)
        cure = "install newer CRDs (or the experimental channel), or leave the fields out"
        yield problem(f"this cluster would drop {fields}: its {_release(facts)} does not have them", cure)
    elif len(missing) < len(kinds):
        yield ok(f"{_release(facts)}{_compared(facts)}")


def _is_of_gateway_api(value: Value) -> bool:
    return str(value["apiVersion"]).partition("/")[0] == GATEWAY_GROUP


def _name(kind: str) -> str:
    return f"{plural(kind)}.{GATEWAY_GROUP}"


def _annotation(facts: Facts, key: str) -> str:
    annotations = (known["metadata"].get("annotations") or {} for known in facts.definitions.values())
    return next((str(known[key]) for known in annotations if key in known), "")


def _release(facts: Facts) -> str:
    version, channel = _annotation(facts, BUNDLE), _annotation(facts, CHANNEL)
    return f"Gateway API {version or 'of an unknown version'}{f', {channel} channel' if channel else ''}"


def _compared(facts: Facts) -> str:
    """What the file asks for, where that is newer."""
    target = facts.plan.application.target
    there, asked = _numbers(_annotation(facts, BUNDLE)), _numbers(target.gateway_api)
    if not there or there >= asked:
        return ""
    return f" (the canary file asks for {target.gateway_api}: nothing that it uses is missing)"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:2]))


def _dropped(facts: Facts, value: Value) -> Iterator[str]:
    """The fields of a document that the server would drop, as they are written in it, without numbers of lists."""
    definition = facts.definitions.get(_name(value["kind"])) if _is_of_gateway_api(value) else None
    if definition is None:
        return
    wanted = str(value["apiVersion"]).rpartition("/")[2]
    for version in definition["spec"]["versions"]:
        if version["name"] == wanted:
            schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
            spec = (schema.get("properties") or {}).get("spec") or {}
            yield from _unknown(value.get("spec"), spec, "spec")
            return
    yield f"apiVersion: {value['apiVersion']}"


def _unknown(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    if isinstance(value, list):
        for item in value:
            yield from _unknown(item, schema.get("items") or {}, path)
    elif isinstance(value, dict):
        properties, others = schema.get("properties") or {}, schema.get("additionalProperties")
        for key, child in value.items():
            below = properties.get(key, others)
            if isinstance(below, Mapping):
                yield from _unknown(child, below, f"{path}.{key}")
            elif not below:
                yield f"{path}.{key}"
