"""Run etcd and kube-apiserver for as long as our standard input stays open.

    python tests/supervisor.py FOLDER ETCD KUBE_APISERVER

Prints `ready KUBECONFIG` once the API server answers. When the process that started us closes its end of the
pipe, or dies in whatever way, both are stopped by their ids and the folder is removed: nothing is left behind.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

TOKEN = "loopback-only"
START_SECONDS = 90


def main() -> None:
    folder, etcd, apiserver = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests; we end when they do
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    running: list[subprocess.Popen[bytes]] = []
    try:
        client, peer, secure = free_ports(3)
        running.append(start(folder / "etcd.log", etcd_command(etcd, folder, client, peer)))
        running.append(start(folder / "apiserver.log", apiserver_command(apiserver, folder, client, secure)))
        wait_until_ready(secure, running, folder)
        print("ready", write_kubeconfig(folder, secure), flush=True)
        sys.stdin.buffer.read()
    finally:
        for process in reversed(running):
            stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def start(log: Path, command: list[str]) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )


def stop(process: subprocess.Popen[bytes], seconds: float = 10) -> None:
    process.terminate()
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def etcd_command(etcd: str, folder: Path, client: int, peer: int) -> list[str]:
    url, peers = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    return [
        etcd,
        "--data-dir",
        str(folder / "etcd"),
        "--listen-client-urls",
        url,
        "--advertise-client-urls",
        url,
        "--listen-peer-urls",
        peers,
        "--initial-advertise-peer-urls",
        peers,
        "--initial-cluster",
        f"default={peers}",
        "--unsafe-no-fsync",
    ]


def apiserver_command(
    apiserver: str, folder: Path, client: int, secure: int, authorization: str = "AlwaysAllow"
) -> list[str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "service-account.pem").write_bytes(key)
    (folder / "tokens.csv").write_text(f"{TOKEN},tester,tester,system:masters\n")
    return [
        apiserver,
        "--etcd-servers",
        f"http://127.0.0.1:{client}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={secure}",
        "--endpoint-reconciler-type=none",
        f"--cert-dir={folder / 'certificates'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        f"--authorization-mode={authorization}",
        "--service-cluster-ip-range=10.0.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'service-account.pem'}",
        f"--service-account-signing-key-file={folder / 'service-account.pem'}",
        "--disable-admission-plugins=ServiceAccount",
    ]


def wait_until_ready(secure: int, running: list[subprocess.Popen[bytes]], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        for process in running:
            if process.poll() is not None:
                logs = "".join(
                    log.read_text(errors="replace")[-2000:] for log in sorted(folder.glob("*.log"))
                )
                sys.exit(f"{process.args[0]} ended with {process.returncode}\n{logs}")
        if answers(secure):
            return
        time.sleep(0.1)
    sys.exit(f"the API server did not get ready in {START_SECONDS} s")


def answers(secure: int) -> bool:
    request = urllib.request.Request(
        f"https://127.0.0.1:{secure}/readyz", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(request, context=trusting, timeout=2) as answer:
            return bool(answer.read() == b"ok")
    except (OSError, urllib.error.URLError):
        return False


def write_kubeconfig(folder: Path, secure: int, name: str = "kubeconfig", token: str = TOKEN) -> Path:
    server = {"server": f"https://127.0.0.1:{secure}", "insecure-skip-tls-verify": True}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": server}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [
            {"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "default"}}
        ],
    }
    path = folder / name
    path.write_text(json.dumps(config))
    return path


if __name__ == "__main__":
    main()
