"""A server that answers as gateways do, with HTTP/1.1 and HTTP/2, and over TLS: a version a request, chosen by a rule."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import random
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypercorn.asyncio import serve
from hypercorn.config import Config

Headers = dict[str, str]
Rule = Callable[[Headers, tuple[str, int]], "Reply"]
STABLE, CANARY = "v1.0.0", "v1.1.0"


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    status: int = 200
    headers: Headers | list[tuple[str, str]] = field(default_factory=dict)
    body: bytes = b"ok"


def said(version: str, **more: str) -> Reply:
    """An answer of a version."""
    return Reply(
        headers={"x-version": version, **{name.replace("_", "-"): value for name, value in more.items()}}
    )


def split(share: float, seed: int = 1) -> Rule:
    """Each request by chance."""
    chance = random.Random(seed)
    return lambda *_: said(CANARY if chance.random() < share else STABLE)


@dataclass
class Server:
    """Where it listens, and the requests that it has got: (method, path and query, headers, connection)."""

    port: int
    http: set[str] = field(default_factory=set)
    requests: list[tuple[str, str, Headers, tuple[str, int]]] = field(default_factory=list)

    @property
    def connections(self) -> int:
        return len({connection for *_, connection in self.requests})


@contextlib.contextmanager
def answering(rule: Rule, certificate: Path | None = None) -> Iterator[Server]:
    """Serve on a free port until the block ends; with a certificate over TLS."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = Server(listening.getsockname()[1])
    config = Config()
    config.bind = [f"fd://{listening.detach()}"]
    config.accesslog = config.errorlog = None
    if certificate is not None:
        config.certfile = config.keyfile = str(certificate)
    loop, over = asyncio.new_event_loop(), asyncio.Event()
    serving = serve(application(rule, server), config, shutdown_trigger=over.wait)
    thread = threading.Thread(target=loop.run_until_complete, args=(serving,))
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def dict_or_list(headers: Headers | list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [*headers.items()] if isinstance(headers, dict) else headers


def application(rule: Rule, server: Server) -> Any:
    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        target = (
            scope["raw_path"].decode()
            + ("?" if scope["query_string"] else "")
            + scope["query_string"].decode()
        )
        connection = tuple(scope["client"])
        server.http.add(scope["http_version"])
        server.requests.append((scope["method"], target, headers, connection))
        reply = rule(headers, connection)
        sent = [(name.encode(), value.encode()) for name, value in dict_or_list(reply.headers)]
        await send({"type": "http.response.start", "status": reply.status, "headers": sent})
        await send({"type": "http.response.body", "body": reply.body})

    return answer


def certificate(folder: Path, host: str, issuer: str | None = None) -> Path:
    """A file with a key and a certificate that it has signed itself, or that says another has."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    issued_by = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer or host)])
    now = datetime.datetime.now(datetime.timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issued_by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "certificate.pem"
    file.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    return file
