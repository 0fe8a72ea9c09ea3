"""Names, labels and annotations, as the API server checks the metadata of every object on create.

The rules are those of k8s.io/apimachinery/pkg/api/validation (objectmeta.go) and .../util/validation; the words too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from kubectl_canary.api.catalog import Kind, Target
from kubectl_canary.api.formats import LABEL, LABEL_1035, QUALIFIED, SUBDOMAIN
from kubectl_canary.expressions import regex
from kubectl_canary.findings import Path

# the server's word for it (k8s.io/apimachinery/pkg/util/validation/field): where, and what is wrong
FieldError = tuple[Path, str]
Check = Callable[[str], str | None]

TIME = regex(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})\Z"
)
MAX_ANNOTATIONS = 256 * 1024
TIMES = ("creationTimestamp", "deletionTimestamp")

SUBDOMAIN_WORDS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character"
)
LABEL_WORDS = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character"
)
LABEL_1035_WORDS = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character"
)
QUALIFIED_WORDS = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character"
)
VALUE_WORDS = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character"
)
PATH_SEGMENT_WORDS = "may not be '.' or '..', and may not contain '/' or '%'"


def field_errors(document: dict[str, Any], kind: Kind, target: Target) -> Iterator[FieldError]:
    """Everything that the server holds against `document["metadata"]`, whose types are right already."""
    metadata: dict[str, Any] = document.get("metadata") or {}
    if kind.custom:
        yield from _name(metadata, subdomain)
    elif document["kind"] not in NAMED_BY_SERVER or metadata.get("name") or metadata.get("generateName"):
        yield from _name(metadata, _check_of(document["kind"], target))
    yield from _namespace(metadata, kind)
    yield from _labels(metadata.get("labels") or {})
    yield from annotation_errors(("metadata", "annotations"), metadata.get("annotations") or {})
    yield from _finalizers(metadata.get("finalizers") or [], kind)
    yield from _owners(metadata.get("ownerReferences") or [])
    for key in TIMES:
        if metadata.get(key) is not None and not is_time(metadata[key]):
            yield ("metadata", key), f"Invalid value: {shown(metadata[key])}: is not an RFC 3339 time"
    # an object with a uid was read from a server: it is judged as an update
    if metadata.get("resourceVersion") and not metadata.get("uid"):
        yield ("metadata", "resourceVersion"), "should not be set on objects to be created"
    if (metadata.get("generation") or 0) < 0:
        yield (
            ("metadata", "generation"),
            f"Invalid value: {metadata['generation']}: must be greater than or equal to 0",
        )


def subdomain(text: str) -> str | None:
    """What is wrong with an RFC 1123 subdomain; None where nothing is."""
    return _too_long(text, 253) or (None if SUBDOMAIN.match(text) else SUBDOMAIN_WORDS)


def prefix_of(check: Check) -> Check:
    """What is wrong with the beginning of a name: it may end with a dash."""
    return lambda text: check(f"{text[:-1]}a" if text.endswith("-") and len(text) > 1 else text)


def label(text: str) -> str | None:
    """What is wrong with an RFC 1123 label; None where nothing is."""
    return _too_long(text, 63) or (None if LABEL.match(text) else LABEL_WORDS)


def label_1035(text: str) -> str | None:
    """What is wrong with an RFC 1035 label; None where nothing is."""
    return _too_long(text, 63) or (None if LABEL_1035.match(text) else LABEL_1035_WORDS)


def qualified_name(text: str) -> str | None:
    """What is wrong with the key of a label or annotation; None where nothing is."""
    prefix, slash, name = text.partition("/")
    if not slash:
        prefix, name = "", text
    if "/" in name:
        return "a qualified name must consist of a name part and at most one prefix, separated by '/'"
    if slash and not prefix:
        return "prefix part must be non-empty"
    problem = subdomain(prefix) if prefix else None
    if problem:
        return f"prefix part {problem}"
    if not name:
        return "name part must be non-empty"
    return (_too_long(name, 63) and "name part must be no more than 63 bytes") or (
        None if QUALIFIED.match(name) else QUALIFIED_WORDS
    )


def label_value(text: str) -> str | None:
    """What is wrong with a label's value; None where nothing is."""
    return _too_long(text, 63) or (None if not text or QUALIFIED.match(text) else VALUE_WORDS)


def path_segment(text: str) -> str | None:
    """What is wrong with a name that may hold anything but a path; None where nothing is."""
    return PATH_SEGMENT_WORDS if text in (".", "..") or "/" in text or "%" in text else None


def annotation_errors(path: Path, annotations: dict[str, str | None]) -> Iterator[FieldError]:
    """What is wrong with the keys and the size of annotations."""
    for key in annotations:
        problem = qualified_name(key.lower())
        if problem:
            yield (*path, key), f"Invalid value: {shown(key)}: {problem}"
    size = sum(len(text.encode("utf-8", "replace")) for pair in annotations.items() for text in pair if text)
    if size > MAX_ANNOTATIONS:
        yield path, f"Too long: may not be more than {MAX_ANNOTATIONS} bytes"


def is_time(text: Any) -> bool:
    """RFC 3339, as Go reads it."""
    if not isinstance(text, str) or not TIME.match(text):
        return False
    try:
        datetime.fromisoformat(text[:19])
    except ValueError:
        return False
    hours, _, minutes = text[-5:].partition(":")
    return text.endswith("Z") or (int(hours) < 24 and int(minutes) < 60)


def shown(value: Any) -> str:
    """A value as the server writes it in a message."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


NAMES: dict[str, Check] = {
    "Service": label_1035,
    "Namespace": label,
    "Binding": path_segment,
    "CSIDriver": lambda text: subdomain(text.lower()),
    "ClusterRole": path_segment,
    "ClusterRoleBinding": path_segment,
    "Event": path_segment,
    "IPAddress": path_segment,
    "PodDisruptionBudget": path_segment,
    "Role": path_segment,
    "RoleBinding": path_segment,
}
# pkg/registry/core/limitrange/strategy.go gives a LimitRange without a name a UUID
NAMED_BY_SERVER = ("LimitRange",)


def _too_long(text: str, limit: int) -> str | None:
    return f"must be no more than {limit} bytes" if len(text.encode("utf-8", "replace")) > limit else None


def _check_of(kind: str, target: Target) -> Check:
    """What the names of a kind are held against; a Service's may start with a digit since Kubernetes 1.36."""
    if kind == "Service" and target.kubernetes_at_least("v1.36"):
        return label
    return NAMES.get(kind, subdomain)


def _name(metadata: dict[str, Any], check: Check) -> Iterator[FieldError]:
    name, prefix = metadata.get("name") or "", metadata.get("generateName") or ""
    if prefix:
        problem = prefix_of(check)(prefix)
        if problem:
            yield ("metadata", "generateName"), f"Invalid value: {shown(prefix)}: {problem}"
    if name:
        problem = check(name)
        if problem:
            yield ("metadata", "name"), f"Invalid value: {shown(name)}: {problem}"
    elif not prefix:
        yield ("metadata", "name"), "Required value: name or generateName is required"


def _namespace(metadata: dict[str, Any], kind: Kind) -> Iterator[FieldError]:
    namespace = metadata.get("namespace") or ""
    problem = label(namespace) if namespace and kind.namespaced else None
    if problem:
        yield ("metadata", "namespace"), f"Invalid value: {shown(namespace)}: {problem}"


def _labels(labels: dict[str, str | None]) -> Iterator[FieldError]:
    for key, value in labels.items():
        problem = qualified_name(key)
        if problem:
            yield ("metadata", "labels", key), f"Invalid value: {shown(key)}: {problem}"
        problem = label_value(value or "")
        if problem:
            yield ("metadata", "labels", key), f"Invalid value: {shown(value)}: {problem}"


def _finalizers(finalizers: list[str | None], kind: Kind) -> Iterator[FieldError]:
    for index, finalizer in enumerate(finalizers):
        problem = qualified_name(finalizer or "")
        if problem:
            yield ("metadata", "finalizers", index), f"Invalid value: {shown(finalizer)}: {problem}"
    if {"orphan", "foregroundDeletion"} <= set(finalizers):
        yield ("metadata", "finalizers"), "finalizer orphan and foregroundDeletion cannot be both set"


def _owners(owners: list[dict[str, Any] | None]) -> Iterator[FieldError]:
    for index, reference in enumerate(owners):
        owner, path = reference or {}, ("metadata", "ownerReferences", index)
        group, _, version = (owner.get("apiVersion") or "").rpartition("/")
        if not version or "/" in group:
            yield (
                (*path, "apiVersion"),
                f"Invalid value: {shown(owner.get('apiVersion') or '')}: version must not be empty",
            )
        for key in ("kind", "name", "uid"):
            if not owner.get(key):
                yield (*path, key), 'Invalid value: "": must not be empty'
    if sum(1 for owner in owners if owner and owner.get("controller")) > 1:
        yield ("metadata", "ownerReferences"), "Only one reference can have Controller set to true"
