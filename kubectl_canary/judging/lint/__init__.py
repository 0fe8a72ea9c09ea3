"""What the API server accepts and is still wrong: one rule a file.

A rule's file is its documentation: the docstring gives the reason, SEVERITY, SOURCE, PASSING and FAILING the rest
(an example each, or several), and `check` answers with what violates it in a set of objects. The rule's id is the
file's name with dashes.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from kubectl_canary.findings import Finding
from kubectl_canary.judging.lint.objects import Objects, Violation
from kubectl_canary.records import dataclass

MODULES = (
    "bad_regex",
    "core_group",
    "different_shares",
    "duplicate_match",
    "floating_tag",
    "header_case",
    "header_rule_loses",
    "hostname_not_served",
    "hpa_counts_both",
    "http_and_grpc",
    "ip_hostname",
    "listener_refuses_route",
    "missing_certificate_grant",
    "missing_reference_grant",
    "no_backend",
    "no_certificate",
    "no_parent",
    "no_readiness_probe",
    "no_weight",
    "pdb_catches_both",
    "policy_catches_both",
    "policy_misses_canary",
    "policy_misses_clone",
    "policy_misses_one",
    "regular_expression",
    "repeated_parent",
    "repeated_rule_name",
    "replicas_and_hpa",
    "selector_catches_both",
    "service_without_pods",
    "split_and_mirror",
    "sticky_sessions",
    "unknown_config_map",
    "unknown_listener",
    "unknown_port_name",
    "unknown_service",
    "unknown_service_account",
    "weights_of_other_kinds",
)


@dataclass(frozen=True)
class Rule:
    """A rule: its id, why it is there and where that is written, and examples that pass and that fail."""

    id: str
    severity: Literal["error", "warning"]
    reason: str
    source: str
    passing: tuple[str, ...]
    failing: tuple[str, ...]
    check: Callable[[Objects], Iterator[Violation]]

    def examples(self) -> Iterator[tuple[str, str]]:
        """Every example, after what it does: `Passes` or `Fails`."""
        yield from (("Passes", text) for text in self.passing)
        yield from (("Fails", text) for text in self.failing)


@functools.cache
def rules() -> tuple[Rule, ...]:
    """Every rule, by id."""
    return tuple(_rule(name) for name in MODULES)


def _rule(name: str) -> Rule:
    module = importlib.import_module(f"{__name__}.{name}")
    reason = (module.__doc__ or "").strip()
    return Rule(
        name.replace("_", "-"),
        module.SEVERITY,
        reason,
        module.SOURCE,
        _examples(module.PASSING),
        _examples(module.FAILING),
        module.check,
    )


def _examples(examples: str | tuple[str, ...]) -> tuple[str, ...]:
    return (examples,) if isinstance(examples, str) else examples


def findings(
    documents: Sequence[dict[str, Any]], unjudged: Sequence[dict[str, Any]] = ()
) -> list[tuple[int, Finding]]:
    """Everything that rules say about documents that the API server accepts: the document's number, and the finding.

    `unjudged` are mappings of kinds without a schema, numbered after the others; a few rules look at them.
    """
    objects = Objects(documents, unjudged)
    return [
        (
            violation.number,
            Finding(rule.id, rule.severity, violation.path, violation.message, hint=violation.hint),
        )
        for rule in rules()
        for violation in rule.check(objects)
    ]
