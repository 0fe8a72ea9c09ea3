"""A fleet's file: its waves, and the targets that its patterns stand for."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kubectl_canary.api import catalog, formats, quick
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Path, in_order, nearest
from kubectl_canary.reading.sources import Sources
from kubectl_canary.records import dataclass, replace
from kubectl_canary.release.fleets import Fleet, Order, Target, Wave

RELEASE: Path = ("spec", "release")
STAR = "*"
Listing = Callable[[str, str], Sequence[str]]  # the files whose names begin and end so


@dataclass(frozen=True)
class FleetFile:
    """A fleet, and where its file says what; `unknown_wave` is what is wrong with the wave of the release."""

    fleet: Fleet
    source: Sources
    unknown_wave: Finding | None = None

    @property
    def file(self) -> str:
        """The file's name."""
        return self.source.documents[0].file

    def finding(self, target: Target, message: str, hint: str = "") -> Finding:
        """What is wrong about a target, at its place in the file."""
        where = self.source.value_where(target.path)
        return Finding("fleet", "error", target.path, message, where, hint)


def read(source: Sources, listed: Listing) -> FleetFile:
    """The fleet of a file; `listed` says which files there are for a pattern. Raises Refused with every finding."""
    findings = findings_of(source.value)
    if not findings:
        spec = source.value["spec"]
        waves = [_wave(known) for known in spec["waves"]]
        unmatched: list[Finding] = []
        targets = [
            target
            for place, wave in enumerate(waves)
            for target in _targets(wave, place, source, listed, unmatched)
        ]
        findings = [*unmatched, *_of_targets(targets), *_of_without(spec, targets)]
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
        frozenset(release.get("without", ())),
    )
    return FleetFile(fleet, source, _unknown_wave(release, named, source))


def _unknown_wave(release: Mapping[str, Any], named: Mapping[str, Wave], source: Sources) -> Finding | None:
    """What is wrong with the wave that the release has come to: who takes it back does not need it."""
    if not release or release["wave"] in named:
        return None
    path: Path = (*RELEASE, "wave")
    message = f"there is no wave `{release['wave']}`; there are {', '.join(named)}"
    return Finding("fleet", "error", path, message, source.value_where(path), "give the wave its name again")


def findings_of(value: Any) -> list[Finding]:
    """What is wrong with a fleet whatever files there are."""
    found = list(_of_schema(value))
    return found or list(_of_waves(value["spec"], [_wave(known) for known in value["spec"]["waves"]]))


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


# --- targets --------------------------------------------------------------------------


def _targets(
    wave: Wave, place: int, source: Sources, listed: Listing, unmatched: list[Finding]
) -> Iterator[Target]:
    """The targets of a wave; what is wrong with a pattern goes into `unmatched`."""
    folder = posixpath.dirname(source.documents[0].file)
    for index, entry in enumerate(source.value["spec"]["waves"][place]["targets"]):
        path: Path = ("spec", "waves", place, "targets", index)
        files = [entry["file"]] if isinstance(entry["file"], str) else entry["file"]
        files = [posixpath.join(folder, file) for file in files]
        stars, problem = _stars(files, listed)
        if problem:
            unmatched.append(Finding("fleet", "error", (*path, "file"), problem))
        for star in stars:
            found = tuple(file.replace(STAR, star) for file in files)
            known = {
                key: str(entry[key]).replace(STAR, star) for key in ("context", "cluster") if key in entry
            }
            yield Target(_name(entry, star, files, found), wave, found, **known, path=path)


def _stars(files: Sequence[str], listed: Listing) -> tuple[list[str], str]:
    """What the `*` in a name of one of the files stands for, once for each file that there is; and what is wrong."""
    patterns = [file for file in files if STAR in file]
    if not patterns:
        return [""], ""
    if len(patterns) > 1 or patterns[0].count(STAR) > 1:
        return [], "one `*` in one of the names is what a target can be told by"
    before, _, after = patterns[0].partition(STAR)
    found = [name[len(before) : len(name) - len(after)] for name in listed(before, after)]
    return found, "" if found else f"there is no file {patterns[0]}"


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


def _of_without(spec: Mapping[str, Any], targets: Sequence[Target]) -> Iterator[Finding]:
    names = [target.name for target in targets]
    for place, name in enumerate((spec.get("release") or {}).get("without", ())):
        if name not in names:
            close = nearest(name, names)
            path = (*RELEASE, "without", place)
            hint = f"did you mean `{close}`?" if close else ""
            yield Finding("fleet", "error", path, f"there is no target `{name}`", hint=hint)
