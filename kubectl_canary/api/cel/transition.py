"""Rules that compare an object with the one before."""

from __future__ import annotations

import functools

from kubectl_canary.expressions import regex

OLD_SELF = regex(r"\boldSelf\b")


@functools.cache
def is_transition(rule: str) -> bool:
    """Whether a rule compares with the object before: it does not apply on create."""
    return bool(OLD_SELF.search(rule))
