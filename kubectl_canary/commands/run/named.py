"""Manifests that the user names: those of files, folders and standard input."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding
from kubectl_canary.outside import files
from kubectl_canary.reading import manifests
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import replace


def read(
    names: Sequence[str],
    without: Sequence[str] = (),
    each: Callable[[Sequence[Manifest]], None] = lambda _: None,
) -> tuple[list[Manifest], list[Finding]]:
    """The objects of files, folders and standard input (`-`), and what cannot be read as YAML.

    A file that several of the names lead to is read once; one that is read elsewhere, `without` it.
    `each` is told the objects of each file once it is read.
    Raises UsageError for names that do not exist, WorldError for what cannot be read.
    """
    files.refuse_input_twice(names, "-")
    found: list[Manifest] = []
    findings: list[Finding] = []
    for name in files.listed(names, without):
        try:
            listed = manifests.read(*files.read_text(name, files.MAX_MANIFESTS), beside=name not in names)
        except Refused as refused:
            findings += refused.findings
        else:
            folder = files.phase_folder(name) if listed else ""
            placed = [replace(manifest, phase_folder=folder) for manifest in listed]
            each(placed)
            found += placed
    return found, findings
