"""What `kubectl canary undo` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubectl_canary.commands.declaring import DeclareFlags
from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.run.declaring import Files, Step
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding, Path
from kubectl_canary.outside import files as texts
from kubectl_canary.outside.repository import Repository, Revision
from kubectl_canary.reading import declaring, sources, versions
from kubectl_canary.release import strategic

FIRST = "deploy"
IMAGE = ("tag", "image")


def run(release_flags: ReleaseFlags, declare_flags: DeclareFlags) -> int:
    """Write the release of the version before. Raises Refused while a release is under way, and where none was."""
    with Files(release_flags, declare_flags).held() as files:
        return _undo(files)


def _undo(files: Files) -> int:
    spec = files.source.value["spec"]
    files.refuse_under_way()
    if "adopt" in spec:
        raise UsageError(
            "undo: adopted manifests say themselves what runs",
            "`git revert` the commit that changed them, and `start --from git:REF` with the tag or commit that runs",
        )
    if files.repository is None:
        raise UsageError(
            f"{files.source.documents[0].file} is in no git repository: nothing says what was before"
        )
    revision, before = _before(files.repository, files, spec)
    edits = {(*declaring.CANARY, key): value for key, value in _canary(spec, before).items()}
    title = f"back to {_image(before)}, which was stable until {revision.id[:9]}, phase {FIRST}"
    return files.write(Step({**edits, declaring.PHASE: FIRST}, title))


def _image(spec: Mapping[str, Any]) -> str:
    stable = spec["stable"]
    return str(stable.get("image") or stable.get("tag"))


def _before(repository: Repository, files: Files, spec: Mapping[str, Any]) -> tuple[Revision, dict[str, Any]]:
    """The commit that made stable what it is, and what the file said before it. Raises Refused where nothing did."""
    file = files.source.file_of(("spec", "stable"))
    newest: Revision | None = None
    for revision, data in repository.history(file):
        known = _spec_of(data)
        if known is not None and _image(known) != _image(spec) and newest is not None:
            return newest, known
        newest = revision
    path: Path = ("spec", "stable")
    finding = Finding(
        "stable", "error", path, "it was never another in this history", files.source.where(path)
    )
    raise Refused("there is no version before", [finding])


def _spec_of(data: bytes | None) -> dict[str, Any] | None:
    """The spec of a file of a commit; None where it was no canary file with a stable version."""
    try:
        value = sources.document("a commit", texts.decoded("a commit", data or b"", texts.MAX_BYTES)).value
    except Refused:
        return None
    spec = value.get("spec")
    return spec if isinstance(spec, dict) and isinstance(spec.get("stable"), dict) else None


def _canary(spec: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What spec.canary says for the version before: its image, and its own configuration over what stable's is now."""
    image = {key: before["stable"][key] for key in IMAGE if key in before["stable"]}
    changed = {
        part: {strategic.DIRECTIVE: strategic.REPLACE, **before.get(part, {})}
        for part in versions.PARTS
        if spec.get(part) != before.get(part)
    }
    return {**image, **changed}
