"""The formats that our schemas name: each function returns quietly, or raises ValueError with the reason.

The patterns of names are Kubernetes', and say nothing of lengths: metadata.py and the functions of CEL use them too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from kubectl_canary.api.unsupported import Unsupported
from kubectl_canary.expressions import regex

IPV4 = regex(r"[0-9]+(?:\.[0-9]+){3}\Z")
LABEL = regex(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?\Z")
LABEL_1035 = regex(r"[a-z](?:[-a-z0-9]*[a-z0-9])?\Z")
SUBDOMAIN = regex(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*\Z")
QUALIFIED = regex(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?\Z")
TAG = regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
DIGEST = regex(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9A-Fa-f]{32,}\Z")
COMPONENT = regex(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*\Z")
REGISTRY = regex(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]+)?\Z|\[[0-9a-fA-F:]+\](?::[0-9]+)?\Z")
HEADER = regex(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+\Z")
WEB_ADDRESS = regex(r"https?://[^\s/?#]+(?:[/?#]\S*)?\Z")
MARKS = ("header", "json", "pattern", "status")  # where in an answer a version stands
PERCENTAGE = regex(r"([0-9]{1,3})(?:\.([0-9]{1,2}))? ?%\Z")
DURATION = regex(r"(?:([0-9]{1,5})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,5})s)?\Z")
PORT_NAME = regex(r"[a-z0-9](?:[a-z0-9]|-(?!-))*\Z")


def dns_label(text: str) -> None:
    """RFC 1123 label, as Kubernetes wants it for Services, namespaces and containers."""
    if not 1 <= len(text) <= 63:
        raise ValueError(f"`{text}` has {len(text)} characters, allowed are 1 to 63")
    if not LABEL.match(text):
        raise ValueError(f"`{text}` is not a DNS label: {_odd(text, 'a-z0-9-')}")


def dns_name(text: str) -> None:
    """RFC 1123 subdomain, as Kubernetes wants it for most objects' names."""
    if not 1 <= len(text) <= 253:
        raise ValueError(f"`{text}` has {len(text)} characters, allowed are 1 to 253")
    if not all(LABEL.match(label) for label in text.split(".")):
        raise ValueError(f"`{text}` is not a DNS name: {_odd(text, 'a-z0-9.-')}")


def route_hostname(text: str) -> None:
    """A hostname of an HTTPRoute: a DNS name, perhaps with `*.` before it, and no IP address."""
    if ":" in text or IPV4.match(text):
        raise ValueError(f"`{text}` is an IP address or has a port; a hostname is a DNS name alone")
    dns_name(text.removeprefix("*."))


def _odd(text: str, allowed: str) -> str:
    odd = re.search(f"[^{allowed}]", text)
    if odd is None:
        return "each part must start and end with a letter or digit"
    if odd.group().isupper():
        return f"`{odd.group()}` is not allowed; write it in lower case"
    return f"`{odd.group()}` is not allowed"


def image_tag(text: str) -> None:
    """A tag of the distribution specification."""
    if not TAG.match(text):
        odd = re.search(r"[^A-Za-z0-9_.-]", text)
        reason = (
            f"{odd.group()!r} is not allowed"
            if odd
            else "1 to 128 characters, the first a letter, digit or `_`"
        )
        raise ValueError(f"`{text}` is not an image tag: {reason}")


def image_repository(text: str) -> None:
    """An image's name without tag and digest."""
    name, tag, digest = split_image(text)
    if tag or digest:
        raise ValueError(
            f"`{text}` has a tag or digest; leave it out here, it belongs to `stable` and `canary`"
        )
    _repository(name, text)


def image_reference(text: str) -> None:
    """An image's name with tag, digest or both."""
    name, tag, digest = split_image(text)
    _repository(name, text)
    if not tag and not digest:
        raise ValueError(f"`{text}` has neither tag nor digest, so nobody could say which version it is")
    if tag:
        image_tag(tag)
    if digest and not DIGEST.match(digest):
        raise ValueError(f"`{text}` is not an image: `{digest}` is not a digest")


def split_image(text: str) -> tuple[str, str, str]:
    """An image reference as (name, tag, digest); what is not there is empty."""
    name, _, digest = text.partition("@")
    head, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return head + slash + last, tag, digest


def _repository(name: str, text: str) -> None:
    host, _, path = name.partition("/")
    parts = name.split("/")
    if (
        path
        and (host != host.lower() or "." in host or ":" in host or host == "localhost")
        and REGISTRY.match(host)
    ):
        parts = path.split("/")
    if not all(COMPONENT.match(part) for part in parts):
        odd = re.search("[A-Z]", "/".join(parts))
        if odd and all(COMPONENT.match(part.lower()) for part in parts):
            raise ValueError(
                f"`{text}` is not an image name: `{odd.group()}` is not allowed; write it in lower case"
            )
        raise ValueError(f"`{text}` is not an image name such as `registry.example.com/my-app`")


def header_name(text: str) -> None:
    """An HTTP header's name (RFC 9110 token)."""
    _token(text, "a header name")


def query_name(text: str) -> None:
    """A query parameter's name, which a route has as it has a header's. Source: Gateway API, HTTPQueryParamMatch."""
    _token(text, "a query parameter's name")


def cookie_name(text: str) -> None:
    """A cookie's name. Source: RFC 6265, 4.1.1."""
    _token(text, "a cookie's name")


def _token(text: str, noun: str) -> None:
    if not HEADER.match(text):
        raise ValueError(f"`{text}` is not {noun}: letters, digits and !#$%&'*+-.^_`|~")


def port_or_name(port: int | str) -> None:
    """A port's number or IANA service name."""
    if isinstance(port, int):
        if not 1 <= port <= 65535:
            raise ValueError(f"{port} is not a port; allowed are 1 to 65535")
    elif len(port) > 15 or not PORT_NAME.match(port) or port.isdigit() or port.endswith("-"):
        raise ValueError(
            f"`{port}` is not a port's name: at most 15 of a-z, 0-9 and `-`, a letter among them"
        )


def web_address(text: str) -> None:
    """A URL that is asked by HTTP."""
    from urllib.parse import urlsplit  # few have one

    try:
        is_one = bool(WEB_ADDRESS.match(text)) and urlsplit(text).port != 0
    except ValueError:
        is_one = False  # a port beyond 65535, a bracket without its other
    if not is_one:
        raise ValueError(f"`{text}` is not an address such as `https://ci.example.com/canary`")


def version_mark(text: str) -> None:
    """What in an answer tells which version has given it: `header:x-version`, `json:build.version`, `status`."""
    kind, _, what = text.partition(":")
    if kind not in MARKS or (kind == "status") == bool(what):
        raise ValueError(
            f"`{text}` tells no version; write header:x-version, json:build.version, pattern:v([0-9]+) or status"
        )
    if kind == "header":
        header_name(what)
    if kind == "pattern":
        try:
            re.compile(what)
        except re.error as error:
            raise ValueError(f"`{what}` is not a regular expression: {error}") from None


def percentage(text: str) -> None:
    """A share in per cent, with up to two decimals."""
    if not 0 < share(text) <= 1:
        raise ValueError(f"`{text}` is out of range; a share is more than 0% and at most 100%")


def service_and_port(text: str) -> None:
    """A Service's name, and a port of its where one follows: `recorder:8080`."""
    name, colon, port = text.partition(":")
    dns_label(name)
    is_port = port.isascii() and port.isdigit() and 1 <= int(port) <= 65535
    if colon and not is_port:
        raise ValueError(f"`{port}` is not a port; allowed are 1 to 65535")


def share(text: str) -> Fraction:
    """A percentage as a Fraction of 1. Raises ValueError where it is none."""
    match = PERCENTAGE.match(text)
    if match is None:
        raise ValueError(f"`{text}` is not a percentage such as `5%` or `0.25%`, with up to two decimals")
    whole, decimals = match.groups()
    return Fraction(int(whole + (decimals or "").ljust(2, "0")), 10_000)


def label_key(text: str) -> None:
    """A key of a label or annotation: `name`, or `prefix/name` with a DNS name as prefix."""
    prefix, slash, name = text.rpartition("/")
    if slash:
        dns_name(prefix)
    if len(name) > 63 or not QUALIFIED.match(name):
        raise ValueError(f"`{name}` is not a key's name: 1 to 63 letters, digits, `-`, `_` and `.`")


def label_value(text: str) -> None:
    """A label's value."""
    if text and (len(text) > 63 or not QUALIFIED.match(text)):
        raise ValueError(f"`{text}` is not a label's value: at most 63 letters, digits, `-`, `_` and `.`")


def duration(text: str) -> None:
    """A time such as `90s`, `10m` or `1h30m`."""
    seconds(text)


def seconds(text: str) -> int:
    """A duration in seconds. Raises ValueError where it is none."""
    match = DURATION.match(text)
    if match is None or not text:
        raise ValueError(f"`{text}` is not a time such as `90s`, `10m` or `1h30m`")
    hours, minutes, rest = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + rest


def ipv4(text: str) -> None:
    """An IPv4 address as Kubernetes parses it: leading zeros are decimal (ParseIPSloppy)."""
    parts = text.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and int(part) < 256 for part in parts):
        raise ValueError(f"`{text}` is not an IPv4 address")


def ipv6(text: str) -> None:
    """An IPv6 address without a zone."""
    import ipaddress  # rare, and its import costs 2 ms

    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        raise ValueError(f"`{text}` is not an IPv6 address") from None
    if "%" in text:
        raise ValueError(f"`{text}` has a zone")


def date_time(text: str) -> None:
    """RFC 3339, as Go reads it."""
    from kubectl_canary.api.metadata import is_time

    if not is_time(text):
        raise ValueError(f"`{text}` is not an RFC 3339 time")


def base64_bytes(text: str) -> None:
    """Base64 as Go reads it: padded, line breaks anywhere."""
    import base64  # rare

    base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)


def byte(text: str) -> None:
    """Base64 as the schemas of custom resources mean it: on one line, and not empty."""
    if not text or "\n" in text or "\r" in text:
        raise ValueError("is empty, or has line breaks")
    base64_bytes(text)


def kubernetes_quantity(value: str | float) -> None:
    """An amount such as `100m` or `64Mi`."""
    from kubectl_canary.api.builtin import quantity

    quantity.parsed(value)


CHECKS: dict[str, tuple[tuple[type, ...], Callable[..., None]]] = {
    "base64": ((str,), base64_bytes),
    "byte": ((str,), byte),
    "cookie-name": ((str,), cookie_name),
    "date-time": ((str,), date_time),
    "dns-label": ((str,), dns_label),
    "dns-name": ((str,), dns_name),
    "duration": ((str,), duration),
    "header-name": ((str,), header_name),
    "image-reference": ((str,), image_reference),
    "image-repository": ((str,), image_repository),
    "image-tag": ((str,), image_tag),
    "ipv4": ((str,), ipv4),
    "ipv6": ((str,), ipv6),
    "percentage": ((str,), percentage),
    "web-address": ((str,), web_address),
    "port-or-name": ((str, int), port_or_name),
    "quantity": ((str, int, float), kubernetes_quantity),
    "query-name": ((str,), query_name),
    "route-hostname": ((str,), route_hostname),
    "service-and-port": ((str,), service_and_port),
    "version-mark": ((str,), version_mark),
}


def check(name: str, value: object) -> None:
    """Raise ValueError with the reason where a value is not of the format.

    Formats that mean nothing hold; of those that mean something to the server and nothing to us, Unsupported says so.
    """
    if name.startswith("unknown ") and isinstance(value, str):
        raise Unsupported(f"the format `{name.removeprefix('unknown ')}`")
    types, function = CHECKS.get(name, ((), lambda _: None))
    if isinstance(value, types) and not isinstance(value, bool):
        function(value)
