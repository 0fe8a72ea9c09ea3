"""An Envoy of its own before the pods of a release, at 90 and 10: what a route's gateway does not do, it is told to."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import build

TYPES = "type.googleapis.com/envoy."
SHARES = {"stable": 90, "canary": 10}
SESSIONS = f"{TYPES}extensions.filters.http.stateful_session.v3.StatefulSession"
COOKIES = f"{TYPES}extensions.http.stateful_session.cookie.v3.CookieBasedSessionState"
STATE = "envoy.http.stateful_session.cookie"


@contextlib.contextmanager
def balancing(folder: Path, pods: Mapping[str, Sequence[str]], certificate: Path) -> Iterator[dict[str, int]]:
    """The ports at which each way of choosing a version listens; `pods` are the addresses of each of SHARES.

    Testers reach the canary, but not by `connection`. `cookie` gives a session to who has none, and keeps it at its pod;
    `connection` chooses once for each connection; `tls` each time, behind TLS.
    """
    ports = {name: _free_port() for name in ("cookie", "connection", "tls")}
    filters = {
        "cookie": _http({"cluster": "all"}, _session()),
        "connection": _filter("tcp_proxy", "tcp_proxy.v3.TcpProxy", weighted_clusters=_weights()),
        "tls": _http({"weighted_clusters": _weights()}),
    }
    listeners = [_listener(name, ports[name], known) for name, known in filters.items()]
    listeners[-1]["filter_chains"][0]["transport_socket"] = _tls(certificate)
    each = {name: [(address, 1) for address in addresses] for name, addresses in pods.items()}
    each["all"] = [
        (address, SHARES[name] * 100 // len(addresses))
        for name, addresses in pods.items()
        for address in addresses
    ]
    clusters = [_cluster(name, addresses) for name, addresses in each.items()]
    config = folder / "balancer.json"
    config.write_text(json.dumps({"static_resources": {"listeners": listeners, "clusters": clusters}}))
    command = [build.ensure("envoy"), "-c", config, "--log-level", "warning", "--use-dynamic-base-id"]
    with subprocess.Popen(command) as envoy:
        try:
            for port in ports.values():
                _wait_for(port)
            yield ports
        finally:
            envoy.terminate()


def _weights() -> dict[str, Any]:
    return {"clusters": [{"name": name, "weight": weight} for name, weight in SHARES.items()]}


def _session() -> dict[str, Any]:
    """A filter that keeps who brings its cookie at the pod that the cookie names."""
    state = {"@type": COOKIES, "cookie": {"name": "held", "path": "/", "ttl": "600s"}}
    return {
        "name": "sessions",
        "typed_config": {"@type": SESSIONS, "session_state": {"name": STATE, "typed_config": state}},
    }


def _http(action: dict[str, Any], *before: dict[str, Any]) -> dict[str, Any]:
    is_tester = [{"name": "x-canary", "string_match": {"exact": "true"}}]
    routes = [
        {"match": {"prefix": "/", "headers": is_tester}, "route": {"cluster": "canary"}},
        {"match": {"prefix": "/"}, "route": action},
    ]
    hosts = [{"name": "all", "domains": ["*"], "routes": routes}]
    router = {"name": "router", "typed_config": {"@type": f"{TYPES}extensions.filters.http.router.v3.Router"}}
    return _filter(
        "http",
        "http_connection_manager.v3.HttpConnectionManager",
        route_config={"virtual_hosts": hosts},
        http_filters=[*before, router],
    )


def _filter(name: str, kind: str, **config: Any) -> dict[str, Any]:
    typed = {"@type": f"{TYPES}extensions.filters.network.{kind}", "stat_prefix": name, **config}
    return {"name": name, "typed_config": typed}


def _listener(name: str, port: int, network_filter: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "address": _address("127.0.0.1", port),
        "filter_chains": [{"filters": [network_filter]}],
    }


def _tls(certificate: Path) -> dict[str, Any]:
    own = {"certificate_chain": {"filename": str(certificate)}, "private_key": {"filename": str(certificate)}}
    context = {"tls_certificates": [own], "alpn_protocols": ["h2", "http/1.1"]}
    kind = f"{TYPES}extensions.transport_sockets.tls.v3.DownstreamTlsContext"
    return {"name": "tls", "typed_config": {"@type": kind, "common_tls_context": context}}


def _cluster(name: str, pods: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """A cluster of addresses, each with its weight."""
    hosts = [(*address.rpartition(":"), weight) for address, weight in pods]
    endpoints = [
        {"endpoint": {"address": _address(host, int(port))}, "load_balancing_weight": weight}
        for host, _, port, weight in hosts
    ]
    assignment = {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]}
    return {"name": name, "type": "STATIC", "load_assignment": assignment}


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _wait_for(port: int, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
