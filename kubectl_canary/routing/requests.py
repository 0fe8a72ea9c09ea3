"""A request as routes look at it, read from a URL and headers as people type them for curl."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, quote, urlsplit

from kubectl_canary.api import formats
from kubectl_canary.expressions import regex
from kubectl_canary.records import dataclass

PORTS = {"http": 80, "https": 443}
IN_PATHS = "/%:@!$&'()*+,;=~-._"
ODD = regex(r"[\x00-\x20\x7f]")
Header = tuple[str, str]


@dataclass(frozen=True)
class Request:
    """What a client asks for; a call by gRPC is a POST of `/service/method`.

    The host is in lower case and has no port, the path begins with `/` and is still percent-encoded, the query is what
    stands behind `?`, headers are (name, value).
    """

    method: str = "GET"
    scheme: str = "http"
    host: str = ""
    port: int = 80
    path: str = "/"
    query: str = ""
    headers: tuple[Header, ...] = ()

    @property
    def url(self) -> str:
        """The whole URL."""
        return url_of(self.scheme, self.host, self.port, self.path, self.query)

    def header(self, name: str) -> str | None:
        """The value of a header, whatever the case of its name; several are one with commas (RFC 9110, 5.3).

        Cookies that HTTP/2 sends apart are one with semicolons (RFC 9113, 8.2.3).
        """
        values = [value for known, value in self.headers if known.lower() == name.lower()]
        return ("; " if name.lower() == "cookie" else ",").join(values) if values else None

    def parameter(self, name: str) -> str | None:
        """The first value of a query parameter, as the Gateway API recommends where one comes twice."""
        parameters = parse_qsl(self.query, keep_blank_values=True)
        return next((value for known, value in parameters if known == name), None)


def url_of(scheme: str, host: str, port: int, path: str, query: str) -> str:
    """A URL; the port is left out where it is the scheme's own."""
    return f"{scheme}://{authority_of(scheme, host, port)}{path}{'?' if query else ''}{query}"


def authority_of(scheme: str, host: str, port: int) -> str:
    """Host and port as they stand in a URL and in the header `Host`."""
    name = f"[{host}]" if ":" in host else host
    return name if PORTS.get(scheme) == port else f"{name}:{port}"


def request_of(url: str, method: str, headers: Sequence[Header], base: str) -> Request:
    """The request of a URL; its scheme, and of a path alone the host too, are those of `base`: `http://a.example.com`.

    A header `Host` takes the place of the URL's host. Raises ValueError with the reason where it is no URL.
    """
    if not url or ODD.search(url):
        raise ValueError("it is empty" if not url else "it has a space or a control character; write %20")
    scheme, _, host = base.partition("://")
    parts = urlsplit(url if "://" in url else f"{scheme}://{host if url[0] in '/?' else ''}{url}")
    if parts.scheme not in PORTS:
        raise ValueError(f"the scheme is `{parts.scheme}`; http and https are routed")
    name, port = _host_and_port(parts.netloc)
    said = next((value for known, value in headers if known.lower() == "host"), None)
    return Request(
        method=method,
        scheme=parts.scheme,
        host=name if said is None else _host_and_port(said)[0],
        port=port or PORTS[parts.scheme],
        path=quote(parts.path, safe=IN_PATHS) or "/",
        query=quote(parts.query, safe=f"{IN_PATHS}?"),
        headers=tuple(header for header in headers if header[0].lower() != "host"),
    )


def _host_and_port(authority: str) -> tuple[str, int | None]:
    """A host in lower case, and its port, None where none is said."""
    parts = urlsplit(f"//{authority}")
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"the port of `{authority}` is none; allowed are 1 to 65535") from None
    if port == 0:
        raise ValueError("0 is not a port; allowed are 1 to 65535")
    _check_host(parts.hostname or "")
    return parts.hostname or "", port


def _check_host(name: str) -> None:
    if not name:
        raise ValueError("it has no host")
    if ":" in name:
        formats.ipv6(name)
    else:
        formats.dns_name(name)


def header_of(text: str) -> Header:
    """A header as it is typed for curl, `name: value`. Raises ValueError with the reason where it is none."""
    name, colon, value = text.partition(":")
    if not colon:
        raise ValueError("it has no colon")
    formats.header_name(name.strip())
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
        raise ValueError("its value has a control character")
    return name.strip(), value.strip()
