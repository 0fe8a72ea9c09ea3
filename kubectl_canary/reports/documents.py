"""Rendered documents, as YAML and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_canary.rendering.generator import Rendered
from kubectl_canary.reports.programs import as_json


def as_yaml(rendered: Sequence[Rendered]) -> str:
    """The documents as their templates printed them, one stream."""
    return "---\n".join(document.text for document in rendered)


def as_list(rendered: Sequence[Rendered]) -> str:
    """The documents as one JSON List, as kubectl prints several objects."""
    return as_json({"apiVersion": "v1", "kind": "List", "items": [document.value for document in rendered]})
