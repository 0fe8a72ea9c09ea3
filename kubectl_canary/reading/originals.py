"""A folder as it was before a release was written into it, with what others have edited since."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Where
from kubectl_canary.reading import hunks, in_place, yamltext
from kubectl_canary.reading.hunks import LINES, Clash
from kubectl_canary.reading.in_place import Kept, Left, Standing
from kubectl_canary.records import replace

SINCE = "since a release was written into it"
ELSEWHERE = "write it elsewhere, or once the release is over"
HINT = "Nothing is written. Put back what is in the way, and run this again; edits beside the release's lines stay."


def standing(there: Standing, own: str | None) -> Standing:
    """What stands in a folder; `own` is the text of the canary's file, None where there is none.

    What others have edited beside the lines of the release stays.
    """
    if own is None:
        return replace(there, base=dict(there.texts))
    left = in_place.read(own)
    base, kept, findings = dict(there.texts), list[Kept](), list[Finding]()
    for name, documents in _by_document(left).items():
        base[name] = "".join(made[-1].text for made in documents.values())
        if name not in there.texts:
            hint = "bring it back under this name until the release is over"
            findings.append(_finding(there, name, 0, f"is gone {SINCE}", hint))
            continue
        file = _File(there, left, name)
        try:
            kept += [known for number, made in documents.items() for known in file.restore(number, made)]
            base[name] = "".join(file.parts)
        except Refused as refused:
            findings += refused.findings
        findings += file.findings
    return replace(
        there, left=replace(left, kept=tuple(kept)), base=base, in_the_way=(*there.in_the_way, *findings)
    )


def refuse_edited(there: Standing) -> None:
    """Raise Refused where others have edited lines of the release."""
    if there.in_the_way:
        raise Refused("what the release has written was changed", list(there.in_the_way), HINT)


def _by_document(left: Left) -> Mapping[str, Mapping[int, Sequence[Kept]]]:
    """What was made of each document; while files are written, that is what two phases have."""
    found: dict[str, dict[int, list[Kept]]] = {}
    for known in left.kept:
        found.setdefault(known.file, {}).setdefault(known.number, []).append(known)
    return found


class _File:
    """A file in which a release has changed documents, put back one by one in `parts`."""

    def __init__(self, there: Standing, left: Left, name: str) -> None:
        self._there, self._left, self._name = there, left, name
        self.parts = in_place.parts(there.texts[name])
        self._starts = [0, *accumulate(part.count("\n") for part in self.parts)]
        self.findings: list[Finding] = []

    def restore(self, number: int, made: Sequence[Kept]) -> Iterator[Kept]:
        """Put a document back; what was made of it, with the number that it has now. Raises Refused for no YAML."""
        at = self._untouched(number, made)
        if at is None:
            at = self._edited(number, made)
        if at is not None:
            yield from (replace(known, number=at) for known in made)

    def _untouched(self, number: int, made: Sequence[Kept]) -> int | None:
        """Which document it is, where it is as it was or as it was made: others may have written some before it."""
        for at in sorted(range(len(self.parts)), key=lambda at: at != number):
            for known in made:
                if self.parts[at] == known.text or in_place.digest_of(self.parts[at]) == known.made:
                    self.parts[at] = known.text
                    return at
        return None

    def _edited(self, number: int, made: Sequence[Kept]) -> int | None:
        """Which document it is, where others have edited it; None where that is in the way."""
        shown, text = self._there.shown(self._name), self._there.texts[self._name]
        yamltext.read(text, shown)
        if self._name == self._there.kustomization:
            self.parts = [in_place.without_resource(text, shown, self._there.own)]
            return 0
        places = [at for at, part in enumerate(self.parts) if _title(part) == _title(made[0].text)]
        if not places:
            self._find(f"{_called(made[0])}, which a release was written into, is gone")
            self.parts.append(f"---\n{in_place.MARKED.sub('', made[-1].text)}")
            return None
        if len(places) > 1:
            self._find(f"{_called(made[0])}, which a release was written into, is there twice")
            return None
        # while files are written, the phase before comes last
        for known in reversed(made):
            wrong = self._take_off(places[0], known)
            if not wrong:
                return places[0]
        self.findings += wrong
        self.parts[places[0]] = made[-1].text
        return None

    def _find(self, message: str) -> None:
        self.findings.append(_finding(self._there, self._name, 0, message, "bring it back as it was"))

    def _take_off(self, at: int, known: Kept) -> list[Finding]:
        """Take the lines of the release out of a document; what is in the way of that."""
        now = self.parts[at]
        if known.changed is None:
            return [self._finding(at, 0, f"was changed {SINCE}")]
        text = hunks.taken_out(now, known.text, known.changed)
        if isinstance(text, list):
            return [self._clashing(at, clash) for clash in text]
        try:
            yamltext.read(text, self._name)
        except Refused:
            return [self._finding(at, 0, "is no YAML without the lines of the release", ELSEWHERE)]
        named = list(self._naming(known.text, text))
        if named:
            places = hunks.places(text, now)
            message = "names `{}`, which goes with the release"
            return [
                self._finding(at, places.get(line, 0), message.format(name), ELSEWHERE)
                for line, name in named
            ]
        self.parts[at] = text
        return []

    def _clashing(self, at: int, clash: Clash) -> Finding:
        if not clash.was:
            return self._finding(
                at, clash.line, "stands in lines of the release, and they go with it", ELSEWHERE
            )
        was = ", ".join(f"`{line.strip()}`" for line in clash.was)
        return self._finding(at, clash.line, f"was changed {SINCE}", f"it was written as {was}")

    def _naming(self, before: str, after: str) -> Iterator[tuple[int, str]]:
        """The lines of others, from 0, that name an object of the canary's, and that name."""
        known = {line.strip() for line in LINES.findall(before)}
        names = "|".join(re.escape(name) for name in _names(self._left))
        for number, line in enumerate(LINES.findall(after)):
            match = re.search(rf"(?<![\w.-])(?:{names})(?![\w-])", line.partition("#")[0])
            if match and line.strip() not in known:
                yield number, match.group()

    def _finding(self, at: int, line: int, message: str, hint: str = "") -> Finding:
        return _finding(self._there, self._name, self._starts[at] + line, message, hint)


def _names(left: Left) -> list[str]:
    """The names of the canary's objects."""
    return [str(document.value["metadata"]["name"]) for document in yamltext.read(left.objects, "objects")]


def _title(text: str) -> tuple[str, ...] | None:
    """What tells the object of a document from others; None where it has none."""
    documents = yamltext.read(text, "a document")
    value = documents[0].value if documents else None
    if not isinstance(value, dict):
        return None
    metadata = value.get("metadata") or {}
    return tuple(str(known) for known in (value.get("kind"), metadata.get("namespace"), metadata.get("name")))


def _called(known: Kept) -> str:
    """The object of a document for people."""
    kind, _, name = _title(known.text) or ("a document", "", "")
    return f"{kind} {name}"


def _finding(there: Standing, file: str, line: int, message: str, hint: str = "") -> Finding:
    return Finding("in-place", "error", (), message, Where(there.shown(file), line + 1, 1), hint)
