"""Run a whole cluster in the network namespace that we are in, for as long as our standard input stays open.

    python tests/world/supervisor.py GATEWAY FOLDER

Prints one line of JSON once the Gateway is programmed: {"address": "HOST:PORT"}. FOLDER has kubeconfig-USER and the
logs. Then a line of standard input is a command, `stop`, `kill`, `start`, `pause` or `resume` and the NAME of a part
(etcd, apiserver, controller-manager, kubelet, gateway), answered by a line, `ok` or what is wrong. In the end all
processes are killed by their ids and the folder is removed.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tools")]

import build
import supervisor as control_plane

ADDRESS = "10.244.0.1"
# Envoy listens 8000 above the port of the Gateway's listener
# where each gateway exports its metrics: the address and the path; Contour's Envoy has them at a listener of its own
METRICS = {"traefik": ("127.0.0.1:9101", "/metrics"), "contour": ("127.0.0.1:8002", "/stats/prometheus")}
PORTS = {"traefik": 80, "contour": 8080}
CONTROLLERS = {"traefik": "traefik.io/gateway-controller", "contour": "projectcontour.io/gateway-controller"}
USERS = {"admin": "system:masters", "releaser": "releasers", "viewer": "viewers"}
NAMESPACE, GATEWAY, SECRET = "gateways", "production-gw", "production-tls"
LOOPS = ("deployment", "replicaset", "endpointslice", "garbage-collector", "namespace", "disruption")


class World:
    """The parts, each a list of processes with one name, and how they are started again."""

    def __init__(self, gateway: str, folder: Path) -> None:
        self.gateway, self.folder = gateway, folder
        self.client, self.peer, self.secure, *self.others = control_plane.free_ports(10)
        self.commands: dict[str, list[list[str]]] = {}
        self.processes: dict[str, list[subprocess.Popen[bytes]]] = {}

    def run(self, name: str, *commands: list[str]) -> None:
        """Remember how a part is started, and start it."""
        self.commands[name] = list(commands)
        self.start(name)

    def start(self, name: str) -> None:
        self.processes[name] = [
            control_plane.start(self.folder / f"{name}-{number}.log", command)
            for number, command in enumerate(self.commands[name])
        ]
        if name == "apiserver":
            control_plane.wait_until_ready(self.secure, self.processes[name], self.folder)

    def stop(self, name: str) -> None:
        for process in self.processes[name]:
            control_plane.stop(process, seconds=3)  # an API server with watches would take a minute

    def kill(self, name: str) -> None:
        for process in self.processes[name]:
            process.kill()
            process.wait()

    def pause(self, name: str) -> None:
        for process in self.processes[name]:
            process.send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        for process in self.processes[name]:
            process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        for name in self.processes:
            self.kill(name)

    def kubectl(self, *words: str, stdin: str = "") -> None:
        command = [str(build.ensure("kubectl")), f"--kubeconfig={self.kubeconfig}", *words]
        subprocess.run(command, input=stdin, text=True, check=True, stdout=subprocess.DEVNULL)

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig-admin"


def main() -> None:
    world = World(sys.argv[1], Path(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started us; we end when they do
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        start(world)
        print(json.dumps({"address": f"{ADDRESS}:{PORTS[world.gateway]}"}), flush=True)
        for line in sys.stdin:
            print(obey(world, line.split()), flush=True)
    finally:
        world.end()
        shutil.rmtree(world.folder, ignore_errors=True)


def obey(world: World, words: list[str]) -> str:
    """Do what a line says; the answer to it."""
    actions: dict[str, Callable[[str], None]] = {
        "stop": world.stop,
        "kill": world.kill,
        "start": world.start,
        "pause": world.pause,
        "resume": world.resume,
    }
    if len(words) != 2 or words[0] not in actions or words[1] not in world.commands:
        return f"expected one of {', '.join(actions)} and one of {', '.join(world.commands)}"
    actions[words[0]](words[1])
    return "ok"


def start(world: World) -> None:
    start_apiserver(world)
    world.run("controller-manager", controller_manager(world))
    world.run("kubelet", [sys.executable, str(HERE / "kubelet.py"), str(world.kubeconfig)])
    for crds in (name for name in build.GATEWAYS[world.gateway] if name.endswith("crds")):
        world.kubectl("apply", "--server-side", "-f", str(build.ensure(crds)))
    world.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    make_gateway(world)
    world.run("gateway", *{"traefik": traefik, "contour": contour}[world.gateway](world))
    world.kubectl(
        "-n", NAMESPACE, "wait", "--for=condition=Programmed", f"gateway/{GATEWAY}", "--timeout=60s"
    )


def start_apiserver(world: World) -> None:
    etcd = str(build.ensure("etcd"))
    world.run("etcd", control_plane.etcd_command(etcd, world.folder, world.client, world.peer))
    command = control_plane.apiserver_command(
        str(build.ensure("kube-apiserver")), world.folder, world.client, world.secure, "RBAC"
    )
    tokens = {control_plane.TOKEN: ("supervisor", "system:masters")}
    for user, group in USERS.items():
        tokens[f"token-of-{user}"] = (user, group)
        control_plane.write_kubeconfig(world.folder, world.secure, f"kubeconfig-{user}", f"token-of-{user}")
    lines = [f"{token},{user},{user},{group}\n" for token, (user, group) in tokens.items()]
    (world.folder / "tokens.csv").write_text("".join(lines))
    world.run("apiserver", command)


def controller_manager(world: World) -> list[str]:
    return [
        str(build.ensure("kube-controller-manager")),
        f"--kubeconfig={world.kubeconfig}",
        f"--controllers={','.join(f'{name}-controller' for name in LOOPS)}",
        "--leader-elect=false",
        f"--secure-port={world.others[0]}",
    ]


def make_gateway(world: World) -> None:
    """The GatewayClass, and the Gateway that all releases share, with the Secret of its certificate."""
    key, certificate = world.folder / "tls.key", world.folder / "tls.crt"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=example.com".split()
    command = ["openssl", *words, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    world.kubectl("create", "namespace", NAMESPACE)
    world.kubectl("-n", NAMESPACE, "create", "secret", "tls", SECRET, f"--cert={certificate}", f"--key={key}")
    version = "gateway.networking.k8s.io/v1"
    everybody = {"namespaces": {"from": "All"}}
    secret = {"certificateRefs": [{"name": SECRET}]}
    listeners = [
        {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": everybody},
        {"name": "https", "port": 443, "protocol": "HTTPS", "tls": secret, "allowedRoutes": everybody},
    ]
    for kind, metadata, spec in (
        ("GatewayClass", {"name": "world"}, {"controllerName": CONTROLLERS[world.gateway]}),
        (
            "Gateway",
            {"name": GATEWAY, "namespace": NAMESPACE},
            {"gatewayClassName": "world", "listeners": listeners},
        ),
    ):
        made = {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
        world.kubectl("apply", "-f", "-", stdin=json.dumps(made))


def traefik(world: World) -> list[list[str]]:
    words = [
        "--providers.kubernetesgateway=true",
        f"--providers.kubernetesgateway.statusaddress.ip={ADDRESS}",
        f"--entrypoints.web.address={ADDRESS}:80",
        f"--entrypoints.websecure.address={ADDRESS}:443",
        "--metrics.prometheus=true",
        "--metrics.prometheus.addServicesLabels=true",
        "--metrics.prometheus.entryPoint=metrics",
        f"--entrypoints.metrics.address={METRICS['traefik'][0]}",
        "--global.checknewversion=false",
        "--log.level=ERROR",
    ]
    return [["env", f"KUBECONFIG={world.kubeconfig}", str(build.ensure("traefik")), *words]]


def contour(world: World) -> list[list[str]]:
    program, xds = str(build.ensure("contour")), world.others[1]
    config, bootstrap = world.folder / "contour.json", world.folder / "envoy.json"
    reference = {"namespace": NAMESPACE, "name": GATEWAY}
    config.write_text(json.dumps({"gateway": {"gatewayRef": reference}}))
    subprocess.run(
        [
            program, "bootstrap", str(bootstrap), f"--admin-address={world.folder / 'admin.sock'}",
            "--xds-address=127.0.0.1", f"--xds-port={xds}", "--xds-resource-version=v3",
        ],
        check=True,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    serve = [
        program, "serve", "--insecure", "--disable-leader-election", f"--config-path={config}",
        f"--kubeconfig={world.kubeconfig}", "--xds-address=127.0.0.1", f"--xds-port={xds}",
        f"--envoy-service-http-address={ADDRESS}", f"--envoy-service-https-address={ADDRESS}",
        "--envoy-service-http-port=80", "--envoy-service-https-port=443",
        "--stats-address=127.0.0.1", f"--stats-port={METRICS['contour'][0].partition(':')[2]}",
        "--http-address=127.0.0.1", f"--http-port={world.others[3]}", f"--health-port={world.others[4]}",
        "--debug-http-address=127.0.0.1", f"--debug-http-port={world.others[5]}",
    ]  # fmt: skip
    envoy = [
        str(build.ensure("envoy")), "-c", str(bootstrap), "--service-cluster", "gateways",
        "--service-node", "node", "--log-level", "warning",
    ]  # fmt: skip
    return [serve, envoy]


if __name__ == "__main__":
    main()
