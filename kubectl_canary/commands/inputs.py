"""Files that the user names, read: `outside` has their texts, `reading` says what is in them."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from kubectl_canary.commands.flags import CANARY_FILE
from kubectl_canary.errors import Refused, UsageError, WorldError
from kubectl_canary.outside import files
from kubectl_canary.outside.output import say
from kubectl_canary.reading import gates, release, sources
from kubectl_canary.reading.adopted.file import Sets, own_file, refuse_lost

if TYPE_CHECKING:
    from kubectl_canary.commands.run.standing import Reader
    from kubectl_canary.findings import Finding
    from kubectl_canary.reading.adopted.file import SetReader
    from kubectl_canary.reading.in_place import Standing
    from kubectl_canary.reading.manifests import Manifest
    from kubectl_canary.reading.release import Release
    from kubectl_canary.reading.yamltext import Document
    from kubectl_canary.rendering.overrides import Templates


def load(
    names: Sequence[str],
    settings: Sequence[str] = (),
    short: Mapping[str, str] | None = None,
    namespace: str | None = None,
    reads_input: bool = True,
    read_sets: SetReader | None = None,
    needs_gates: bool = True,
) -> Release:
    """Read canary files (`-` is standard input), merge them in order, set values, and plan the release.

    `short` has values that have a flag of their own, by that flag; without `reads_input` manifests are files.
    `read_sets` reads them in another way. Without `needs_gates` what is wrong with gates alone is said, and left out,
    and so is what others have made of lines that the release has written.
    Raises Refused with every finding, UsageError for flags that cannot be, WorldError for what cannot be read.
    """
    release.check_namespace(namespace)
    files.refuse_input_twice(names, "-f -")
    source = sources.layered(documents(names))
    refuse_fleet(source)
    sources.settle(source, settings, short or {})
    adopt = (source.value.get("spec") or {}).get("adopt")
    used = [*names, *(adopt.values() if isinstance(adopt, dict) else ())]
    if used.count("-") > int(reads_input):
        raise UsageError(
            files.ONCE, "name all but one by files: -f, --manifests and --stable-manifests take them"
        )
    read_sets = read_sets or (sets if needs_gates else sets_before)
    try:
        return release.read(source, namespace, read_sets)
    except Refused as refused:
        if needs_gates or not all(gates.is_of_gates(finding.path) for finding in refused.findings):
            raise
        for finding in refused.findings:
            say(f"left out: {finding}")
    gates.taken_out(source.value["spec"])
    return release.read(source, namespace, read_sets)


def is_fleet(names: Sequence[str]) -> bool:
    """Whether the files that are named are a fleet. Raises WorldError for what cannot be read."""
    if "-" in names:
        return False
    from kubectl_canary.reading import manifests as objects

    read = [files.read_text(name, files.MAX_MANIFESTS, meant=CANARY_FILE) for name in names]
    suspects = [(file, text) for file, text in read if objects.FLEET in text]
    return any(objects.is_fleet(sources.document(*suspect).value) for suspect in suspects)


def refuse_fleet(source: sources.Sources) -> None:
    """Raises UsageError for a fleet where one release is meant."""
    from kubectl_canary.reading import manifests as objects

    if any(map(objects.is_fleet, (source.value, *(known.value for known in source.documents)))):
        file = source.documents[-1].file
        raise UsageError(
            f"{file} is a fleet, and this is about one release", "name a canary file of it with -f"
        )


def sets(source: sources.Sources) -> Sets:
    """The manifests that a canary file adopts: what runs, and what should run.

    Raises Refused for what is not YAML, and for lines of a release that others have edited, UsageError and WorldError
    for what cannot be read.
    """
    return _sets(source, _refuse_edited)


def sets_before(source: sources.Sources) -> Sets:
    """The same; where others have edited lines of a release, that is said, and the manifests are those before it."""

    def tell(there: Standing) -> None:
        for finding in there.in_the_way:
            say(f"left out: {finding}")

    return _sets(source, tell)


def _refuse_edited(there: Standing) -> None:
    from kubectl_canary.reading import originals

    originals.refuse_edited(there)


def _sets(source: sources.Sources, mind: Callable[[Standing], None]) -> Sets:
    adopt = source.value["spec"]["adopt"]
    read = {key: _set(source, key, mind) for key in ("from", "stable") if key in adopt}
    return Sets(stable=read.get("stable", read["from"]), new=read["from"])


def _set(source: sources.Sources, key: str, mind: Callable[[Standing], None]) -> list[Manifest]:
    """The manifests that a key of `adopt` names."""
    adopt = source.value["spec"]["adopt"]
    name, same_as = adopt[key], adopt["from"] if key == "stable" else None
    try:
        there = left_in_place(source) if key == "from" else None
        if there is not None:
            mind(there)
            return there.objects()
        found = manifest_set(name, _base(source, "from" if _is_of_git(name) else key), same_as)
        if key == "from" and name != "-" and not _is_of_git(name):
            refuse_lost(found, str(source.value["metadata"]["name"]), _own(source))
        return found
    except (UsageError, WorldError) as error:
        where = source.value_where(("spec", "adopt", key))
        raise type(error)(f"{where}: {error.message}", error.hint) from None


def left_in_place(source: sources.Sources) -> Standing | None:
    """What stands in the files that are adopted where a phase was written into them; None where none was.

    Raises as `standing.left_in`.
    """
    name = source.value["spec"]["adopt"]["from"]
    if name == "-" or _is_of_git(name):
        return None
    if not files.is_there(_own(source)):
        return None
    from kubectl_canary.commands.run import (
        standing,  # most folders have no phase in place, and need none of it
    )

    return standing.left_in(source, name, _base(source, "from"))


def _own(source: sources.Sources) -> str:
    """The path of the file that a phase in the user's files has beside them."""
    from kubectl_canary.outside import manifest_sets

    own = own_file(str(source.value["metadata"]["name"]))
    return manifest_sets.inside(source.value["spec"]["adopt"]["from"], _base(source, "from"), own)


def at_its_place(source: sources.Sources, reader: Reader) -> Standing:
    """The folder that a canary file adopts, as it stands.

    Raises UsageError for what is no folder of files, Refused for lines of a release that others have edited.
    """
    where = source.value_where(("spec", "adopt", "from"))
    release, name = source.value["metadata"]["name"], source.value["spec"]["adopt"]["from"]
    try:
        there = reader.read(str(release), name, _base(source, "from"))
        _refuse_edited(there)
        return there
    except (UsageError, WorldError) as error:
        raise type(error)(f"{where}: {error.message}", error.hint) from None


def stable_set(source: sources.Sources) -> list[Manifest]:
    """What runs, for a canary file that came with what should run: read from the working directory.

    Raises Refused where it cannot be read.
    """
    from kubectl_canary.findings import Finding

    path = ("spec", "adopt", "stable")
    name, where = source.value["spec"]["adopt"]["stable"], source.value_where(path)
    if name == "-":
        message, hint = (
            f"{files.ONCE}, and it brings what should run",
            "name a file, a folder or `git:REF:PATH`",
        )
        raise Refused(f"{name} is not read", [Finding("adopt", "error", path, message, where, hint)])
    try:
        return manifest_set(name, "", source.value["spec"]["adopt"]["from"])
    except (UsageError, WorldError) as error:
        finding = Finding("adopt", "error", path, error.message, where, error.hint)
        raise Refused(f"{name} cannot be read", [finding]) from None


def adopted_folders(source: sources.Sources) -> dict[str, str]:
    """The files and folders of manifests that a canary file adopts, by the keys that name them."""
    adopt = source.value["spec"].get("adopt") or {}
    return {
        f"spec.adopt.{key}": posixpath.join(_base(source, key), adopt[key])
        for key in ("from", "stable")
        if key in adopt and adopt[key] != "-" and not _is_of_git(adopt[key])
    }


def _is_of_git(name: str) -> bool:
    return name.startswith("git:")


def _base(source: sources.Sources, key: str) -> str:
    """The folder that the manifests of a key are named from: that of its file, the working directory for a flag."""
    return _folder(source.where(("spec", "adopt", key)).file)


def manifest_set(name: str, base: str = "", same_as: str | None = None) -> list[Manifest]:
    """The objects of a set of manifests, each with its text; canary files that lie among them are none.

    Raises as `outside.manifest_sets.read`, and Refused for what is not YAML.
    """
    from kubectl_canary.outside import manifest_sets
    from kubectl_canary.reading import manifests as objects

    return [
        objects.unshared(manifest)
        for text in manifest_sets.read(name, base, same_as)
        for manifest in objects.with_texts(objects.read(text.file, text.text, beside=True), text.text)
        if not objects.is_ours(manifest.value)
    ]


def _folder(file: str) -> str:
    """The folder that a file's relative paths start from; that of the working directory for standard input."""
    return "" if file.startswith(("standard input", "--")) else posixpath.dirname(file)


def documents(names: Sequence[str]) -> list[Document]:
    """The one document of each file.

    Raises Refused with what is wrong in any of them, WorldError for what cannot be read.
    """
    complaints: list[Finding] = []
    read: list[Document] = []
    for name in names:
        try:
            read.append(sources.document(*files.read_text(name, meant=CANARY_FILE)))
        except Refused as refused:
            complaints += refused.findings
    if complaints:
        wrong = dict.fromkeys(finding.where.file for finding in complaints)
        raise Refused(f"{' and '.join(wrong)} is not valid", complaints)
    return read


def templates(folder: str | None) -> Templates | None:
    """The user's templates; None without a folder. What cannot be read is said by whoever renders with it."""
    if not folder:
        return None
    from kubectl_canary.outside import places
    from kubectl_canary.rendering.overrides import Templates

    try:
        texts = places.templates_in(folder)
    except WorldError as error:
        return Templates(folder, problem=error.message)
    return Templates(folder, texts.files, texts.texts, texts.unread)
