"""ConfigMaps, Secrets and Namespaces (pkg/apis/core/validation)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from kubectl_canary.api import metadata
from kubectl_canary.api.builtin.checks import invalid, matches, required
from kubectl_canary.api.metadata import FieldError
from kubectl_canary.expressions import regex
from kubectl_canary.findings import Path

LARGEST = 1024 * 1024
KEY = regex(r"[-._a-zA-Z0-9]+\Z")
KEY_WORDS = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
# what a Secret of a type must have; either of the last two is enough
NEEDED = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
LOGIN = ("username", "password")


def key_problem(key: str) -> str | None:
    """What is wrong with a key of a ConfigMap or Secret; None where nothing is."""
    if len(key) > 253:
        return "must be no more than 253 characters"
    if key in (".", "..") or key.startswith(".."):
        return "must not start with '..'" if key.startswith("..") else "must not be '.'"
    return None if KEY.match(key) else KEY_WORDS


def _size(value: Any) -> int:
    return len(base64.b64decode(value)) if isinstance(value, str) else len(value)


def _config_map(document: dict[str, Any]) -> Iterator[FieldError]:
    texts, binary = document.get("data", {}), document.get("binaryData", {})
    for place, keys in (("data", texts), ("binaryData", binary)):
        for key in keys:
            yield from matches((place, key), key, key_problem)
    for key in texts.keys() & binary.keys():
        yield invalid(("data", key), key, "duplicate of key present in binaryData")
    total = sum(len(text.encode("utf-8", "replace")) for text in texts.values()) + sum(
        map(_size, binary.values())
    )
    if total > LARGEST:
        yield (), f"Too long: may not be more than {LARGEST} bytes"


def _secret(document: dict[str, Any]) -> Iterator[FieldError]:
    encoded, texts = document.get("data", {}), document.get("stringData", {})
    keys = {**encoded, **texts}
    for key in keys:
        yield from matches(("data", key), key, key_problem)
    sizes = {key: _size(value) for key, value in encoded.items()}
    sizes |= {key: len(text.encode("utf-8", "replace")) for key, text in texts.items()}
    if sum(sizes.values()) > LARGEST:
        yield ("data",), f"Too long: may not be more than {LARGEST} bytes"
    kind = document.get("type", "")
    for key in NEEDED.get(kind, ()):
        if key not in keys:
            yield required(("data", key))
    if kind == "kubernetes.io/basic-auth" and not keys.keys() & set(LOGIN):
        yield from (required(("data", key)) for key in LOGIN)


def _namespace(document: dict[str, Any]) -> Iterator[FieldError]:
    path: Path = ("spec", "finalizers")
    for name in document.get("spec", {}).get("finalizers", []):
        yield from matches(path, name, metadata.qualified_name)
        if "/" not in name and name not in FINALIZERS:
            text = "name is neither a standard finalizer name nor is it fully qualified"
            yield invalid(path, name, text)


CHECKS = {"ConfigMap": _config_map, "Secret": _secret, "Namespace": _namespace}
