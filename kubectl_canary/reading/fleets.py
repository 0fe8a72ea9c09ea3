"""A fleet's file: its waves, and the targets that its patterns stand for."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from kubectl_canary.api import catalog, formats, quick
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Path, in_order
from kubectl_canary.reading.sources import Sources
from kubectl_canary.release.fleets import Fleet, Order, Target, Wave

KIND: Final = "Fleet"
RELEASE: Path = ("spec", "release")
STAR = "*"
Listing = Callable[[str, str], Sequence[str]]  # the files whose names begin and end so


@dataclass(frozen=True)
class FleetFile:
    """A fleet, and where its file says what."""

    fleet: Fleet
    source: Sources

    @property
    def file(self) -> str:
        """The file's name."""
        return self.source.documents[0].file

    def finding(self, target: Target, message: str, hint: str = "") -> Finding:
        """What is wrong about a target, at its place in the file."""
        where = self.source.value_where(target.path)
        return Finding("fleet", "error", target.path, message, where, hint)


def is_fleet(value: Any) -> bool:
    """Whether a document is a fleet."""
    return isinstance(value, dict) and value.get("kind") == KIND


def read(source: Sources, listed: Listing) -> FleetFile:
    """The fleet of a file; `listed` says which files there are for a pattern. Raises Refused with every finding."""
    findings = list(_of_schema(source.value))
    if not findings:
        spec = source.value["spec"]
        waves = [_wave(known) for known in spec["waves"]]
        targets = [
            target
            for place, wave in enumerate(waves)
            for target in _targets(wave, place, spec["waves"][place]["targets"], source, listed)
        ]
        findings = [*_of_waves(spec, waves), *_of_targets(targets)]
    if findings:
        located = [replace(known, where=source.value_where(known.path)) for known in findings]
        raise Refused(f"{source.documents[0].file} is not valid", in_order(located))
    named = {wave.name: wave for wave in waves}
    release = spec.get("release") or {}
    fleet = Fleet(
        source.value["metadata"]["name"],
        Order(spec.get("order", Order.WAVES.value)),
        tuple(waves),
        tuple(targets),
        release.get("tag", ""),
        named.get(release.get("wave", "")),
    )
    return FleetFile(fleet, source)


def _of_schema(value: Any) -> Iterator[Finding]:
    if quick.accepts(value, catalog.whole(catalog.FLEET)):
        return
    from kubectl_canary.api import schema

    yield from schema.findings(value, catalog.FLEET)


def _wave(known: Mapping[str, Any]) -> Wave:
    return Wave(known["name"], formats.seconds(known["pause"]) if "pause" in known else 0)


def _of_waves(spec: Mapping[str, Any], waves: Sequence[Wave]) -> Iterator[Finding]:
    counts = Counter(wave.name for wave in waves)
    for place, wave in enumerate(waves):
        if counts[wave.name] > 1:
            path: Path = ("spec", "waves", place, "name")
            yield Finding("fleet", "error", path, f"there are {counts[wave.name]} waves `{wave.name}`")
        if wave.pause and spec.get("order", Order.WAVES.value) != Order.WAVES.value:
            path = ("spec", "waves", place, "pause")
            hint = "leave it out, and give the phases of the canary files their pauses"
            yield Finding(
                "fleet", "error", path, f"a wave has no start of its own in {spec['order']}", hint=hint
            )
    begun = (spec.get("release") or {}).get("wave")
    if begun is not None and begun not in counts:
        path = (*RELEASE, "wave")
        yield Finding("fleet", "error", path, f"there is no wave `{begun}`; there are {', '.join(counts)}")


# --- targets --------------------------------------------------------------------------


def _targets(
    wave: Wave, place: int, entries: Sequence[Mapping[str, Any]], source: Sources, listed: Listing
) -> Iterator[Target]:
    """The targets of a wave. Raises Refused where a pattern stands for nothing."""
    folder = posixpath.dirname(source.documents[0].file)
    for index, entry in enumerate(entries):
        path: Path = ("spec", "waves", place, "targets", index)
        files = [entry["file"]] if isinstance(entry["file"], str) else entry["file"]
        files = [posixpath.join(folder, file) for file in files]
        for star in _stars(files, source, (*path, "file"), listed):
            found = tuple(file.replace(STAR, star) for file in files)
            known = {
                key: str(entry[key]).replace(STAR, star) for key in ("context", "cluster") if key in entry
            }
            yield Target(_name(entry, star, files, found), wave, found, **known, path=path)


def _stars(files: Sequence[str], source: Sources, path: Path, listed: Listing) -> list[str]:
    """What the `*` in a name of one of the files stands for, once for each file that there is."""
    patterns = [file for file in files if STAR in file]
    message = ""
    if not patterns:
        return [""]
    if len(patterns) > 1 or patterns[0].count(STAR) > 1:
        message = "one `*` in one of the names is what a target can be told by"
    before, _, after = patterns[0].partition(STAR)
    found = [] if message else [name[len(before) : len(name) - len(after)] for name in listed(before, after)]
    if not found:
        finding = Finding("fleet", "error", path, message or f"there is no file {patterns[0]}")
        where = source.value_where(path)
        raise Refused(f"{where.file} is not valid", [replace(finding, where=where)])
    return found


def _name(entry: Mapping[str, Any], star: str, patterns: Sequence[str], files: Sequence[str]) -> str:
    """The name that is given, else that of the folder of the last file, or of what has the `*`, without its ending."""
    if "name" in entry:
        return str(entry["name"]).replace(STAR, star)
    folder, _, name = files[-1].rpartition("/")
    parts = [
        found
        for pattern, file in zip(patterns, files, strict=True)
        for part, found in zip(pattern.split("/"), file.split("/"), strict=True)
        if STAR in part
    ]
    return posixpath.splitext(parts[0] if parts else posixpath.basename(folder) or name)[0]


def _of_targets(targets: Sequence[Target]) -> Iterator[Finding]:
    names = Counter(target.name for target in targets)
    files = Counter(target.files[-1] for target in targets)
    for target in targets:
        try:
            formats.dns_label(target.name)
        except ValueError as error:
            yield Finding("fleet", "error", target.path, f"a target's name: {error}", hint="give it a `name`")
        if names[target.name] > 1:
            message = f"there are {names[target.name]} targets `{target.name}`"
            yield Finding("fleet", "error", target.path, message, hint="give each a `name`")
        if files[target.files[-1]] > 1:
            message = f"{target.files[-1]} is in {files[target.files[-1]]} targets"
            yield Finding("fleet", "error", target.path, message, hint="each has a file of its own, the last")
