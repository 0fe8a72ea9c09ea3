"""Hold our verdicts against a real API server's, for releases and channels of the Gateway API.

    python tests/agreement.py [MUTANTS] [RELEASE/CHANNEL | kubernetes ...]

Judges upstream's examples, its invalid examples and its conformance manifests, and that many changed copies of them
for each release and channel (3,000 unless told), by a server-side dry run with strict fields; then five times as many
of the built-in kinds. Prints a table and every disagreement; ends with 1 where there is one.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import http.client
import json
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apiserver
import mutants
import yaml
from apiserver import build

from kubectl_canary.admission import catalog, verdict

Document = dict[str, Any]

MUTANTS = 3000
WORKERS = 8
BUILT_IN = Path(__file__).parent / "manifests/builtin.yaml"
NEAR_RULES = Path(__file__).parent / "cel_cases.json"
KUBERNETES = "kubernetes"
# ranges of addresses and ports are the cluster's own
ONLY_A_CLUSTER_KNOWS = ("failed to allocate IP", "provided port is not in the valid range")


@dataclass
class Agreement:
    """How often two judges agree, and the documents on which they do not."""

    accepted: int = 0
    refused: int = 0
    worded: int = 0
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

    def install(self, folder: Path) -> None:
        """Replace all CRDs by those of a folder."""
        self.run(
            "delete",
            "validatingadmissionpolicybindings,validatingadmissionpolicies,crd",
            "--all",
            "--wait=false",
        )
        self.wait_until_deleted()
        files = [
            f"--filename={file}"
            for file in sorted(folder.glob("gateway.networking*.yaml"))
            if "vap" not in file.name
        ]
        self.run("create", *files)
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
        found.add(document, said, verdict.judge(document, target) or [])
    return found


def samples(names: Sequence[str]) -> Iterator[tuple[str, catalog.Target, Path | None]]:
    """What to compare: its title, its target and the folder of its CRDs."""
    releases = [
        f"{release}/{channel}" for release in catalog.in_order("gatewayAPI") for channel in catalog.CHANNELS
    ]
    for name in names or [*releases, KUBERNETES]:
        if name == KUBERNETES:
            target = catalog.Target()
            yield f"Kubernetes {target.kubernetes}", target, None
        else:
            target = catalog.Target(*name.split("/"))
            yield name.replace("/", " "), target, crds(target)


def report(title: str, found: Agreement, seconds: float) -> None:
    """A row of the table, and every disagreement."""
    documents = found.accepted + found.refused + len(found.disagreements)
    words = f"{100 * found.worded / max(found.refused, 1):.0f} %"
    cells = (
        title, f"{documents:,}", f"{found.accepted:,}", f"{found.refused:,}", words, len(found.disagreements),
        f"{seconds:.0f}",
    )  # fmt: skip
    print(f"| {' | '.join(map(str, cells))} |", flush=True)
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
        for title, target, folder in samples([word for word in sys.argv[1:] if not word.isdigit()]):
            start = time.monotonic()
            if folder:
                server.install(folder)
            server.discover()
            documents = sample(target, count) if folder else built_in_sample(5 * count)
            found = compared(server, target, documents)
            total += len(found.disagreements)
            report(title, found, time.monotonic() - start)
    sys.exit(total > 0)


if __name__ == "__main__":
    main()
