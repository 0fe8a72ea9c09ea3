"""Objects that a user applies once, as YAML and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubectl_canary.reading import yamltext
from kubectl_canary.reports import programs


def as_yaml(documents: Sequence[dict[str, Any]]) -> str:
    """One document after the other."""
    return "---\n".join(f"{yamltext.block(document, 0).strip()}\n" for document in documents)


def as_json(documents: Sequence[dict[str, Any]]) -> str:
    """A List, as kubectl reads it."""
    return programs.as_json({"apiVersion": "v1", "kind": "List", "items": list(documents)})
