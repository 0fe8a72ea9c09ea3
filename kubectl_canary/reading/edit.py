"""YAML that is changed in places and otherwise stays as it was written: comments, order, quotes and spelling.

ruamel.yaml keeps the comments; what a scalar means is decided by kubectl's rules here as everywhere, so it is kept
from resolving any.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.resolver import BaseResolver
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString, PlainScalarString

from kubectl_canary.api.equality import identical
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Where
from kubectl_canary.reading import yamltext

WIDEST = 2**31


class _Verbatim(BaseResolver):
    """Every plain scalar is text, but for null (ruamel writes an empty one as nothing) and merge keys."""

    processing_version = (1, 2)

    def __init__(self, version: Any = None, loader: Any = None, loadumper: Any = None) -> None:
        super().__init__(loadumper=loader if loadumper is None else loadumper)


_Verbatim.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]
)
_Verbatim.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"<<$"), ["<"])


def rewritten(text: str, new: Any, origins: Sequence[int | None]) -> str:
    """A document's text with another value; `origins` says which of the old `items` each new one was.

    Raises Refused where the text uses YAML that cannot be written back with the same meaning.
    """
    yaml = YAML()
    yaml.Resolver = _Verbatim
    yaml.preserve_quotes = True
    yaml.allow_duplicate_keys = True  # yamltext has refused those that count
    yaml.width = WIDEST
    old = yamltext.read(text, "standard input")[0].value
    written = io.StringIO()
    yaml.dump(_list_document(yaml.load(text), old, new, origins), written)
    if not identical(yamltext.read(written.getvalue(), "standard output")[0].value, new):
        message = "a tag, an anchor or a merge key here cannot be written back with the same meaning"
        hint = "write the value out"
        finding = Finding("yaml", "error", (), message, Where("standard input", 1, 1), hint)
        raise Refused("the input cannot be kept as it is", [finding])
    return written.getvalue()


def _list_document(node: Any, old: Any, new: Any, origins: Sequence[int | None]) -> Any:
    items = [
        _fresh(item) if origin is None else _changed(node["items"][origin], old["items"][origin], item)
        for origin, item in zip(origins, new.get("items") or (), strict=True)
    ]
    rest = {key: value for key, value in new.items() if key != "items"}
    document = _changed(node, {key: value for key, value in old.items() if key != "items"}, rest)
    if items and node.get("items") is None:  # nothing, as Go writes a list without items
        node["items"] = CommentedSeq()
    if items or node.get("items"):
        _replace(node["items"], items)
    return document


def _changed(node: Any, old: Any, new: Any) -> Any:
    """The node, changed where the values differ."""
    if identical(old, new):
        return node
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [key for key in old if key not in new]:
            del node[key]
        for key, value in new.items():
            node[key] = _changed(node[key], old[key], value) if key in old else _fresh(value)
        return node
    if isinstance(old, list) and isinstance(new, list):
        _replace(node, list(_changed_items(node, old, new)))
        return node
    return _fresh(new)


def _changed_items(node: Any, old: list[Any], new: list[Any]) -> Iterator[Any]:
    """Each item made of the old one with its name; where it has none, of the one in its place."""
    left = set(range(len(old)))
    for number, value in enumerate(new):
        name = _name(value)
        places = (
            [number] if name is None else [index for index, item in enumerate(old) if _name(item) == name]
        )
        place = next((index for index in places if index in left), None)
        left.discard(-1 if place is None else place)
        yield _fresh(value) if place is None else _changed(node[place], old[place], value)


def _name(value: Any) -> Any:
    return value.get("name") if isinstance(value, dict) else None


def _replace(node: CommentedSeq, items: list[Any]) -> None:
    """Other items in the same list; clearing it by slice would take its comments along."""
    for number, item in enumerate(items[: len(node)]):
        list.__setitem__(node, number, item)
    for item in items[len(node) :]:
        node.append(item)
    while len(node) > len(items):
        node.pop()


def _fresh(value: Any) -> Any:
    """A value as ruamel's nodes, quoted where some YAML reader could misread it."""
    if isinstance(value, dict):
        return CommentedMap((_fresh(str(key)), _fresh(child)) for key, child in value.items())
    if isinstance(value, list):
        return CommentedSeq(_fresh(child) for child in value)
    if value is None:
        return None
    if not isinstance(value, str):
        return PlainScalarString(json.dumps(value))
    plain = yamltext.block(value, 0)
    if plain == value:
        return PlainScalarString(value)
    return LiteralScalarString(value) if plain.startswith("|") else DoubleQuotedScalarString(value)
