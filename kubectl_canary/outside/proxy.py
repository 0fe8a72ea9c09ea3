"""`kubectl proxy` on a socket of our own: kubectl's credentials, without a process and a login for each call.

What it does not answer clearly is asked of kubectl itself, which says in its own words what is the matter.
HTTP is spoken by hand, one exchange a connection: the libraries for it take longer to import than kubectl to start.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
import weakref
from collections.abc import Sequence
from typing import IO, Any, cast

from kubectl_canary.errors import Unreachable

READY = b"Starting to serve on "
START = 1.0  # seconds in which kubectl has begun to serve
ANSWER = 20.0  # seconds that an answer may take, as a call of kubectl may
END = 1.0  # seconds in which the keeper has ended; nobody waits longer for a wrapper that goes on
# The proxy and its folder go when our end of the keeper's standard input is closed: also where we are killed.
KEEPER = '"$@" & exec >&-; read -r _; rm -rf -- "$0"; kill 0'
FLAGS = ("--append-server-path", "--reject-paths=/(exec|attach|portforward|proxy)(/|$)")
NOT_US = (401, 408, 429)  # answers that are not about what was asked, beside all from 500
STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) .*\r\n")


class Unclear(Exception):
    """The proxy does not say what is, and has changed nothing: kubectl itself is to be asked."""


class Proxy:
    """A `kubectl proxy`, for as long as this object or this process lives."""

    def __init__(self, program: str, flags: Sequence[str]) -> None:
        """Begin to start it; `serves` waits for it. Raises OSError where that cannot be, as on Windows."""
        if not hasattr(socket, "AF_UNIX"):
            raise OSError("there are no Unix sockets")
        folder = tempfile.mkdtemp(prefix="kubectl-canary-")
        self._socket, self._works = f"{folder}/proxy", False
        words = (program, *flags, "proxy", f"--unix-socket={self._socket}", *FLAGS)
        try:
            keeper = subprocess.Popen(
                ["sh", "-c", KEEPER, folder, *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._says = cast("IO[bytes]", keeper.stdout)
        self.close = weakref.finalize(self, _end, keeper)

    def serves(self) -> bool:
        """Whether it does: waits until it has said so, has ended, or has taken too long."""
        said = b""
        while READY not in said and select.select([self._says], [], [], START)[0]:
            chunk = os.read(self._says.fileno(), 1 << 12)
            if not chunk:
                break
            said += chunk
        self._works = READY in said
        return self._works

    def get(self, path: str) -> dict[str, Any] | None:
        """What is at a path of the API: an object, or a list. None where the server has no object of that name.

        Raises Unclear, and Unreachable where there is no answer in time.
        """
        try:
            status, answer = self._exchange(f"GET {path}")
        except OSError as error:
            raise Unclear(str(error)) from None
        if status == 404 and (answer.get("details") or {}).get("name") == path.rpartition("/")[2]:
            return None
        if status != 200:
            raise Unclear(str(answer.get("message")))
        return answer

    def patch(self, path: str, operations: Sequence[object], manager: str, *, trying: bool) -> None:
        """Change an object by JSON patch (RFC 6902) under the name of a field manager; `trying` changes nothing.

        Raises Unclear, and Unreachable where nobody knows whether the server has taken it.
        """
        asked = f"PATCH {path}?fieldManager={manager}{'&dryRun=All' if trying else ''}"
        try:
            status, answer = self._exchange(asked, json.dumps(operations))
        except OSError as error:
            raise Unreachable(f"`kubectl proxy` failed: {error}") from None
        if status >= 500:
            raise Unreachable(f"`kubectl proxy` failed: {answer.get('message', status)}")
        if status != 200:
            raise Unclear(str(answer.get("message")))

    def _exchange(self, asked: str, body: str = "") -> tuple[int, dict[str, Any]]:
        """The status and the object that answer a request. One that failed is the last.

        Raises Unclear where nothing was sent, Unreachable where nothing came in time, OSError for half an answer.
        """
        if not self._works:
            raise Unclear("it does not serve")
        self._works = False
        status, answer = _parsed(self._answer(_request(asked, body.encode())))
        self._works = status < 500 and status not in NOT_US
        return status, answer

    def _answer(self, request: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER)
            try:
                connection.connect(self._socket)
            except OSError as error:
                raise Unclear(str(error)) from None
            try:
                connection.sendall(request)
                return b"".join(iter(lambda: connection.recv(1 << 16), b""))
            except TimeoutError:
                raise Unreachable(f"`kubectl proxy` gave no answer in {ANSWER:.0f} s") from None


def _request(asked: str, body: bytes) -> bytes:
    lines = [f"{asked} HTTP/1.0", "Host: localhost", "Accept: application/json"]
    if body:
        lines += ["Content-Type: application/json-patch+json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _parsed(answer: bytes) -> tuple[int, dict[str, Any]]:
    """The status and the object of an answer, which is empty for a refusal in plain words.

    Raises OSError for half an answer.
    """
    head, _, body = answer.partition(b"\r\n\r\n")
    found = STATUS.match(head + b"\r\n")
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if found is None or (not isinstance(value, dict) and found[1] == b"200"):
        raise ConnectionError("it broke off its answer")
    return int(found[1]), value if isinstance(value, dict) else {}


def _end(keeper: subprocess.Popen[bytes]) -> None:
    for pipe in (keeper.stdin, keeper.stdout):
        cast("IO[bytes]", pipe).close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        keeper.wait(END)
