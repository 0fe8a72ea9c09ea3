"""When two values are equal: as JSON, to the type, or by their digest."""

from __future__ import annotations

import json
from typing import Any

MISSING = object()  # nothing, where null is something


def same(value: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, and 1.0 is 1. So does a `test` of RFC 6902 compare."""
    if isinstance(value, bool) or isinstance(other, bool):
        return value is other
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(same(child, other[key]) for key, child in value.items())
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(same, value, other))
    return bool(value == other)


def digest(value: Any) -> str:
    """A short text that is another where the value is, whatever the order of keys."""
    import hashlib  # with it comes all of OpenSSL: 2 ms that most commands do not need

    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def identical(value: Any, other: Any) -> bool:
    """Equal in value and type: 1, 1.0 and true are three, as they are in a text that is written back."""
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(
            identical(child, other[key]) for key, child in value.items()
        )
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(identical, value, other))
    return type(value) is type(other) and bool(value == other)
