"""How long a phase has been in Git: the next one waits, since engines take several commits as one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding
from kubectl_canary.outside import files
from kubectl_canary.outside.clock import Clock
from kubectl_canary.outside.repository import Repository, Revision
from kubectl_canary.reading import declaring, sources
from kubectl_canary.reading.sources import Sources
from kubectl_canary.reports import ages
from kubectl_canary.reports.plans import wait_text

RELEASE = ("stable", "canary", "adopt", "image")  # what of a file says which release it is


def refuse_changed(repository: Repository, source: Sources) -> None:
    """Raises Refused where the file says another release than when its phase was committed."""
    file, known = _spec(source), _begun(repository, source)
    for key in RELEASE if known is not None else ():
        if known is not None and known[1].get(key) != file.get(key):
            path = ("spec", key)
            message = (
                f"it was another when `{file['phase']}` was committed: the release under way would change"
            )
            where = source.where(path if key in file else declaring.PHASE)
            cure = repository.command("checkout", known[0].id[:12], "--", repository.from_top(where.file))
            hint = f"`{cure}` puts it back; change it between releases"
            raise Refused("the release is another", [Finding(key, "error", path, message, where, hint)])


def refuse_early(repository: Repository, source: Sources, seconds: int, why: str, followed: str = "") -> None:
    """Raises Refused while the phase that is committed has not lasted `seconds`, or is not committed or pushed yet.

    `why` says what the seconds are, `followed` is the branch in which they begin; the upstream where it is empty.
    """
    phase, known = _spec(source)["phase"], _begun(repository, source)
    if known is None:
        raise _too_early(source, f"`{phase}` is not committed yet", "commit it first, or say --now")
    _refuse_since(repository, source, known[0], f"`{phase}`", (seconds, why), followed)


def refuse_recent(repository: Repository, source: Sources, seconds: int, followed: str = "") -> None:
    """Raises Refused while what the file says by now has not been in Git for `seconds`, or is not pushed yet."""
    newest = next(repository.history(source.documents[-1].file), None)
    if newest is not None:
        why = "until the next wave"
        _refuse_since(repository, source, newest[0], "the end of the release", (seconds, why), followed)


def _refuse_since(
    repository: Repository,
    source: Sources,
    revision: Revision,
    what: str,
    lasts: tuple[int, str],
    followed: str,
) -> None:
    """Raises Refused while a commit is not pushed, or is younger than it has to be: seconds, and why they are."""
    seconds, why = lasts
    if not repository.is_pushed(revision.id, followed):
        lacks, cure = f"{what} is not pushed yet", f"`{repository.command('push')}` first"
        if followed:
            lacks = f"{what} is not in {followed} yet, which the engine follows"
            cure = f"merge it, and `{repository.command('fetch')}`"
        raise _too_early(source, lacks, f"{cure}, or say --now")
    left = revision.made + seconds - int(Clock().utc().timestamp())
    if left > 0:
        message = f"{what} was committed {_ago(revision)}, and has to last {wait_text(seconds)} ({why})"
        raise _too_early(source, message, f"wait {wait_text(left)}, or say --now")


def spec_in(data: bytes | None) -> dict[str, Any]:
    """The spec of a canary file of a commit; empty where it was none."""
    try:
        value = sources.document("a commit", files.decoded("a commit", data or b"", files.MAX_BYTES)).value
    except Refused:
        return {}
    spec = value.get("spec")
    return spec if isinstance(spec, dict) else {}


def _spec(source: Sources) -> dict[str, Any]:
    """What the file that declares the phase says itself."""
    file = source.file_of(declaring.PHASE)
    document = next(known for known in source.documents if known.file == file)
    spec: dict[str, Any] = document.value["spec"]
    return spec


def _begun(repository: Repository, source: Sources) -> tuple[Revision, Mapping[str, Any]] | None:
    """The commit with which the phase of the file began, and the spec in it; None where it is not committed."""
    begun = None
    phase = _spec(source)["phase"]
    for revision, data in repository.history(source.file_of(declaring.PHASE)):
        spec = spec_in(data)
        if spec.get("phase") != phase:
            break
        begun = (revision, spec)
    return begun


def _ago(revision: Revision) -> str:
    return ages.ago(datetime.fromtimestamp(revision.made, timezone.utc).isoformat(), Clock().utc())


def _too_early(source: Sources, message: str, hint: str) -> Refused:
    where = source.value_where(declaring.PHASE)
    return Refused("it is too early for the next step", [Finding("early", "error", (), message, where, hint)])
