"""Send requests through a gateway, and count how they were answered.

    python load.py HOST:PORT [--host NAME] [--header "NAME: VALUE"] [--rate A-SECOND] [--seconds N] [--gets-only]

Prints `started`, then, after that many seconds or when standard input closes, one line of JSON:
{"counts": [[seconds since the start to the hundredth, kind, status, version, number], …], "errors": {name: number}}.
Kinds are GET (16 connections that are kept), POST and WebSocket. What failed has `error` as its status.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable

GETS, POSTS, WEBSOCKETS = 16, 2, 2
MESSAGES, BETWEEN_MESSAGES = 3, 0.02
BODY = b"x" * 2000
SECONDS_FOR_AN_ANSWER = 10
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Answer = tuple[str, dict[str, str], bytes]


class Load:
    """Workers that send one request after the other, until there is no more time."""

    def __init__(self, words: argparse.Namespace) -> None:
        host, _, port = words.address.rpartition(":")
        self.place, self.rate = (host, int(port)), words.rate
        headers = [f"Host: {words.host or host}", *words.header]
        self.headers = "".join(f"{header}\r\n" for header in headers).encode()
        self.workers = [("GET", self.get)] * GETS
        if not words.gets_only:
            self.workers += [("POST", self.post)] * POSTS + [("WebSocket", self.websocket)] * WEBSOCKETS
        self.counts: Counter[tuple[float, str, str, str]] = Counter()
        self.errors: Counter[str] = Counter()
        self.started = time.monotonic()
        self.over = asyncio.Event()

    async def run(self) -> None:
        self.started = time.monotonic()
        await asyncio.gather(*(self.work(kind, ask) for kind, ask in self.workers))

    async def work(self, kind: str, ask: Callable[[Streams], Awaitable[Answer]]) -> None:
        streams: Streams | None = None
        pause = len(self.workers) / self.rate if self.rate else 0
        while not self.over.is_set():
            try:
                streams = streams or await asyncio.open_connection(*self.place)
                answer = await asyncio.wait_for(ask(streams), SECONDS_FOR_AN_ANSWER)
                status, headers, _ = answer
                self.count(kind, status, headers.get("x-version", ""))
                keep = kind != "WebSocket" and headers.get("connection") != "close"
            except Exception as error:  # whatever it is, the request was lost
                self.count(kind, "error", "")
                self.errors[f"{kind}: {type(error).__name__}: {error}"] += 1
                keep = False
                await asyncio.sleep(0.01)
            if streams and not keep:
                streams[1].close()
                streams = None
            if pause:
                await asyncio.sleep(pause)
        if streams:
            streams[1].close()

    def count(self, kind: str, status: str, version: str) -> None:
        self.counts[int((time.monotonic() - self.started) * 100) / 100, kind, status, version] += 1

    async def get(self, streams: Streams) -> Answer:
        streams[1].write(b"GET /version HTTP/1.1\r\n" + self.headers + b"\r\n")
        return await answered(streams[0])

    async def post(self, streams: Streams) -> Answer:
        length = b"Content-Length: %d\r\n\r\n" % len(BODY)
        streams[1].write(b"POST /version HTTP/1.1\r\n" + self.headers + length + BODY)
        status, headers, body = await answered(streams[0])
        if status == "200" and body != b"%s %d" % (headers["x-version"].encode(), len(BODY)):
            raise ValueError(f"another body: {body!r}")
        return status, headers, body

    async def websocket(self, streams: Streams) -> Answer:
        """Open, have a few messages echoed, close."""
        reader, writer = streams
        key = base64.b64encode(os.urandom(16))
        words = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n"
        writer.write(b"GET /socket HTTP/1.1\r\n" + self.headers + words % key)
        answer = await answered(reader)
        if answer[0] == "101":
            for number in range(MESSAGES):
                await echo(streams, 1, b"message %d" % number)
                await asyncio.sleep(BETWEEN_MESSAGES)
            await echo(streams, 8, b"\x03\xe8")
        return answer


async def answered(reader: asyncio.StreamReader) -> Answer:
    """The status, the headers (names in lower case) and the body."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return first.split()[1], headers, await reader.readexactly(int(headers.get("content-length", 0)))


async def echo(streams: Streams, kind: int, message: bytes) -> None:
    """Send a frame whose mask is zero; the same has to come back."""
    streams[1].write(bytes([0x80 | kind, 0x80 | len(message), 0, 0, 0, 0]) + message)
    frame = bytes([0x80 | kind, len(message)]) + message
    if (got := await streams[0].readexactly(len(frame))) != frame:
        raise ValueError(f"another message: {got!r}")


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--host")
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--gets-only", action="store_true")
    words = parser.parse_args()
    load = Load(words)
    print("started", flush=True)
    running = asyncio.create_task(load.run())
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(input_closes(), words.seconds or None)
    load.over.set()
    await running
    counts = [[*key, number] for key, number in sorted(load.counts.items())]
    print(json.dumps({"counts": counts, "errors": load.errors}), flush=True)


async def input_closes() -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


if __name__ == "__main__":
    asyncio.run(main())
