"""kubectl's proxy on a socket: what it answers is what kubectl would, and what it cannot is asked of kubectl itself."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import Cluster

from kubectl_canary.errors import Unreachable
from kubectl_canary.outside import proxy as proxies
from kubectl_canary.outside.kubectl import Kubectl
from kubectl_canary.outside.proxy import Proxy, Unclear

OBJECT = {"kind": "Service", "metadata": {"name": "shop"}, "spec": {}}
PATH = "/api/v1/namespaces/web/services/shop"
PREFIX = "/k8s/clusters/c-1"  # as Rancher has it in its kubeconfigs


@dataclass
class Server:
    """Answers each request with the next of `answers`, then with the last; what was asked is in `asked`."""

    answers: list[tuple[int, bytes]] = field(default_factory=lambda: [(200, json.dumps(OBJECT).encode())])
    asked: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)
    pause: float = 0
    hint: bytes = b""
    drip: float = 0

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", 0))).decode()
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.asked.append((handler.command, handler.path, headers, body))
        status, answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        time.sleep(self.pause)
        handler.wfile.write(self.hint)
        handler.send_response(status)
        handler.send_header("content-length", str(len(answer)))
        handler.end_headers()
        for byte in (bytes([byte]) for byte in answer) if self.drip else (answer,):
            handler.wfile.write(byte)
            handler.wfile.flush()
            time.sleep(self.drip)


@pytest.fixture
def server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Callable[[str], Path]
) -> Iterator[Server]:
    """A server of plain HTTP that the kubeconfig names, with kubectl for it."""
    serving = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            serving.answer(self)

        do_PATCH = do_POST = do_GET  # noqa: N815  the names that the library calls

        def log_message(self, *_: object) -> None:
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    write_kubeconfig(tmp_path / "config", f"http://127.0.0.1:{listening.server_address[1]}{PREFIX}")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("KUBECTL_PATH", str(program("kubectl")))
    yield serving
    listening.shutdown()


def write_kubeconfig(place: Path, address: str) -> None:
    config = {
        "clusters": [{"name": "west", "cluster": {"server": address}}],
        "contexts": [{"name": "prod", "context": {"cluster": "west", "user": "u", "namespace": "web"}}],
        "users": [{"name": "u", "user": {}}],
        "current-context": "prod",
    }
    place.write_text(json.dumps(config))


def proxy_of(kubectl: Kubectl) -> Proxy:
    found = kubectl.proxied().proxy
    assert found is not None
    return found


@pytest.fixture
def real(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Kubectl:
    """Kubectl with a proxy to the real API server."""
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    monkeypatch.setenv("KUBECTL_PATH", str(cluster.kubectl_path))
    kubectl = Kubectl().proxied()
    assert kubectl.proxy is not None
    return kubectl


# --- against the real API server --------------------------------------------


def test_an_object_is_the_one_that_kubectl_gets(real: Kubectl, cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "service", "clusterip", "shop", "--tcp=80", "-n", namespace)
    path = f"/api/v1/namespaces/{namespace}/services"
    assert real.proxy is not None
    assert real.get(["service/shop"], namespace) == [real.proxy.get(f"{path}/shop")]
    assert real.proxy.get(f"{path}/none") is None
    listed = real.proxy.get(path)
    assert listed is not None
    assert ["shop"] == [item["metadata"]["name"] for item in listed["items"]]


@pytest.mark.parametrize(
    "path", ["/apis/example.com/v1/namespaces/x/shops/shop", "/apis/apps/v1/x/y/z", "/shop"]
)
def test_a_kind_that_the_server_lacks_is_no_object_that_is_not_there(real: Kubectl, path: str) -> None:
    assert real.proxy is not None
    with pytest.raises(Unclear):
        real.proxy.get(path)


def test_a_patch_is_taken_or_changes_nothing(real: Kubectl, cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "service", "clusterip", "shop", "--tcp=80", "-n", namespace)
    path = f"/api/v1/namespaces/{namespace}/services/shop"

    def label(value: str, expected: str, *, trying: bool = False) -> Any:
        operations = [
            {"op": "test", "path": "/metadata/labels/app", "value": expected},
            {"op": "add", "path": "/metadata/labels/app", "value": value},
        ]
        assert real.proxy is not None
        real.proxy.patch(path, operations, "us", trying=trying)

    def found() -> tuple[str, list[str]]:
        assert real.proxy is not None
        metadata = (real.proxy.get(path) or {})["metadata"]
        return metadata["labels"]["app"], [entry["manager"] for entry in metadata["managedFields"]]

    label("rehearsed", "shop", trying=True)
    assert "shop" == found()[0]
    label("new", "shop")
    assert "new" == found()[0]
    assert "us" in found()[1]
    with pytest.raises(Unclear):
        label("newer", "shop")
    with pytest.raises(Unclear, match="not found"):
        real.proxy.patch(f"{path}x", [], "us", trying=False)  # type: ignore[union-attr]
    assert "new" == found()[0]


# --- what is asked, and whom ------------------------------------------------


def test_the_servers_path_the_user_and_the_flags_go_with_it(server: Server) -> None:
    asking = proxy_of(Kubectl(("--as=jane",)))
    asking.patch(PATH, [{"op": "test", "path": "", "value": "ü"}], "us", trying=True)
    ((method, path, headers, body),) = server.asked
    assert ("PATCH", f"{PREFIX}{PATH}?fieldManager=us&dryRun=All") == (method, path)
    assert ("jane", "application/json-patch+json") == (headers["impersonate-user"], headers["content-type"])
    assert [{"op": "test", "path": "", "value": "ü"}] == json.loads(body)


def test_a_kubeconfig_that_changes_meanwhile_has_no_proxy(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy may have read the one, and what is pinned may be the other."""
    kubectl, config = os.environ["KUBECTL_PATH"], tmp_path / "config"
    wrapper(
        tmp_path, f'case "$*" in *"config view"*) echo >> {config};; esac; exec {kubectl} "$@"', monkeypatch
    )
    pinned = Kubectl().proxied()
    assert (None, "web") == (pinned.proxy, pinned.namespace)
    wrapper(tmp_path, f'exec {kubectl} "$@"', monkeypatch)
    assert proxy_of(Kubectl()).get(PATH) == OBJECT


def test_once_a_kubeconfig_has_changed_it_is_not_asked_any_more(server: Server, tmp_path: Path) -> None:
    """Kubectl itself would ask another server then."""
    asking = proxy_of(Kubectl())
    assert asking.get(PATH) == OBJECT
    write_kubeconfig(tmp_path / "config", "http://127.0.0.1:1/")
    for _ in range(2):
        with pytest.raises(Unclear):
            asking.get(PATH)
    assert 1 == len(server.asked)


@pytest.mark.parametrize("how", ["a link", "a copy that keeps its time"])
def test_a_kubeconfig_that_is_changed_and_put_back_has_no_proxy(
    server: Server, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl, config, other = os.environ["KUBECTL_PATH"], tmp_path / "config", tmp_path / "other"
    write_kubeconfig(other, "http://127.0.0.1:1/")
    real = config.rename(tmp_path / "real")
    if how == "a link":
        config.symlink_to(real)
        change, back = f"ln -sfn {other} {config}", f"ln -sfn {real} {config}"
    else:
        config.write_bytes(real.read_bytes())
        shutil.copystat(config, real)
        change, back = f"cp {other} {config}", f"cp -p {real} {config}"
    slow = f'case "$*" in *proxy*) {change}; (sleep 0.3; {back}) &; esac'.replace("&;", "&")
    wrapper(tmp_path, f'{slow}\ncase "$*" in *view*) sleep 0.6;; esac; exec {kubectl} "$@"', monkeypatch)
    assert Kubectl().proxied().proxy is None


def test_no_defaults_of_the_users_lead_it_elsewhere(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = {"command": "proxy", "options": [{"name": "server", "default": "http://127.0.0.1:1/"}]}
    preference = {"apiVersion": "kubectl.config.k8s.io/v1beta1", "kind": "Preference", "defaults": [defaults]}
    (tmp_path / "kuberc").write_text(json.dumps(preference))
    monkeypatch.setenv("KUBERC", str(tmp_path / "kuberc"))
    assert proxy_of(Kubectl()).get(PATH) == OBJECT


def test_without_a_home_there_is_no_kubeconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", "")
    assert [None] == Kubectl()._kubeconfigs()


@pytest.mark.parametrize("without", ["sh", "Unix sockets"])
def test_where_nothing_can_be_started_kubectl_is_asked(
    server: Server, without: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if without == "sh":
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        monkeypatch.delattr(socket, "AF_UNIX")
    pinned = Kubectl().proxied()
    assert (None, "web") == (pinned.proxy, pinned.namespace)


def test_only_what_is_asked_for_gets_through(server: Server) -> None:
    asking = proxy_of(Kubectl())
    status, _ = asking._exchange(f"POST {PATH}", "{}")
    assert (403, []) == (status, server.asked)


@pytest.mark.parametrize("where", ["$KUBECONFIG", "--kubeconfig", "home"])
def test_every_kubeconfig_that_kubectl_reads_is_looked_at(
    server: Server, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl, config = os.environ["KUBECTL_PATH"], (tmp_path / "config").read_text()
    place = tmp_path / ".kube" / "config"
    place.parent.mkdir()
    place.write_text(config)
    empty = tmp_path / "empty"
    empty.touch()
    flags: tuple[str, ...] = ()
    monkeypatch.delenv("KUBECONFIG")
    if where == "home":
        monkeypatch.setenv("HOME", str(tmp_path))
    elif where == "--kubeconfig":
        flags = (f"--kubeconfig={place}",)
    else:
        monkeypatch.setenv("KUBECONFIG", f"{empty}{os.pathsep}{place}")
    wrapper(
        tmp_path, f'case "$*" in *"config view"*) echo >> {place};; esac; exec {kubectl} "$@"', monkeypatch
    )
    assert Kubectl(flags).proxied().proxy is None


@pytest.mark.parametrize(
    "proxy",
    ["exit 1", "echo Starting to serve somewhere else; exit 0", "sleep 60"],
    ids=["fails", "ends", "never begins"],
)
def test_where_no_proxy_serves_kubectl_is_asked(
    server: Server, proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxies, "START", 0.2)
    kubectl = os.environ["KUBECTL_PATH"]
    wrapper(tmp_path, f'case "$*" in *proxy*) {proxy};; esac; exec {kubectl} "$@"', monkeypatch)
    pinned = Kubectl().proxied()
    assert (None, "web") == (pinned.proxy, pinned.namespace)
    until = time.monotonic() + 10
    while processes_with(tmp_path / "wrapper") and time.monotonic() < until:
        time.sleep(0.02)
    assert not processes_with(tmp_path / "wrapper")


def wrapper(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = folder / "wrapper"
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)
    monkeypatch.setenv("KUBECTL_PATH", str(place))


# --- what is no answer ------------------------------------------------------


def status(reason: str, code: int) -> tuple[int, bytes]:
    return code, json.dumps({"kind": "Status", "message": f"it is {reason}", "reason": reason}).encode()


FAILURES = [
    pytest.param(status("Unauthorized", 401), False, id="401"),
    pytest.param(status("TooManyRequests", 429), False, id="429"),
    pytest.param(status("Forbidden", 403), True, id="403"),
    pytest.param(status("Conflict", 409), True, id="409"),
    pytest.param((404, b"404 page not found"), True, id="404"),
]


@pytest.mark.parametrize(("failure", "goes_on"), FAILURES)
def test_a_refusal_is_unclear_and_one_that_is_about_us_the_last(
    server: Server, failure: tuple[int, bytes], goes_on: bool
) -> None:
    good = server.answers[0]
    server.answers = [failure, failure, good]
    asking = proxy_of(Kubectl())
    with pytest.raises(Unclear):
        asking.get(PATH)
    with pytest.raises(Unclear):
        asking.patch(PATH, [], "us", trying=False)
    if goes_on:
        assert asking.get(PATH) == OBJECT
    else:
        with pytest.raises(Unclear, match="does not serve"):
            asking.get(PATH)
        assert 1 == len(server.asked)


@pytest.mark.parametrize(
    "answer",
    [
        status("ServiceUnavailable", 503),
        status("Timeout", 408),
        (202, b"{}"),
        (200, b'{"kind": "Ser'),
        (200, b"[]"),
    ],
)
def test_nobody_knows_whether_a_patch_was_taken_that_has_no_whole_answer(
    server: Server, answer: tuple[int, bytes]
) -> None:
    server.answers = [answer]
    with pytest.raises(Unclear):
        proxy_of(Kubectl()).get(PATH)
    with pytest.raises(Unreachable):
        proxy_of(Kubectl()).patch(PATH, [], "us", trying=False)


@pytest.mark.parametrize("slow", ["before", "within"])
def test_who_takes_too_long_is_not_asked_again(
    server: Server, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    monkeypatch.setattr(proxies, "ANSWER", 0.3)
    patching, reading = proxy_of(Kubectl()), proxy_of(Kubectl())
    assert patching.get(PATH) == reading.get(PATH)
    server.pause, server.drip = (1.0, 0.0) if slow == "before" else (0.0, 0.1)
    with pytest.raises(Unreachable, match="timed out"):
        patching.patch(PATH, [], "us", trying=False)
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(Unclear):
            reading.get(PATH)
        assert time.monotonic() - began < 2
    assert 4 == len(server.asked)


def test_the_first_answer_may_take_as_long_as_a_login(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxies, "ANSWER", 0.3)
    server.pause = 1
    assert proxy_of(Kubectl()).get(PATH) == OBJECT


def test_a_hint_that_comes_before_the_answer_is_none(server: Server) -> None:
    server.hint = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    asking = proxy_of(Kubectl())
    asking.patch(PATH, [], "us", trying=False)
    assert asking.get(PATH) == OBJECT


def test_what_is_refused_in_plain_words_is_said_in_them(server: Server) -> None:
    server.answers = [(502, b"no route to the server")]
    with pytest.raises(Unreachable, match="502 no route to the server"):
        proxy_of(Kubectl()).patch(PATH, [], "us", trying=False)


def test_a_proxy_that_is_gone_has_taken_no_patch(server: Server) -> None:
    asking = proxy_of(Kubectl())
    asking.close()
    with pytest.raises(Unclear):
        asking.patch(PATH, [], "us", trying=False)


# --- how it ends ------------------------------------------------------------


def test_nobody_waits_for_a_wrapper_that_goes_on(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl = os.environ["KUBECTL_PATH"]
    wrapper(tmp_path, f'case "$*" in *proxy*) setsid sleep 7 & esac; exec {kubectl} "$@"', monkeypatch)
    asking = proxy_of(Kubectl())
    began = time.monotonic()
    asking.close()
    assert time.monotonic() - began < 5


HOLDING = """
import os, sys, time
from kubectl_canary.outside.kubectl import Kubectl
kubectl = Kubectl().proxied()
print(kubectl.proxy._socket, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_goes_with_us_however_we_end(server: Server, how: signal.Signals) -> None:
    holding = subprocess.Popen([sys.executable, "-c", HOLDING], stdout=subprocess.PIPE, text=True)
    assert holding.stdout is not None
    place = Path(holding.stdout.readline().strip())
    assert place.is_socket()
    assert 0o700 == place.parent.stat().st_mode & 0o777
    assert processes_with(place)
    holding.send_signal(how)
    holding.communicate()
    until = time.monotonic() + 10
    while (processes_with(place) or place.parent.exists()) and time.monotonic() < until:
        time.sleep(0.02)
    assert ([], False) == (processes_with(place), place.parent.exists())


def test_nobody_waits_for_a_shell_that_hangs(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxies, "START", 0.2)
    (tmp_path / "sh").write_text("#!/bin/bash\nexec /bin/sleep 8\n")
    (tmp_path / "sh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    began = time.monotonic()
    assert Kubectl().proxied().proxy is None
    assert time.monotonic() - began < 5


def test_its_folder_goes_where_nobody_hears_of_it(tmp_path: Path) -> None:
    """A verb that ends at once reads nothing any more when the folder is made."""
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = ["sh", "-c", proxies.KEEPER, "sh", "true"]
    keeper = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=writing, env=environment, start_new_session=True
    )
    os.close(writing)
    keeper.wait(20)
    assert [] == list(tmp_path.iterdir())


LEAVING = """
import os, sys, time
from kubectl_canary.outside.background import Later
from kubectl_canary.outside.kubectl import Kubectl
asked = Later(Kubectl().proxied)
time.sleep(float(sys.argv[1]))
os._exit(0) if sys.argv[2] == "at once" else sys.exit(0)
"""


@pytest.mark.parametrize("how", ["at once", "as Python does"])
@pytest.mark.parametrize("after", [0, 0.005, 0.02, 0.05, 0.1, 0.3, 1.0])
def test_nothing_is_left_of_one_that_was_being_started(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: float, how: str
) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    subprocess.run([sys.executable, "-c", LEAVING, str(after), how], check=True, timeout=20)
    until = time.monotonic() + 10
    while (processes_with(folder) or any(folder.iterdir())) and time.monotonic() < until:
        time.sleep(0.02)
    assert ([], []) == (processes_with(folder), list(folder.iterdir()))


def processes_with(place: Path) -> list[str]:
    """The processes that have a path in their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(place) in line:
            found.append(line)
    return found
