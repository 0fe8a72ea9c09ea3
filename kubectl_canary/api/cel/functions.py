"""The functions of CEL and of Kubernetes' libraries that rules of CRDs use.

https://kubernetes.io/docs/reference/using-api/cel/#cel-options-language-features-and-libraries
A function that is not in METHODS or GLOBALS is refused when the rule is read.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Callable
from typing import Any

from kubectl_canary.api import re2
from kubectl_canary.api.cel.values import CelError, Duration, Format, Optional, equal
from kubectl_canary.api.formats import LABEL, LABEL_1035, QUALIFIED, SUBDOMAIN


def _label(text: str) -> bool:
    return len(text) <= 63 and bool(LABEL.match(text))


def _subdomain(text: str) -> bool:
    return len(text) <= 253 and bool(SUBDOMAIN.match(text))


def _qualified_name(text: str) -> bool:
    prefix, slash, name = text.rpartition("/")
    return len(name) <= 63 and bool(QUALIFIED.match(name)) and (not slash or _subdomain(prefix))


def _label_value(text: str) -> bool:
    return not text or (len(text) <= 63 and bool(QUALIFIED.match(text)))


FORMATS: dict[str, Callable[[str], bool]] = {
    "dns1123Label": _label,
    "dns1123Subdomain": _subdomain,
    "dns1035Label": lambda text: len(text) <= 63 and bool(LABEL_1035.match(text)),
    "qualifiedName": _qualified_name,
    "labelValue": _label_value,
}


def is_ip(text: str) -> bool:
    """Go's netip.ParseAddr without zones and without IPv4 in IPv6, as Kubernetes' isIP()."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text and not (address.version == 6 and address.ipv4_mapped)


def _texts(*values: Any) -> None:
    if not all(isinstance(value, str) for value in values):
        raise CelError("no such overload")


def _size(value: Any) -> int:
    if not isinstance(value, str | list | dict):
        raise CelError("no such overload")
    return len(value)


def _matches(text: Any, pattern: Any) -> bool:
    _texts(text, pattern)
    return bool(re2.compiled(pattern).search(text))


def _substring(text: Any, start: Any, end: Any = None) -> str:
    _texts(text)
    end = len(text) if end is None else end
    if not 0 <= start <= end <= len(text):
        raise CelError("index out of range")
    return str(text[start:end])


def _split(text: Any, separator: Any, limit: int = -1) -> list[str]:
    _texts(text, separator)
    if limit in (0, 1):
        return [text][:limit]
    if not separator:
        return list(text) if limit < 0 else [*text[: limit - 1], text[limit - 1 :]]
    return list(text.split(separator, limit - 1 if limit > 0 else -1))


def _of_text(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(text: Any, *arguments: Any) -> Any:
        _texts(text, *arguments)
        return method(text, *arguments)

    return call


def _find(text: str, part: str) -> int:
    return text.find(part)


def _ascii(case: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: "".join(case(character) if character.isascii() else character for character in text)


def _has_value(value: Any) -> bool:
    if not isinstance(value, Optional):
        raise CelError("no such overload")
    return value.there


def _value(value: Any) -> Any:
    if not _has_value(value):
        raise CelError("optional.none() has no value")
    return value.value


def _or_value(value: Any, other: Any) -> Any:
    return value.value if _has_value(value) else other


def _validate(form: Any, text: Any) -> Optional:
    if not isinstance(form, Format):
        raise CelError("no such overload")
    _texts(text)
    return Optional(False) if FORMATS[form.name](text) else Optional(True, [f"not of the format {form.name}"])


def _duration(text: Any) -> Duration:
    _texts(text)
    return Duration.parse(text)


def _int(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise CelError("not an integer") from None


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise CelError("no such overload")
    return str(value)


def _is_sorted(items: Any) -> bool:
    return all(left <= right for left, right in itertools.pairwise(items))


def _sum(items: Any) -> Any:
    return sum(items)


def _index_of(items: Any, item: Any) -> int:
    if isinstance(items, str):
        return items.find(item)
    return next((number for number, element in enumerate(items) if equal(element, item)), -1)


METHODS: dict[str, Callable[..., Any]] = {
    "size": _size,
    "matches": _matches,
    "contains": _of_text(lambda text, part: part in text),
    "startsWith": _of_text(str.startswith),
    "endsWith": _of_text(str.endswith),
    "split": _split,
    "substring": _substring,
    "lowerAscii": _of_text(_ascii(str.lower)),
    "upperAscii": _of_text(_ascii(str.upper)),
    "trim": _of_text(str.strip),
    "replace": _of_text(str.replace),
    "indexOf": _index_of,
    "isSorted": _is_sorted,
    "sum": _sum,
    "hasValue": _has_value,
    "value": _value,
    "orValue": _or_value,
    "validate": _validate,
}
GLOBALS: dict[str, Callable[..., Any]] = {
    "size": _size,
    "isIP": _of_text(is_ip),
    "duration": _duration,
    "int": _int,
    "string": _string,
    "dyn": lambda value: value,
}
