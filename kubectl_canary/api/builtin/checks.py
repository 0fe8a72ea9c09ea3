"""The checks that every kind shares, in the words of k8s.io/apimachinery/pkg/util/validation (field and content)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.api import metadata
from kubectl_canary.api.metadata import Check, FieldError, shown
from kubectl_canary.expressions import regex
from kubectl_canary.findings import Path

PERCENT = regex(r"[0-9]+%\Z")
PORT_NAME = regex(r"[-a-z0-9]+\Z")
PROTOCOLS = ("SCTP", "TCP", "UDP")
PORT_WORDS = "must be between 1 and 65535, inclusive"
PERCENT_WORDS = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
    "validation is '[0-9]+%')"
)


def required(path: Path, text: str = "") -> FieldError:
    """Something that is missing."""
    return path, f"Required value: {text}" if text else "Required value"


def invalid(path: Path, value: Any, text: str) -> FieldError:
    """A value that is not allowed there."""
    return path, f"Invalid value: {shown(value)}: {text}"


def forbidden(path: Path, text: str) -> FieldError:
    """A field that may not be set."""
    return path, f"Forbidden: {text}"


def duplicate(path: Path, value: Any) -> FieldError:
    """Something that stands there already."""
    return path, f"Duplicate value: {shown(value)}"


def one_of(path: Path, value: Any, supported: Sequence[str]) -> Iterator[FieldError]:
    """A value of an enumeration; absent values are the caller's."""
    if value not in supported:
        yield path, f"Unsupported value: {shown(value)}: supported values: {', '.join(map(shown, supported))}"


def not_negative(path: Path, holder: dict[str, Any], *keys: str) -> Iterator[FieldError]:
    """Numbers that may be absent."""
    for key in keys:
        if holder.get(key, 0) < 0:
            yield invalid((*path, key), holder[key], "must be greater than or equal to 0")


def matches(path: Path, text: str, check: Check) -> Iterator[FieldError]:
    """A text that a check of `metadata` accepts."""
    problem = check(text)
    if problem:
        yield invalid(path, text, problem)


def named(path: Path, holder: dict[str, Any], key: str, check: Check | None = None) -> Iterator[FieldError]:
    """A text that must be there, and that the check accepts."""
    if not holder.get(key):
        yield required((*path, key))
    elif check:
        yield from matches((*path, key), holder[key], check)


def at_most(path: Path, items: Sequence[Any], limit: int) -> Iterator[FieldError]:
    """A list that is not too long."""
    if len(items) > limit:
        yield path, f"Too many: {len(items)}: must have at most {limit} items"


def unique(path: Path, items: Sequence[dict[str, Any]], key: str = "name") -> Iterator[FieldError]:
    """Names that stand in a list once; empty names are the caller's."""
    seen = set()
    for index, item in enumerate(items):
        value = item.get(key)
        if value and value in seen:
            yield duplicate((*path, index, key), value)
        seen.add(value)


def port(path: Path, value: int) -> Iterator[FieldError]:
    """A port's number."""
    if not 1 <= value <= 65535:
        yield invalid(path, value, PORT_WORDS)


def port_or_name(path: Path, value: int | str) -> Iterator[FieldError]:
    """A port's number, or its name: IANA service names."""
    if isinstance(value, int):
        yield from port(path, value)
    else:
        problem = port_name(value)
        if problem:
            yield invalid(path, value, problem)


def port_name(text: str) -> str | None:
    """What is wrong with a port's name (RFC 6335, section 5.1); None where nothing is."""
    if len(text) > 15:
        return "must be no more than 15 characters"
    if not PORT_NAME.match(text):
        return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    if not re.search("[a-z]", text):
        return "must contain at least one letter (a-z)"
    if "--" in text:
        return "must not contain consecutive hyphens"
    return "must not begin or end with a hyphen" if text.startswith("-") or text.endswith("-") else None


def count_or_percent(path: Path, value: int | str) -> Iterator[FieldError]:
    """A number of pods, or a percentage of them."""
    if isinstance(value, str):
        if not PERCENT.match(value):
            yield invalid(path, value, PERCENT_WORDS)
    elif value < 0:
        yield invalid(path, value, "must be greater than or equal to 0")


def at_most_all(path: Path, value: int | str) -> Iterator[FieldError]:
    """A percentage of at most 100."""
    if isinstance(value, str) and PERCENT.match(value) and int(value[:-1]) > 100:
        yield invalid(path, value, "must not be greater than 100%")


def is_none(value: int | str) -> bool:
    """Whether a number of pods, or a percentage of them, is none of them."""
    return int(value[:-1]) == 0 if isinstance(value, str) and PERCENT.match(value) else value == 0


def address(path: Path, text: str) -> Iterator[FieldError]:
    """An IP address."""
    if not is_address(text):
        yield invalid(path, text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")


def reachable_address(path: Path, text: str) -> Iterator[FieldError]:
    """An IP address that another host may have."""
    import ipaddress

    yield from address(path, text)
    if not is_address(text):
        return
    parsed = ipaddress.ip_address(text)
    if parsed.is_unspecified:
        yield invalid(path, text, f"may not be unspecified ({text})")
    if parsed.is_loopback:
        yield invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if parsed.is_link_local:
        yield invalid(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if any(parsed in ipaddress.ip_network(net) for net in ("224.0.0.0/24", "ff02::/16")):
        yield invalid(path, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")


def is_address(text: str) -> bool:
    """Whether a text is an IP address without a zone."""
    import ipaddress  # rare

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def labels(path: Path, pairs: dict[str, str]) -> Iterator[FieldError]:
    """Labels, or what selects by equal labels."""
    for key, value in pairs.items():
        for problem in (metadata.qualified_name(key), metadata.label_value(value)):
            if problem:
                yield invalid(path, key if problem == metadata.qualified_name(key) else value, problem)


def selector(path: Path, label_selector: dict[str, Any]) -> Iterator[FieldError]:
    """A label selector (metav1.LabelSelector)."""
    yield from labels((*path, "matchLabels"), label_selector.get("matchLabels", {}))
    for index, requirement in enumerate(label_selector.get("matchExpressions", [])):
        at = (*path, "matchExpressions", index)
        yield from _expression(at, requirement)
        yield from matches((*at, "key"), requirement.get("key", ""), metadata.qualified_name)


def _expression(path: Path, requirement: dict[str, Any]) -> Iterator[FieldError]:
    operator, values = requirement.get("operator", ""), requirement.get("values", [])
    if operator in ("In", "NotIn"):
        if not values:
            yield required((*path, "values"), "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            yield forbidden(
                (*path, "values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            )
    else:
        yield invalid((*path, "operator"), operator, "not a valid selector operator")
    for index, value in enumerate(values):
        yield from matches((*path, "values", index), value, metadata.label_value)


def selects(label_selector: dict[str, Any], object_labels: dict[str, str]) -> bool:
    """Whether a label selector selects an object's labels; an empty selector selects all."""
    equal = all(
        object_labels.get(key) == value for key, value in (label_selector.get("matchLabels") or {}).items()
    )
    return equal and all(
        _holds(requirement, object_labels) for requirement in label_selector.get("matchExpressions") or ()
    )


def _holds(requirement: dict[str, Any], object_labels: dict[str, str]) -> bool:
    key, values = requirement["key"], requirement.get("values") or ()
    answers: dict[str, bool] = {
        "In": key in object_labels and object_labels[key] in values,
        "NotIn": object_labels.get(key) not in values,
        "Exists": key in object_labels,
        "DoesNotExist": key not in object_labels,
    }
    return answers.get(requirement["operator"], True)
