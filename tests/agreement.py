"""Hold our verdicts against a real API server's, for releases and channels of the Gateway API.

    python tests/agreement.py [MUTANTS] [RELEASE/CHANNEL | kubernetes | others ...]

Judges upstream's examples, its invalid examples and its conformance manifests, and that many changed copies of them
for each release and channel (3,000 unless told), by a server-side dry run with strict fields; then five times as many
of the built-in kinds, and as many of kinds that well-known projects define. Prints a table and every disagreement; ends with 1 where there is one.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import http.client
import json
import random
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apiserver
import mutants
import yaml
from apiserver import build

from kubectl_canary.api import catalog, openapi, verdict
from kubectl_canary.api.unsupported import Unsupported

Document = dict[str, Any]

MUTANTS = 3000
WORKERS = 8
BUILT_IN = Path(__file__).parent / "manifests/builtin.yaml"
SCHEMA_ONLY = Path(__file__).parent / "manifests/schema-only.yaml"
NEAR_RULES = Path(__file__).parent / "cel_cases.json"
KUBERNETES = "kubernetes"
PROJECTS = "others"
OTHERS = {
    "github.com/argoproj/argo-rollouts@v1.10.2": "manifests/crds/*-crd.yaml",
    "github.com/cert-manager/cert-manager@v1.21.2": "deploy/crds/*.yaml",
    "github.com/fluxcd/flagger@v1.36.1": "artifacts/flagger/crd.yaml",
    "istio.io/api@v1.31.4": "kubernetes/customresourcedefinitions.gen.yaml",
}
# ranges of addresses and ports are the cluster's own, and so is what other Services of it were given
ONLY_A_CLUSTER_KNOWS = (
    "failed to allocate IP",
    "provided port is not in the valid range",
    "provided port is already allocated",
)


@dataclass
class Agreement:
    """How often two judges agree, and the documents on which they do not."""

    accepted: int = 0
    refused: int = 0
    worded: int = 0
    unsupported: int = 0
    disagreements: list[tuple[Document, str, str]] = field(default_factory=list)

    def add(self, document: Document, said: str | None, ours: Sequence[Any]) -> None:
        """Count one document; `said` is the server's refusal."""
        if said and any(reason in said for reason in ONLY_A_CLUSTER_KNOWS):
            return
        if bool(said) != bool(ours):
            self.disagreements.append((document, said or "accepted", str(ours[0] if ours else "accepted")))
        elif said is None:
            self.accepted += 1
        else:
            self.refused += 1
            self.worded += any(finding.message in said for finding in ours)


class Server:
    """A real API server, asked by dry runs."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        self.address = config["clusters"][0]["cluster"]["server"].removeprefix("https://")
        self.headers = {
            "Authorization": f"Bearer {config['users'][0]['user']['token']}",
            "Content-Type": "application/json",
        }
        self.local = threading.local()
        self.kubectl = [str(build.ensure("kubectl")), f"--kubeconfig={kubeconfig}"]
        self.plurals: dict[str, tuple[str, bool]] = {}

    def install(self, wanted: Path | list[Document]) -> None:
        """Replace all CRDs by those of a folder, or by these."""
        kinds = "validatingadmissionpolicybindings,validatingadmissionpolicies,crd"
        self.run("delete", kinds, "--all", "--wait=false")
        self.wait_until_deleted()
        with tempfile.TemporaryDirectory() as scratch:
            if isinstance(wanted, Path):
                files = [one for one in wanted.glob("gateway.networking*.yaml") if "vap" not in one.name]
            else:
                files = [Path(scratch, "crds.json")]
                files[0].write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": wanted}))
            self.run("create", *(f"--filename={file}" for file in sorted(files)))
        self.run("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")

    def wait_until_deleted(self) -> None:
        """Until no CRD is left. Touches them: the server looks again at one that it could not delete only so."""
        while self.run("get", "crd", "--output=name"):
            with contextlib.suppress(subprocess.CalledProcessError):  # deleted meanwhile
                self.run("annotate", "crd", "--all", "--overwrite", f"touched={time.monotonic()}")
            time.sleep(0.2)

    def discover(self) -> None:
        """Learn the kinds' paths, as soon as all are served."""
        self.plurals = {}
        for group in json.loads(self.run("get", "--raw", "/apis"))["groups"]:
            for version in group["versions"]:
                prefix = version["groupVersion"]
                for one in json.loads(self.run("get", "--raw", f"/apis/{prefix}"))["resources"]:
                    if "/" not in one["name"]:
                        self.plurals[f"{prefix} {one['kind']}"] = (
                            f"/apis/{prefix}",
                            one["name"],
                            one["namespaced"],
                        )
        for one in json.loads(self.run("get", "--raw", "/api/v1"))["resources"]:
            if "/" not in one["name"]:
                self.plurals[f"v1 {one['kind']}"] = ("/api/v1", one["name"], one["namespaced"])

    def run(self, *words: str) -> str:
        return subprocess.run([*self.kubectl, *words], check=True, capture_output=True, text=True).stdout

    def refusal(self, document: Document) -> str | None:
        """What the server says against a document; None where it would accept it."""
        prefix, plural, namespaced = self.plurals[f"{document['apiVersion']} {document['kind']}"]
        place = f"{prefix}/{'namespaces/default/' * namespaced}{plural}?dryRun=All&fieldValidation=Strict"
        status, answer = self.post(place, json.dumps(document).encode())
        return None if status == 201 else f"{status} {answer.get('message', answer)}"

    def post(self, path: str, body: bytes) -> tuple[int, Any]:
        for last in (False, True):
            try:
                connection = self.connection()
                connection.request("POST", path, body, self.headers)
                answer = connection.getresponse()
                return answer.status, json.loads(answer.read())
            except (http.client.HTTPException, OSError):
                del self.local.connection
                if last:
                    raise
        raise AssertionError("not reached")

    def connection(self) -> http.client.HTTPSConnection:
        if not hasattr(self.local, "connection"):
            trusting = ssl.create_default_context()
            trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
            self.local.connection = http.client.HTTPSConnection(self.address, context=trusting, timeout=60)
        found: http.client.HTTPSConnection = self.local.connection
        return found

    def refusals(self, documents: Sequence[Document]) -> Iterator[str | None]:
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            yield from pool.map(self.refusal, documents)


@functools.cache
def module(name: str) -> Path:
    """The folder of a Go module."""
    with tempfile.TemporaryDirectory() as scratch:
        answer = subprocess.run(
            [build.go(), "mod", "download", "-json", name],
            cwd=scratch,
            env={**build._environment(), "GOFLAGS": "-mod=mod"},
            check=True,
            capture_output=True,
            text=True,
        )
    return Path(json.loads(answer.stdout)["Dir"])


def crds(target: catalog.Target) -> Path:
    """The folder of the release's own CRDs."""
    version = catalog.releases()["gatewayAPI"][target.gateway_api]["version"]
    return module(f"sigs.k8s.io/gateway-api@{version}") / "config/crd" / target.channel


def corpus(target: catalog.Target) -> list[Document]:
    """Upstream's manifests of kinds that the target serves, its conformance tests' among them."""
    root = crds(target).parents[2]
    folders = [root / "examples", root / "hack", root / "conformance"]
    if not folders[-1].is_dir():
        version = catalog.releases()["gatewayAPI"][target.gateway_api]["version"]
        folders[-1] = module(f"sigs.k8s.io/gateway-api/conformance@{version}")
    found = []
    for file in sorted(file for folder in folders for file in folder.rglob("*.yaml")):
        try:
            documents = list(yaml.load_all(file.read_text(encoding="utf-8"), yaml.CSafeLoader))
        except yaml.YAMLError:
            continue  # a template
        found += [plain(one) for one in documents if isinstance(one, dict) and serves(target, one)]
    return found


def near_rules(target: catalog.Target) -> list[Document]:
    """Documents next to what CEL rules of the newest release refuse."""
    cases = json.loads(NEAR_RULES.read_text(encoding="utf-8"))
    return [one["keeps"] for one in cases if serves(target, one["keeps"])]


def built_in_sample(count: int, seed: str = "") -> list[Document]:
    """A document of each built-in kind, and that many mutants; Deployments have the most to get wrong."""
    documents = list(yaml.safe_load_all(BUILT_IN.read_text(encoding="utf-8")))
    deployments = [one for one in documents if one["kind"] == "Deployment"]
    weighted = [*documents, *deployments * 9]
    return [*documents, *map(plain, mutants.Mutator(weighted, f"kubernetes{seed}").mutants(count))]


def schema_only_sample(count: int) -> list[Document]:
    """A document of each built-in kind that is judged by its schema alone, and that many mutants."""
    documents = list(map(plain, yaml.safe_load_all(SCHEMA_ONLY.read_text(encoding="utf-8"))))
    return [*documents, *map(plain, mutants.Mutator(documents, SCHEMA_ONLY.name).mutants(count))]


@functools.cache
def others() -> list[Document]:
    """The CustomResourceDefinitions of other projects."""
    found: dict[str, Document] = {}
    for name, pattern in OTHERS.items():
        for file in sorted(module(name).glob(pattern)):
            for one in yaml.load_all(file.read_text(encoding="utf-8"), yaml.CSafeLoader):
                if one and one["kind"] == "CustomResourceDefinition":
                    one.pop("status", None)
                    found[one["metadata"]["name"]] = one
    return list(found.values())


def others_target() -> catalog.Target:
    """The newest releases, and the kinds of others."""
    return catalog.Target(others={key: kind for crd in others() for key, kind in openapi.kinds(crd).items()})


def others_sample(count: int) -> list[Document]:
    """Made-up documents of each kind of others, and mutants of them: that many in all."""
    target = others_target()
    each = count // len(target.others) // 2 + 1
    found: list[Document] = []
    for key, kind in target.others.items():
        maker = mutants.Maker(random.Random(key))
        api_version, name = key.split()
        known = {"apiVersion": api_version, "kind": name, "metadata": {"name": "a"}}
        made = [
            maker.value(kind.schema, maker.random.choice((0, 0.1, 0.3, 0.6))) | known for _ in range(each)
        ]
        found += [plain(one) for one in (*made, *mutants.Mutator(made, key).mutants(each))]
    return found


def serves(target: catalog.Target, document: Document) -> bool:
    kind = target.find(str(document.get("apiVersion")), str(document.get("kind")))
    return kind is not None and kind.custom


def plain(document: Document) -> Document:
    """As JSON, in the namespace of the request."""
    made: Document = json.loads(json.dumps(document, default=str))
    if isinstance(made.get("metadata"), dict):
        made["metadata"].pop("namespace", None)
    return made


def sample(target: catalog.Target, count: int, seed: str = "") -> list[Document]:
    """The corpus and that many mutants of it."""
    documents = [*corpus(target), *near_rules(target)]
    return [*documents, *map(plain, mutants.Mutator(documents, f"{target}{seed}").mutants(count))]


def compared(server: Server, target: catalog.Target, documents: Sequence[Document]) -> Agreement:
    """Both verdicts on every document."""
    found = Agreement()
    for document, said in zip(documents, server.refusals(documents), strict=True):
        try:
            found.add(document, said, verdict.judge(document, target) or [])
        except Unsupported:
            found.unsupported += 1
    return found


@dataclass
class Sample:
    """What to compare: its title, its target, the CRDs that it needs, and documents, that many changed ones."""

    title: str
    target: catalog.Target
    crds: Path | list[Document] | None
    documents: Callable[[int], list[Document]]


def samples(names: Sequence[str]) -> Iterator[Sample]:
    """Everything that is asked for; all without names."""
    releases = [
        f"{release}/{channel}" for release in catalog.in_order("gatewayAPI") for channel in catalog.CHANNELS
    ]
    for name in names or [*releases, KUBERNETES, PROJECTS]:
        if name == KUBERNETES:
            target = catalog.Target()
            yield Sample(
                f"Kubernetes {target.kubernetes}", target, None, lambda count: built_in_sample(5 * count)
            )
        elif name == PROJECTS:
            title = f"{len(others())} kinds of other projects"
            yield Sample(title, others_target(), others(), lambda count: others_sample(5 * count))
        else:
            target = catalog.Target(*name.split("/"))
            title = name.replace("/", " ")
            yield Sample(title, target, crds(target), functools.partial(sample, target))


def report(title: str, found: Agreement, seconds: float) -> None:
    """A row of the table, and every disagreement."""
    documents = found.accepted + found.refused + len(found.disagreements)
    words = f"{100 * found.worded / max(found.refused, 1):.0f} %"
    cells = (
        title, f"{documents:,}", f"{found.accepted:,}", f"{found.refused:,}", words, len(found.disagreements),
        f"{seconds:.0f}",
    )  # fmt: skip
    print(f"| {' | '.join(map(str, cells))} |", flush=True)
    if found.unsupported:
        print(f"not judged, since a rule uses what we do not know: {found.unsupported:,}", file=sys.stderr)
    for document, theirs, ours in found.disagreements:
        print(f"server: {theirs}\nours: {ours}\n{json.dumps(document)}\n", file=sys.stderr, flush=True)


def main() -> None:
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    count = numbers[0] if numbers else MUTANTS
    total = 0
    print(
        "| release | documents | accepted by both | refused by both | in the server's words | disagreements | seconds |"
    )
    print("|---|---|---|---|---|---|---|", flush=True)
    with apiserver.running() as kubeconfig:
        server = Server(kubeconfig)
        for one in samples([word for word in sys.argv[1:] if not word.isdigit()]):
            start = time.monotonic()
            if one.crds is not None:
                server.install(one.crds)
            server.discover()
            found = compared(server, one.target, one.documents(count))
            total += len(found.disagreements)
            report(one.title, found, time.monotonic() - start)
    sys.exit(total > 0)


if __name__ == "__main__":
    main()
