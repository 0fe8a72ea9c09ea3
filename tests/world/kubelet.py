"""A kubelet whose pods are sockets: each pod gets an address of its own, and is served from here.

    python kubelet.py KUBECONFIG

A pod answers every request with its image's tag as body and in the header `x-version`; to a POST, with the tag and
the length of what it got. A WebSocket echoes. Words of the pod's annotation `world/pod` say how it behaves:

    rude           drops its connections when it is deleted (so does every pod that says nothing else)
    graceful       when it is deleted: unready at once, serves for 2 s more, then closes
    slow           answers after 0.2 s
    failing        answers 500 to three of a hundred requests
    crashing, no-image, unschedulable, never-ready   never serves, for that reason

`world/ready-after` is the time until it is ready, in seconds (3).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import http.client
import itertools
import json
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

NODE = "node"
ADDRESSES = (f"10.244.{third}.{fourth}" for third, fourth in itertools.product(range(1, 255), range(1, 255)))
READY_SECONDS, DRAIN_SECONDS, SLOW_SECONDS = 3.0, 2.0, 0.2
WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# what containerStatuses say of a container that never runs: its state, and how often it was started
WAITING = {
    "crashing": ("CrashLoopBackOff", "back-off 10s restarting failed container", 3),
    "no-image": ("ImagePullBackOff", 'Back-off pulling image "{image}": not found', 0),
}


class Api:
    """The API server, asked until it answers: it may be away."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        self.server = config["clusters"][0]["cluster"]["server"]
        self.token = config["users"][0]["user"]["token"]
        self.trusting = ssl.create_default_context()
        self.trusting.check_hostname, self.trusting.verify_mode = False, ssl.CERT_NONE

    def open(self, method: str, path: str, body: Any = None, seconds: float = 5) -> http.client.HTTPResponse:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        request = urllib.request.Request(
            self.server + path,
            json.dumps(body).encode() if body is not None else None,
            {"Authorization": f"Bearer {self.token}", "Content-Type": kind},
            method=method,
        )
        return urllib.request.urlopen(request, context=self.trusting, timeout=seconds)

    def say(self, method: str, path: str, body: Any = None) -> None:
        """What the server refuses is written down and left; a conflict, or one that is gone, is no news."""
        while True:
            try:
                self.open(method, path, body).read()
                return
            except urllib.error.HTTPError as refusal:
                if refusal.code < 500:
                    if refusal.code not in (404, 409):
                        print(method, path, refusal.code, refusal.read(), file=sys.stderr, flush=True)
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.2)

    def watch(self, path: str, tell: Any) -> None:
        """Every object now and whenever it changes, forever: `tell` gets ADDED, MODIFIED, DELETED or LISTED and a value."""
        while True:
            try:
                found = json.loads(self.open("GET", path).read())
                tell("LISTED", found["items"])
                version = found["metadata"]["resourceVersion"]
                query = f"?watch=true&resourceVersion={version}&timeoutSeconds=60"
                for line in self.open("GET", path + query, seconds=90):
                    event = json.loads(line)
                    tell(event["type"], event["object"])
            except (OSError, ValueError, KeyError, http.client.HTTPException):
                time.sleep(0.2)


class Pod:
    """One pod, from its binding until it is gone."""

    def __init__(self, api: Api, pod: dict[str, Any]) -> None:
        self.api, self.metadata = api, pod["metadata"]
        self.container = pod["spec"]["containers"][0]
        self.bound = bool(pod["spec"].get("nodeName"))
        annotations = self.metadata.get("annotations") or {}
        self.words, self.served = set(annotations.get("world/pod", "").split()), 0
        self.ready_after = float(annotations.get("world/ready-after", READY_SECONDS))
        self.path = f"/api/v1/namespaces/{self.metadata['namespace']}/pods/{self.metadata['name']}"
        self.tag = self.container["image"].rpartition(":")[2].encode()
        self.ip = next(ADDRESSES)
        self.deleted = asyncio.Event()
        self.writers: set[asyncio.StreamWriter] = set()
        self.closing = False

    async def live(self) -> None:
        if "unschedulable" in self.words and not self.bound:
            await self.patch(unschedulable())
            return
        if not self.bound:
            target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
            name = {"name": self.metadata["name"]}
            binding = {"apiVersion": "v1", "kind": "Binding", "metadata": name, "target": target}
            await self.say("POST", f"{self.path}/binding", binding)
        if stuck := self.words & {*WAITING}:
            await self.patch(self.waiting(*WAITING[min(stuck)]))
            await self.deleted.wait()
        else:
            await self.serve()
        await self.say("DELETE", self.path, {"gracePeriodSeconds": 0})

    async def serve(self) -> None:
        """Listen, be ready, and end as the pod's manners are."""
        ports = self.container.get("ports") or [{"containerPort": 8080}]
        server = await asyncio.start_server(self.connection, self.ip, ports[0]["containerPort"], backlog=1024)
        await self.patch(self.running(ready=False))
        if "never-ready" not in self.words and not await self.within(self.ready_after):
            await self.patch(self.running(ready=True))
        await self.deleted.wait()
        if "graceful" in self.words:
            await self.patch(self.running(ready=False))
            await asyncio.sleep(DRAIN_SECONDS)
            self.closing = True
        server.close()
        if "graceful" in self.words:
            await asyncio.sleep(DRAIN_SECONDS / 4)
        for writer in self.writers:
            writer.transport.abort()

    async def within(self, seconds: float) -> bool:
        """Whether it is deleted before so many seconds are over."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.deleted.wait(), seconds)
        return self.deleted.is_set()

    async def say(self, method: str, path: str, body: Any) -> None:
        await asyncio.to_thread(self.api.say, method, path, body)

    async def patch(self, status: dict[str, Any]) -> None:
        await self.say("PATCH", f"{self.path}/status", {"status": status})

    def running(self, ready: bool) -> dict[str, Any]:
        state = {"running": {"startedAt": now()}}
        return {"phase": "Running", **self.status(ready, state, restarts=0)}

    def waiting(self, reason: str, message: str, restarts: int) -> dict[str, Any]:
        state = {"waiting": {"reason": reason, "message": message.format(image=self.container["image"])}}
        return {"phase": "Running" if restarts else "Pending", **self.status(False, state, restarts)}

    def status(self, ready: bool, state: dict[str, Any], restarts: int) -> dict[str, Any]:
        """What a kubelet writes of a pod with one container."""
        container = {
            "name": self.container["name"],
            "ready": ready,
            "started": "running" in state,
            "restartCount": restarts,
            "image": self.container["image"],
            "imageID": "" if "waiting" in state and not restarts else f"sha256:{self.tag.decode()}",
            "state": state,
        }
        if restarts:
            ended = {"exitCode": 1, "reason": "Error", "startedAt": now(), "finishedAt": now()}
            container["lastState"] = {"terminated": ended}
        conditions = [condition("PodScheduled", True), condition("Initialized", True)]
        for kind in ("ContainersReady", "Ready"):
            unready = f"containers with unready status: [{self.container['name']}]"
            conditions.append(condition(kind, ready, *(() if ready else ("ContainersNotReady", unready))))
        return {
            "hostIP": "10.244.0.1",
            "podIP": self.ip,
            "podIPs": [{"ip": self.ip}],
            "startTime": now(),
            "conditions": conditions,
            "containerStatuses": [container],
        }

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        try:
            while not self.closing:
                head = await reader.readuntil(b"\r\n\r\n")
                if "slow" in self.words:
                    await asyncio.sleep(SLOW_SECONDS)
                headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:-2])
                headers = {name.lower(): value for name, value in headers.items()}
                if headers.get("upgrade", "").lower() == "websocket":
                    await self.websocket(headers, reader, writer)
                    return
                body = self.tag
                if length := int(headers.get("content-length", 0)):
                    body += b" %d" % len(await reader.readexactly(length))
                status = (
                    b"500 Internal Server Error" if "failing" in self.words and self.fails() else b"200 OK"
                )
                writer.write(self.head(status, b"Content-Length: %d" % len(body)) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    def fails(self) -> bool:
        """Whether this is one of three in a hundred requests."""
        self.served += 1
        return self.served % 100 in (33, 66, 99)

    def head(self, status: bytes, *headers: bytes) -> bytes:
        lines = [b"HTTP/1.1 " + status, *headers, b"x-version: " + self.tag]
        lines += [b"Connection: close"] * (self.closing and status.startswith(b"200"))
        return b"\r\n".join([*lines, b"", b""])

    async def websocket(
        self, headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Echo small messages until the other side closes."""
        accept = hashlib.sha1(headers["sec-websocket-key"].encode() + WEBSOCKET).digest()  # noqa: S324  RFC 6455 says SHA-1
        answer = (
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Accept: " + base64.b64encode(accept),
        )
        writer.write(self.head(b"101 Switching Protocols", *answer))
        while True:
            kind, length = await reader.readexactly(2)
            mask = await reader.readexactly(4)
            masked = await reader.readexactly(length & 0x7F)
            message = bytes(byte ^ mask[place % 4] for place, byte in enumerate(masked))
            writer.write(bytes([kind, len(message)]) + message)
            await writer.drain()
            if kind & 0xF == 8:
                return


def unschedulable() -> dict[str, Any]:
    message = "0/1 nodes are available: 1 Insufficient cpu."
    return {"phase": "Pending", "conditions": [condition("PodScheduled", False, "Unschedulable", message)]}


def condition(kind: str, true: bool, reason: str = "", message: str = "") -> dict[str, Any]:
    """A reason and a message that are gone are null, as the status is a merge patch."""
    return {
        "type": kind,
        "status": "True" if true else "False",
        "lastTransitionTime": now(),
        **({"reason": reason, "message": message} if reason else {}),
    }


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


async def main() -> None:
    api = Api(Path(sys.argv[1]))
    await asyncio.to_thread(
        api.say, "POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}
    )
    events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def tell(kind: str, value: Any) -> None:
        loop.call_soon_threadsafe(events.put_nowait, (kind, value))

    threading.Thread(target=api.watch, args=("/api/v1/pods", tell), daemon=True).start()
    pods: dict[str, tuple[Pod, asyncio.Task[None]]] = {}
    while True:
        kind, value = await events.get()
        for pod in value if kind == "LISTED" else [value]:
            see(api, pods, pod, gone=kind == "DELETED")
        if kind == "LISTED":
            for uid in pods.keys() - {pod["metadata"]["uid"] for pod in value}:
                pods.pop(uid)[0].deleted.set()


def see(api: Api, pods: dict[str, tuple[Pod, asyncio.Task[None]]], pod: dict[str, Any], gone: bool) -> None:
    """A pod as it is now: begin it, or tell it that it is deleted."""
    uid = pod["metadata"]["uid"]
    if uid not in pods and not gone:
        begun = Pod(api, pod)
        pods[uid] = begun, asyncio.create_task(begun.live())
    if gone or pod["metadata"].get("deletionTimestamp"):
        pods[uid][0].deleted.set() if uid in pods else None
    if gone:
        pods.pop(uid, None)


if __name__ == "__main__":
    asyncio.run(main())
