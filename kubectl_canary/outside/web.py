"""HTTP: an answer, whatever its status, or why there is none."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from kubectl_canary.errors import WorldError
from kubectl_canary.expressions import regex
from kubectl_canary.records import dataclass

LONGEST = 4_000_000  # bytes of an answer that are read
CHUNK = 65_536
OBJECT = regex(r"^(?:<.*>|\w+\(host=.*?\)): ")  # what urllib3 puts before what went wrong
BACKOFF = 0.2  # seconds before a question is asked again, twice as long each time


@dataclass(frozen=True)
class Answer:
    """The status, the media type and the text of an answer."""

    status: int
    kind: str
    text: str


@dataclass(frozen=True)
class Access:
    """How a server is reached: seconds that an answer may take, how often it is asked again, and as whom."""

    timeout: float
    retries: int = 0
    token: str = ""
    ca_file: str | None = None
    insecure: bool = False


def get(url: str, fields: Mapping[str, str], access: Access) -> Answer:
    """What a server answers to a GET; asked again where there is no answer, or one that says to.

    Raises WorldError where there is none.
    """
    return _asked("GET", url, access, fields=dict(fields))


def post(url: str, value: Any, access: Access) -> Answer:
    """What a server answers to a POST of JSON, which is sent once. Raises WorldError where there is none."""
    return _asked("POST", url, access, body=json.dumps(value), headers={"Content-Type": "application/json"})


def _asked(
    method: str, url: str, access: Access, *, headers: Mapping[str, str] | None = None, **sent: Any
) -> Answer:
    try:
        url, authorization = _authorized(url, access)
        with _manager(url, access) as manager:
            response = manager.request(
                method,
                url,
                headers={**(headers or {}), **authorization},
                retries=_retries(method, access),
                redirect=method == "GET",
                preload_content=False,
                **sent,
            )
            text = b"".join(_chunks(response, time.monotonic() + access.timeout)).decode("utf-8", "replace")
            return Answer(response.status, response.headers.get("Content-Type", ""), text)
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise WorldError(f"no answer from {_shown(url)}: {_reason(error, access.token)}") from None


def _authorized(url: str, access: Access) -> tuple[str, dict[str, str]]:
    """A URL without user and password, and the header that says who asks. Raises ValueError for no URL."""
    parts = urlsplit(url)
    if access.token:
        headers = {"Authorization": f"Bearer {access.token}"}
    elif parts.username is not None:
        known = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = {"Authorization": f"Basic {base64.b64encode(known.encode()).decode()}"}
    else:
        headers = {}
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), headers


def _retries(method: str, access: Access) -> urllib3.Retry:
    """As often as is said, a moment later each time: not as late as a server may ask for."""
    return urllib3.Retry(
        total=access.retries if method == "GET" else 0,
        backoff_factor=BACKOFF,
        status_forcelist=(502, 503, 504) if method == "GET" else (),
        raise_on_status=False,
        respect_retry_after_header=False,
    )


def _manager(url: str, access: Access) -> urllib3.PoolManager:
    settings: dict[str, Any] = {"timeout": urllib3.Timeout(total=access.timeout), "ca_certs": access.ca_file}
    if access.insecure:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        settings |= {"cert_reqs": "CERT_NONE", "assert_hostname": False}
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.hostname or ""):
        return urllib3.ProxyManager(proxy, **settings)
    return urllib3.PoolManager(**settings)


def _chunks(response: Any, deadline: float) -> Any:
    """The body in pieces. Raises OSError for one that is too long, or takes too long."""
    length = 0
    while chunk := response.read1(CHUNK):
        length += len(chunk)
        if length > LONGEST:
            raise OSError(f"it is longer than {LONGEST:,} bytes")
        if time.monotonic() > deadline:
            raise OSError("it takes too long")
        yield chunk


def _shown(url: str) -> str:
    """A URL without what a query or a password may keep secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _reason(error: Exception, token: str) -> str:
    """The last reason, without the objects around it; one that might have the token in it is not said."""
    reason = getattr(error, "reason", None) or error
    if token and isinstance(reason, ValueError):
        return "it cannot be asked so"  # http.client says which header has what it must not have
    return OBJECT.sub("", str(reason)) or type(reason).__name__
