"""`kubectl proxy` on a socket of our own: kubectl's credentials, without a process and a login for each call.

What it does not answer clearly is asked of kubectl itself, which says in its own words what is the matter.
HTTP is spoken by hand, one exchange a connection: the libraries for it take longer to import than kubectl to start.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import time
import weakref
from collections.abc import Callable, Sequence
from typing import IO, Any, cast

from kubectl_canary.errors import Unreachable
from kubectl_canary.expressions import regex

READY = b"Starting to serve on "
START = 3.0  # seconds in which kubectl has begun to serve
LOGIN = 60.0  # seconds that the first answer may take, as a call of kubectl may: somebody may log in
ANSWER = 8.0  # seconds that others may take: less than a Lease lasts, and kubectl itself begins with a new connection
END = 1.0  # seconds in which the keeper has ended; nobody waits longer
# It makes the folder, mktemp putting letters in the place of the XXXXXX. Proxy and folder go when our end of its
# standard input is closed: also where we are killed.
KEEPER = """
trap '' PIPE
folder=$(mktemp -d "${TMPDIR:-/tmp}/kubectl-canary-XXXXXX") || exit
echo "$folder"
"$@" --unix-socket="$folder/proxy" &
exec >&-
read -r _
kill -9 $!
wait $!
rm -rf -- "$folder"
kill -9 0
"""
NO_KUBERC = {"KUBECTL_KUBERC": "false"}  # its defaults for `proxy` are not those for `get` and `patch`
# only what is asked for gets through
FLAGS = ("proxy", "--append-server-path", "--reject-methods=^(POST|PUT|DELETE)$")
NOT_US = (401, 408, 429)  # answers that are not about what was asked, beside all from 500
STATUS = regex(rb"HTTP/1\.[01] ([0-9]{3})\b")


class Unclear(Exception):
    """The proxy does not say what is, and has changed nothing: kubectl itself is to be asked."""


class Proxy:
    """A `kubectl proxy`, for as long as this object or this process lives.

    It has read what `state` answers with, such as kubeconfigs; where that is another, nothing is asked of it any more.
    """

    def __init__(self, program: str, flags: Sequence[str], state: Callable[[], object]) -> None:
        """Begin to start it; `serves` waits for it. Raises OSError where that cannot be, as on Windows."""
        if not hasattr(socket, "AF_UNIX"):
            raise OSError("there are no Unix sockets")
        self._state, self._before = state, state()
        self._works, self._socket, self._patience = False, "", LOGIN
        keeper = subprocess.Popen(
            ["sh", "-c", KEEPER, "sh", program, *flags, *FLAGS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **NO_KUBERC},
            start_new_session=True,
        )
        self._says = cast("IO[bytes]", keeper.stdout)
        self.close = weakref.finalize(self, _end, keeper)

    def serves(self) -> bool:
        """Whether it does: waits until it has said so, has ended, or has taken too long."""
        said, until = b"", time.monotonic() + START
        while READY not in said and select.select([self._says], [], [], max(0, until - time.monotonic()))[0]:
            chunk = os.read(self._says.fileno(), 1 << 12)
            if not chunk:
                break
            said += chunk
        self._socket = said.partition(b"\n")[0].decode() + "/proxy"
        self._works = READY in said and self._state() == self._before
        return self._works

    def get(self, path: str) -> dict[str, Any] | None:
        """What is at a path of the API: an object, or a list. None where the server has no object of that name.

        Raises Unclear.
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
        if status == 200:
            return
        if 400 <= status < 500 and status != 408:
            raise Unclear(str(answer.get("message")))
        raise Unreachable(f"`kubectl proxy` failed: {status} {answer.get('message')}")

    def _exchange(self, asked: str, body: str = "") -> tuple[int, dict[str, Any]]:
        """The status and the object that answer a request. One that failed is the last.

        Raises Unclear where nothing was sent, OSError for no answer in time, or half of one.
        """
        if not self._works:
            raise Unclear("it does not serve")
        self._works = False
        if self._state() != self._before:
            raise Unclear("a kubeconfig has changed since")
        status, answer = _parsed(self._answer(_request(asked, body.encode())))
        self._works, self._patience = status < 500 and status not in NOT_US, ANSWER
        return status, answer

    def _answer(self, request: bytes) -> bytes:
        until, answer = time.monotonic() + self._patience, b""
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(self._socket)
            except OSError as error:
                raise Unclear(str(error)) from None
            connection.settimeout(self._patience)
            connection.sendall(request)
            while chunk := connection.recv(1 << 16):
                answer += chunk
                connection.settimeout(max(0.001, until - time.monotonic()))
        return answer


def _request(asked: str, body: bytes) -> bytes:
    lines = [f"{asked} HTTP/1.0", "Host: localhost", "Accept: application/json"]
    if body:
        lines += ["Content-Type: application/json-patch+json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _parsed(answer: bytes) -> tuple[int, dict[str, Any]]:
    """The status and the object of an answer; of a refusal in plain words, these as its message.

    What comes before it, as 103 does, is passed over. Raises OSError for half an answer.
    """
    head, _, body = answer.partition(b"\r\n\r\n")
    found = STATUS.match(head)
    if found is not None and found[1].startswith(b"1"):
        return _parsed(body)
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if found is None or (not isinstance(value, dict) and found[1] == b"200"):
        raise ConnectionError("it broke off its answer")
    return int(found[1]), value if isinstance(value, dict) else {
        "message": body[:200].decode(errors="replace")
    }


def _end(keeper: subprocess.Popen[bytes]) -> None:
    for pipe in (keeper.stdin, keeper.stdout):
        cast("IO[bytes]", pipe).close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        keeper.wait(END)
