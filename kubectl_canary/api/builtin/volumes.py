"""A pod's volumes (ValidateVolumes in pkg/apis/core/validation): names, and the types that canaries mount."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.api import metadata
from kubectl_canary.api.builtin import quantity
from kubectl_canary.api.builtin.checks import (
    forbidden,
    invalid,
    matches,
    named,
    one_of,
    required,
    unique,
)
from kubectl_canary.api.builtin.containers import descending
from kubectl_canary.api.metadata import FieldError
from kubectl_canary.findings import Path

MODE_WORDS = "must be a number between 0 and 0777 (octal), both inclusive"
SHORTEST_TOKEN = 600
LONGEST_TOKEN = 2**32
HOST_TYPES = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")


def field_errors(volumes: Sequence[dict[str, Any]], path: Path) -> Iterator[FieldError]:
    """Everything against the volumes."""
    for index, volume in enumerate(volumes):
        at = (*path, index)
        yield from named(at, volume, "name", metadata.label)
        kinds = [key for key in volume if key != "name"]
        for key in kinds[1:]:
            yield forbidden((*at, key), "may not specify more than 1 volume type")
        for key in kinds[:1]:
            yield from KINDS.get(key, _other)(volume[key], (*at, key))
    yield from unique(path, volumes)


def claim_template(spec: dict[str, Any], path: Path) -> Iterator[FieldError]:
    """Everything against the claims that a StatefulSet makes."""
    if not spec.get("accessModes"):
        yield required((*path, "accessModes"), "at least 1 access mode is required")
    for mode in spec.get("accessModes", []):
        yield from one_of((*path, "accessModes"), mode, ACCESS_MODES)
    storage = spec.get("resources", {}).get("requests", {}).get("storage")
    if storage is None:
        yield required((*path, "resources", "storage"))
    elif quantity.parsed(storage) <= 0:
        yield invalid((*path, "resources", "storage"), storage, "must be greater than zero")
    if spec.get("storageClassName"):
        yield from matches((*path, "storageClassName"), spec["storageClassName"], metadata.subdomain)


def _other(_: dict[str, Any], __: Path) -> Iterator[FieldError]:
    yield from ()


def _config_map(source: dict[str, Any], path: Path) -> Iterator[FieldError]:
    yield from named(path, source, "name")
    yield from _files(source, path)


def _secret(source: dict[str, Any], path: Path) -> Iterator[FieldError]:
    yield from named(path, source, "secretName")
    yield from _files(source, path)


def _files(source: dict[str, Any], path: Path) -> Iterator[FieldError]:
    yield from _mode((*path, "defaultMode"), source.get("defaultMode"))
    for index, item in enumerate(source.get("items", [])):
        at = (*path, "items", index)
        yield from named(at, item, "key")
        yield from named(at, item, "path")
        yield from _inside((*at, "path"), item.get("path", ""))
        yield from _mode((*at, "mode"), item.get("mode"))


def _mode(path: Path, mode: int | None) -> Iterator[FieldError]:
    if mode is not None and not 0 <= mode <= 0o777:
        yield invalid(path, mode, MODE_WORDS)


def _inside(path: Path, text: str) -> Iterator[FieldError]:
    yield from descending(path, text)
    if text.startswith("..") and not text.startswith("../") and text != "..":
        yield invalid(path, text, "must not start with '..'")


def _empty_dir(source: dict[str, Any], path: Path) -> Iterator[FieldError]:
    if "sizeLimit" in source and quantity.parsed(source["sizeLimit"]) < 0:
        yield forbidden((*path, "sizeLimit"), "SizeLimit field must be a valid resource quantity")


def _claim(source: dict[str, Any], path: Path) -> Iterator[FieldError]:
    yield from named(path, source, "claimName")


def _host_path(source: dict[str, Any], path: Path) -> Iterator[FieldError]:
    yield from named(path, source, "path")
    if ".." in source.get("path", "").split("/"):
        yield invalid((*path, "path"), source["path"], "must not contain '..'")
    yield from one_of((*path, "type"), source.get("type", ""), HOST_TYPES)


def _projected(source: dict[str, Any], path: Path) -> Iterator[FieldError]:
    yield from _mode((*path, "defaultMode"), source.get("defaultMode"))
    for index, projection in enumerate(source.get("sources", [])):
        at = (*path, "sources", index)
        if len(projection) > 1:
            yield forbidden(at, "may not specify more than 1 volume type per source")
        for key in ("configMap", "secret"):
            if key in projection:
                yield from named((*at, key), projection[key], "name")
                yield from _files(projection[key], (*at, key))
        if "serviceAccountToken" in projection:
            yield from _token(projection["serviceAccountToken"], (*at, "serviceAccountToken"))


def _token(source: dict[str, Any], path: Path) -> Iterator[FieldError]:
    seconds = source.get("expirationSeconds", 3600)
    if seconds < SHORTEST_TOKEN:
        yield invalid(
            (*path, "expirationSeconds"), seconds, "may not specify a duration less than 10 minutes"
        )
    if seconds > LONGEST_TOKEN:
        yield invalid(
            (*path, "expirationSeconds"), seconds, "may not specify a duration larger than 2^32 seconds"
        )
    yield from named(path, source, "path")
    yield from _inside((*path, "path"), source.get("path", ""))


KINDS = {
    "configMap": _config_map,
    "secret": _secret,
    "emptyDir": _empty_dir,
    "persistentVolumeClaim": _claim,
    "hostPath": _host_path,
    "projected": _projected,
}
