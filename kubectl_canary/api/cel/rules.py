"""`x-kubernetes-validations`: the rules of a schema, held against a value on create."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kubectl_canary.api.cel.compiled import RULES
from kubectl_canary.api.cel.transition import is_transition
from kubectl_canary.api.cel.values import CelError
from kubectl_canary.api.unsupported import Unsupported

Rule = dict[str, Any]


def broken(value: Any, rules: Sequence[Rule]) -> Iterator[Rule]:
    """The rules that the value does not keep; those that compare with the object before do not apply.

    Raises Unsupported where a rule uses what we do not know.
    """
    return (rule for rule, evaluate in _applying(rules) if not _is_kept(evaluate, value))


def all_of(rules: Sequence[Rule]) -> Callable[[Any], bool]:
    """Whether a value keeps all of the rules, as a function of the value. Raises as `broken`."""
    functions = [evaluate for _, evaluate in _applying(rules)]
    return lambda value: all(_is_kept(evaluate, value) for evaluate in functions)


def _applying(rules: Sequence[Rule]) -> Iterator[tuple[Rule, Callable[[Any], Any]]]:
    for rule in rules:
        if rule.get("optionalOldSelf"):
            raise Unsupported("`optionalOldSelf`")
        if not is_transition(rule["rule"]):
            yield rule, function(rule["rule"])


def _is_kept(evaluate: Callable[[Any], Any], value: Any) -> bool:
    """Whether a rule is true of a value; an error counts as broken, as in the server."""
    try:
        return evaluate(value) is True
    except (ArithmeticError, CelError, TypeError, AttributeError, ValueError, IndexError, KeyError):
        return False


@functools.cache
def function(rule: str) -> Callable[[Any], Any]:
    """The rule as a function of `self`, as those of the vendored schemas are already.

    Raises Unsupported where the rule uses what we do not know.
    """
    if rule in RULES:
        return RULES[rule]
    from kubectl_canary.api.cel.translate import translated

    return translated(rule)
