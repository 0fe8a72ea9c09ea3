"""`x-kubernetes-validations`: the rules of a schema, held against a value on create."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.api.cel.translate import is_transition, translated
from kubectl_canary.api.unsupported import Unsupported

Rule = dict[str, Any]


def broken(value: Any, rules: Sequence[Rule]) -> Iterator[Rule]:
    """The rules that the value does not keep; those that compare with the object before do not apply.

    Raises Unsupported where a rule uses what we do not know.
    """
    for rule in rules:
        if rule.get("optionalOldSelf"):
            raise Unsupported("`optionalOldSelf`")
        if not is_transition(rule["rule"]) and not translated(rule["rule"])(value):
            yield rule
