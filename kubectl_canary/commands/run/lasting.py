"""How long a phase has been in Git: the next one waits, since engines take several commits as one."""

from __future__ import annotations

import functools
from datetime import datetime, timezone
from typing import Any

from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding
from kubectl_canary.outside import files
from kubectl_canary.outside.clock import Clock
from kubectl_canary.outside.repository import Repository, Revision
from kubectl_canary.reading import declaring, sources, versions
from kubectl_canary.reading.sources import Sources
from kubectl_canary.reports import ages
from kubectl_canary.reports.plans import wait_text

RELEASE = ("stable", "canary", "adopt", "image", "gitops", *versions.PARTS)  # what says which release it is


def refuse_changed(repository: Repository, source: Sources) -> None:
    """Raises Refused where the files say another release than when its phase was committed."""
    begun = _begun(repository, source)
    if begun is None:
        return
    was, now = _merged_at(repository, source, begun), source.value["spec"]
    for key in RELEASE:
        if _said(was, key) != _said(now, key):
            path = ("spec", key)
            message = (
                f"it was another when `{now['phase']}` was committed: the release under way would change"
            )
            where = source.where(path if key in now else declaring.PHASE)
            cure = repository.command("checkout", begun.id[:12], "--", repository.from_top(where.file))
            hint = f"`{cure}` puts it back; change it between releases"
            raise Refused("the release is another", [Finding(key, "error", path, message, where, hint)])


def _said(spec: dict[str, Any], key: str) -> Any:
    """What a spec says of a key; of `gitops` only the engine makes other objects."""
    return (spec.get(key) or {}).get("engine") if key == "gitops" else spec.get(key)


def _merged_at(repository: Repository, source: Sources, revision: Revision) -> dict[str, Any]:
    """The spec that the files said together in a commit."""
    texts = (repository.at(revision.id, repository.from_top(known.file)) for known in source.documents)
    first, *others = map(spec_in, texts)
    return functools.reduce(sources.merge, others, first)


def refuse_early(repository: Repository, source: Sources, seconds: int, why: str, followed: str = "") -> None:
    """Raises Refused while the phase that is committed has not lasted `seconds`, or is not committed or pushed yet.

    `why` says what the seconds are, `followed` is the branch in which they begin; the upstream where it is empty.
    """
    phase, begun = _spec(source)["phase"], _begun(repository, source)
    if begun is None:
        raise _too_early(source, f"`{phase}` is not committed yet", "commit it first, or say --now")
    _refuse_since(repository, source, begun, f"`{phase}`", (seconds, why), followed)


def refuse_recent(repository: Repository, source: Sources, seconds: int, followed: str = "") -> None:
    """Raises Refused while what the file says by now has not been in Git for `seconds`, or is not there yet."""
    document = source.documents[-1]
    newest = next(repository.history(document.file), None)
    if newest is None or spec_in(newest[1]) != document.value.get("spec", {}):
        raise _too_early(source, "what it says is not committed yet", "commit it first, or say --now")
    why = "until the next wave"
    _refuse_since(repository, source, newest[0], "what it says", (seconds, why), followed)


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


def _begun(repository: Repository, source: Sources) -> Revision | None:
    """The commit with which the phase of the file began; None where it is not committed."""
    begun = None
    phase = _spec(source)["phase"]
    for revision, data in repository.history(source.file_of(declaring.PHASE)):
        if spec_in(data).get("phase") != phase:
            break
        begun = revision
    return begun


def _ago(revision: Revision) -> str:
    return ages.ago(datetime.fromtimestamp(revision.made, timezone.utc).isoformat(), Clock().utc())


def _too_early(source: Sources, message: str, hint: str) -> Refused:
    where = source.value_where(declaring.PHASE)
    return Refused("it is too early for the next step", [Finding("early", "error", (), message, where, hint)])
