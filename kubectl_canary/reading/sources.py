"""What the user wrote, in layers: files merged in order, then `--set`; and where each value stands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kubectl_canary.api import catalog
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.expressions import regex
from kubectl_canary.findings import Finding, Path, Where, nearest, path_text
from kubectl_canary.reading import yamltext
from kubectl_canary.records import dataclass, field

if TYPE_CHECKING:
    from kubectl_canary.reading.manifests import Manifest

# flags that are short for --set
SHORT: dict[str, Path] = {
    "--canary-tag": ("spec", "canary", "tag"),
    "--manifests": ("spec", "adopt", "from"),
    "--stable-manifests": ("spec", "adopt", "stable"),
}
STEP = regex(r"\.?((?:\\.|[^.\[\]\\])+)|\[([0-9]+)\]")


@dataclass
class Sources:
    """The merged value, the layers that it was made from, and the manifests that it adopts."""

    value: Any
    documents: list[yamltext.Document]
    settings: dict[Path, str] = field(default_factory=dict)
    given: dict[int, Manifest] = field(
        default_factory=dict
    )  # the user's manifests, by the id of their values
    notes: list[Finding] = field(default_factory=list)  # what to know of them, at its place

    def given_where(self, value: dict[str, Any], path: Path) -> Where:
        """Where a document of the user's has something; nowhere for what is not theirs."""
        manifest = self.given.get(id(value))
        return manifest.where(path) if manifest is not None else Where("")

    def where(self, path: Path) -> Where:
        """The place of a path, or of the nearest thing above it, in the layer that had the last word."""
        setting = self._setting(path)
        if setting is not None:
            return Where(setting)
        for length in range(len(path), -1, -1):
            for document in reversed(self.documents):
                mark = document.mark(path[:length])
                if mark is not None:
                    is_item = length and isinstance(path[length - 1], int)
                    return Where(document.file, *(mark.value if is_item else mark.key))
        document = self.documents[-1]
        return Where(document.file, *document.start)

    def value_where(self, path: Path) -> Where:
        """The place of a value, behind its key."""
        if self._setting(path) is None:
            for document in reversed(self.documents):
                mark = document.mark(path)
                if mark is not None:
                    return Where(document.file, *mark.value)
        return self.where(path)

    def _setting(self, path: Path) -> str | None:
        """What was typed and holds all that is at a path, whatever the files say there."""
        lengths = (length for length in range(len(path), -1, -1) if path[:length] in self.settings)
        length = next(lengths, None)
        return None if length is None else self.settings[path[:length]]

    def file_of(self, path: Path) -> str:
        """The last file that has something at a path; the last of all where none has."""
        files = [document.file for document in self.documents if document.mark(path) is not None]
        return files[-1] if files else self.documents[-1].file

    def spelling(self, path: Path) -> str | None:
        """How the file spells a scalar: `1234e56` where its value is a number."""
        if self._setting(path) is not None:
            return None
        for document in reversed(self.documents):
            mark = document.mark(path)
            if mark is not None:
                return mark.spelling
        return None


def layered(documents: Sequence[yamltext.Document]) -> Sources:
    """Documents merged in order as JSON merge patches (RFC 7386)."""
    value = documents[0].value
    for document in documents[1:]:
        value = merge(value, document.value)
    return Sources(value, list(documents))


def settle(sources: Sources, settings: Sequence[str], short: Mapping[str, str]) -> None:
    """Set values, those last that have a flag of their own: `short` has them by that flag.

    Raises UsageError for settings that cannot be.
    """
    for setting in settings:
        _apply(sources, setting)
    for flag, value in short.items():
        import shlex

        _set(sources, SHORT[flag], value, f"{flag} {shlex.quote(value)}")


def document(file: str, text: str) -> yamltext.Document:
    """The one document of a file's text. Raises Refused for what is not one mapping."""
    documents = [document for document in yamltext.read(text, file) if document.value is not None]
    if not documents:
        raise Refused(
            f"{file} is empty", [Finding("yaml", "error", (), "there is nothing in it", Where(file, 1, 1))]
        )
    if len(documents) > 1:
        message = f"a second document; a canary file has one, this has {len(documents)}"
        where = Where(file, *documents[1].start)
        raise Refused(f"{file} is not valid", [Finding("yaml", "error", (), message, where)])
    if not isinstance(documents[0].value, dict):
        where = Where(file, *documents[0].start)
        raise Refused(f"{file} is not valid", [Finding("schema", "error", (), "expected a mapping", where)])
    return documents[0]


def merge(target: Any, patch: Any) -> Any:
    """The JSON merge patch `patch` applied to `target` (RFC 7386); neither is changed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def _apply(sources: Sources, setting: str) -> None:
    """`spec.canary.tag=v1.1.0`: the schema says whether the value is a string or YAML."""
    text, equals, raw = setting.partition("=")
    path = _path(text)
    if not equals or not path:
        raise UsageError(
            f"--set {setting}: not of the form path=value", "for example --set spec.canary.tag=v1.1.0"
        )
    schema = catalog.schema_at(path)
    if schema is None:
        raise UsageError(f"--set {setting}: no such path in a canary file", _known_below(path))
    _set(sources, path, _typed(raw, schema, setting), f"--set {setting}")


def _set(sources: Sources, path: Path, value: Any, flag: str) -> None:
    sources.value = _with(sources.value, path, value, flag)
    sources.settings = {p: t for p, t in sources.settings.items() if p[: len(path)] != path}
    sources.settings[path] = flag


def _path(text: str) -> Path:
    steps: list[str | int] = []
    position = 0
    while position < len(text):
        match = STEP.match(text, position)
        if match is None:
            return ()
        key, index = match.groups()
        steps.append(re.sub(r"\\(.)", r"\1", key) if key is not None else int(index))
        position = match.end()
    return tuple(steps)


def _known_below(path: Path) -> str:
    """What could stand where the path leaves the schema."""
    length = next(length for length in range(len(path)) if catalog.schema_at(path[: length + 1]) is None)
    above = catalog.schema_at(path[:length]) or {}
    known = above.get("properties", {})
    if close := nearest(str(path[length]), known):
        return f"did you mean `{close}`?"
    if known:
        return "known here: " + ", ".join(sorted(known))
    if isinstance(above.get("items"), dict):
        return f"this is a list; its first item is {path_text((*path[:length], 0))}"
    map_of = (catalog.schema_at(path[: length - 1]) or {}).get("additionalProperties") if length > 1 else None
    if isinstance(map_of, dict):
        key = r"\.".join(map(str, path[length - 1 :]))
        return rf"a dot in a key is written `\.`: {path_text(path[: length - 1])}.{key}"
    return ""


def _typed(raw: str, schema: dict[str, Any], setting: str) -> Any:
    if schema.get("type") == "string" or isinstance(schema.get("const"), str):
        return raw
    try:
        documents = yamltext.read(raw, f"--set {setting}")
    except Refused as refused:
        raise UsageError(f"--set {setting}: {refused.findings[0].message}") from None
    return documents[0].value if documents else None


def _with(node: Any, path: Path, value: Any, flag: str) -> Any:
    """A copy of `node` with one value set; mappings on the way are made, list items must be there."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        items = list(node) if isinstance(node, list) else []
        if step > len(items):
            raise UsageError(f"{flag}: the list has {len(items)} items, so [{step}] would leave a gap")
        return [
            *items[:step],
            _with(items[step] if step < len(items) else None, rest, value, flag),
            *items[step + 1 :],
        ]
    mapping = node if isinstance(node, dict) else {}
    return {**mapping, step: _with(mapping.get(step), rest, value, flag)}
