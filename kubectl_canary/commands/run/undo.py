"""What `kubectl canary undo` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubectl_canary.commands.declaring import DeclareFlags
from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.run import lasting, undo_adopted
from kubectl_canary.commands.run.declaring import Files, Step, held
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding, Path
from kubectl_canary.outside.repository import Repository, Revision
from kubectl_canary.reading import declaring, versions
from kubectl_canary.reading.declaring import Edits
from kubectl_canary.records import dataclass
from kubectl_canary.release import strategic
from kubectl_canary.release.plan import PhaseKind

STABLE: Path = ("spec", "stable")
DEPLOY = PhaseKind.DEPLOY.value


def run(release_flags: ReleaseFlags, declare_flags: DeclareFlags) -> int:
    """Write the release of the version before. Raises Refused while a release is under way, and where none was."""
    with held(release_flags, declare_flags) as files:
        return _undo(files)


def _undo(files: Files) -> int:
    files.refuse_under_way()
    if files.repository is None:
        raise UsageError(
            f"{files.source.documents[0].file} is in no git repository: nothing says what was before"
        )
    read = undo_adopted.edits if "adopt" in files.source.value["spec"] else _edits
    edits, what = read(files, files.repository)
    return files.write(Step({**edits, declaring.PHASE: DEPLOY}, f"back to {what}, phase {DEPLOY}"))


def _edits(files: Files, repository: Repository) -> tuple[Edits, str]:
    """What begins the release of the version before, and what that is, for people. Raises Refused where none was."""
    promotion = _promotion(repository, files, files.source.value["spec"])
    edits = {(*declaring.CANARY, key): value for key, value in _canary(files, promotion).items()}
    return edits, f"{_image(promotion.before)}, which was stable until {promotion.revision.id[:9]}"


@dataclass(frozen=True)
class Promotion:
    """The commit that made stable what it is, and what the file's spec was before it and in it."""

    revision: Revision
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def _promotion(repository: Repository, files: Files, spec: Mapping[str, Any]) -> Promotion:
    """The promotion that is taken back. Raises Refused where stable was never another."""
    file = files.source.file_of(STABLE)
    newest: tuple[Revision, Mapping[str, Any]] | None = None
    for revision, data in repository.history(file):
        known = lasting.spec_in(data)
        if "stable" in known and _image(known) != _image(spec) and newest is not None:
            return Promotion(newest[0], known, newest[1])
        newest = (revision, known)
    message = f"it was never another in the history of {file}"
    finding = Finding("stable", "error", STABLE, message, files.source.where(STABLE))
    raise Refused("there is no version before", [finding])


def _image(spec: Mapping[str, Any]) -> str:
    """The image of stable, in full where the file says its repository."""
    stable = spec["stable"]
    repository = (spec.get("container") or {}).get("image", spec.get("image"))
    return str(stable.get("image") or f"{repository}:{stable.get('tag')}")


def _canary(files: Files, promotion: Promotion) -> dict[str, Any]:
    """What spec.canary says for the version before: its image, and its own configuration over what stable's is.

    Raises Refused where stable's was changed since the promotion: then nothing tells what belongs to which.
    """
    now, before, after = files.source.value["spec"], promotion.before, promotion.after
    old, new = _image(before), _image(now)
    has_tag = "tag" in before["stable"] and old.rpartition(":")[0] == new.rpartition(":")[0]
    image = {"tag": before["stable"]["tag"]} if has_tag else {"image": old}
    changed = [part for part in versions.PARTS if after.get(part) != before.get(part)]
    mixed = [part for part in changed if now.get(part) != after.get(part)]
    if mixed:
        path: Path = ("spec", mixed[0])
        message = f"it was changed by the promotion ({promotion.revision.id[:9]}), and again since"
        hint = f"write spec.canary by hand, with its own {mixed[0]}"
        raise Refused(
            "what was before cannot be told from what came since",
            [Finding("undo", "error", path, message, files.source.where(path), hint)],
        )
    return {**image, **{part: _patch(part, now.get(part) or {}, before.get(part) or {}) for part in changed}}


def _patch(part: str, now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a part of stable's configuration what it was: labels and annotations one by one, the others whole."""
    if part != "podMetadata":
        return {strategic.DIRECTIVE: strategic.REPLACE, **before}
    return {
        key: {**dict.fromkeys(now.get(key) or {}), **(before.get(key) or {})} for key in {**now, **before}
    }
