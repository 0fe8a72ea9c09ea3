"""What the canary file says after a step in a release's life, written into the user's files.

An edit is a path of the merged file and its value from then on. Where several files are merged, it goes into the one
that declares the phase: the others may be those of other environments too. What is to go goes from all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kubectl_canary.api.equality import identical
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Path
from kubectl_canary.reading import promotion, sources, splice, versions
from kubectl_canary.reading.sources import Sources
from kubectl_canary.release import patches
from kubectl_canary.release.plan import Phase

GONE: Final = object()
PHASE: Path = ("spec", "phase")
CANARY: Path = ("spec", "canary")
BESIDE: tuple[Path, ...] = (
    CANARY,
    ("spec", "adopt"),
    ("spec", "stable"),
)  # where what is new in `spec` belongs
Edits = Mapping[Path, Any]


def declared(phase: Phase) -> Edits:
    """A file that declares a phase."""
    return {PHASE: phase.name}


def without_release(spec: Mapping[str, Any]) -> Edits:
    """A file whose release is gone: stable is what it was."""
    edits: dict[Path, Any] = {path: GONE for path in (PHASE, CANARY) if path[1] in spec}
    if "stable" in (spec.get("adopt") or {}):
        edits[("spec", "adopt", "stable")] = GONE
    return {**edits, **_without_images(spec)}


def versions_in(spec: Mapping[str, Any]) -> list[Path]:
    """Where a file says a phase, or what is to be released."""
    canary = spec.get("canary") or {}
    paths = [PHASE] if spec.get("phase") else []
    paths += [(*CANARY, key) for key in ("tag", "image", "images") if key in canary]
    return [*paths, *_without_images(spec)]


def promoted(spec: dict[str, Any]) -> Edits:
    """A file whose release is over: what was the canary is stable, with its own configuration.

    Adopted manifests say themselves what runs, so nothing of it is written here.
    """
    edits = dict(without_release(spec))
    if "adopt" in spec:
        return edits
    stable = promotion.stable_after(spec)["stable"]
    for key in ("tag", "image"):
        if stable.get(key) != spec["stable"].get(key):
            edits[("spec", "stable", key)] = stable.get(key, GONE)
    of_canary = versions.of_canary(spec)
    changed = {part: value for part, value in of_canary.items() if not identical(value, spec.get(part))}
    return {**edits, **{("spec", part): value for part, value in changed.items()}}


def _without_images(spec: Mapping[str, Any]) -> dict[Path, Any]:
    """The images of one release in the entries of several Deployments."""
    listed = (spec.get("adopt") or {}).get("deployment")
    entries = enumerate(listed) if isinstance(listed, list) else ()
    return {
        ("spec", "adopt", "deployment", index, "images"): GONE
        for index, known in entries
        if "images" in known
    }


def written(source: Sources, texts: Mapping[str, str], edits: Edits) -> dict[str, str]:
    """The texts of the files that change, each with what it says from then on; `texts` has all by their names.

    Raises Refused where a text cannot be edited.
    """
    values = {document.file: document.value for document in source.documents}
    for path, value in edits.items():
        for file in [*_files(source, path, value)]:
            values[file] = _with(values[file], path, _over(source, file, path, value))
    _refuse_otherwise(source, values, edits)
    changed = {file: splice.spliced(texts[file], value, file) for file, value in values.items()}
    return {file: text for file, text in changed.items() if text != texts[file]}


def _files(source: Sources, path: Path, value: Any) -> Iterator[str]:
    """The files that an edit goes into."""
    having = [known.file for known in source.documents if known.mark(path) is not None]
    if value is GONE:
        yield from having
    else:
        home = next((at for at in (PHASE, CANARY) if any(known.mark(at) for known in source.documents)), ())
        yield source.file_of(home)


def _over(source: Sources, file: str, path: Path, value: Any) -> Any:
    """What a file has to say at a path so that it becomes a value, merged over the files before it."""
    below: Any = {}
    for document in source.documents[: [known.file for known in source.documents].index(file)]:
        below = sources.merge(below, document.value)
    for step in path:
        below = below.get(step) if isinstance(below, dict) else None
    return patches.merge_patch(below, value) if isinstance(below, dict) and isinstance(value, dict) else value


def _refuse_otherwise(source: Sources, values: Mapping[str, Any], edits: Edits) -> None:
    """Raises Refused where the files, merged, would not say what they should: one of them stands over another."""
    merged = values[source.documents[0].file]
    for document in source.documents[1:]:
        merged = sources.merge(merged, values[document.file])
    wrong = [path for path, value in edits.items() if not _says(merged, path, value)]
    if wrong:
        message = "the files are merged, and one of them says otherwise"
        hint = "write it into one file alone"
        findings = [Finding("layers", "error", path, message, source.where(path), hint) for path in wrong]
        raise Refused(f"{findings[0].where.file} cannot be edited", findings)


def _says(value: Any, path: Path, wanted: Any) -> bool:
    for step in path:
        if step not in (range(len(value)) if isinstance(value, list) else value):
            return wanted is GONE
        value = value[step]
    return wanted is not GONE and identical(value, wanted)


def _with(node: Any, path: Path, value: Any) -> Any:
    """A copy with another value at a path, or without it; the mappings on the way are made."""
    step, rest = path[0], path[1:]
    if isinstance(node, list) and isinstance(step, int):
        return [*node[:step], _with(node[step], rest, value), *node[step + 1 :]]
    mapping = dict(node) if isinstance(node, dict) else {}
    if rest:
        mapping[step] = _with(mapping.get(step), rest, value)
    elif value is GONE:
        del mapping[step]
    else:
        mapping[step] = value
    return mapping
