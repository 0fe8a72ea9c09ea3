"""Manifests that are applied together: a stream, the files that are named, or the folder that we wrote for a phase."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.api.catalog import Target
from kubectl_canary.findings import Finding
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import replace

RULE = "same-object-twice"
NAME: tuple[str, ...] = ("metadata", "name")

Identity = tuple[str, str, str, str]


def by_phase(manifests: Sequence[Manifest]) -> list[list[Manifest]]:
    """The sets: each phase's folder with what is of no phase, or all, where there are no such folders."""
    folders = dict.fromkeys(manifest.phase_folder for manifest in manifests if manifest.phase_folder)
    return [
        [manifest for manifest in manifests if manifest.phase_folder in ("", folder)]
        for folder in folders or ("",)
    ]


def repeated(manifests: Sequence[Manifest], target: Target) -> Iterator[tuple[Manifest, Finding]]:
    """Every object of a set that stands there twice, with the finding about it."""
    first: dict[Identity, Manifest] = {}
    for manifest in manifests:
        key = identity(manifest.value, target)
        other = first.setdefault(key, manifest) if key else manifest
        if other is not manifest and not _shared(manifest, other):
            yield _finding(other, manifest)


def identity(value: Any, target: Target) -> Identity | None:
    """Group, kind, namespace and name: what the server tells objects apart by. None without a name."""
    metadata = value.get("metadata") if isinstance(value, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    api_version, kind = (str(value.get(key)) for key in ("apiVersion", "kind")) if name else ("", "")
    if not isinstance(metadata, dict) or not isinstance(name, str) or not name:
        return None
    known = target.find(api_version, kind)
    namespace = "" if known and not known.namespaced else str(metadata.get("namespace") or "")
    return api_version.rpartition("/")[0], kind, namespace, name


def _shared(manifest: Manifest, other: Manifest) -> bool:
    """Whether two canary files, each of its own name, make the same object, such as a Gateway that both describe."""
    are_two = bool(manifest.made_by and other.made_by) and manifest.made_by != other.made_by
    return are_two and bool(manifest.value == other.value)


def _finding(first: Manifest, second: Manifest) -> tuple[Manifest, Finding]:
    """The finding stands where the user can take something out: not in what a canary file makes."""
    if second.made_by and not first.made_by:
        first, second = second, first
    message = f"the same object as in {first.where(NAME)}: the one that is applied last would be left"
    hint = "take one of them out, or rename it"
    if first.made_by:
        hint = f"take this one out, or rename it: {first.made_by} makes it"
    finding = Finding(RULE, "error", NAME, message, hint=hint)
    return second, replace(finding, where=second.where(NAME))
