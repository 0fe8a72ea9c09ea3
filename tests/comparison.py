"""Who accepts what a real API server refuses: we, kubeconform and kubectl-validate on one corpus, as a table.

    python tests/comparison.py [MUTANTS]

Each document of the corpus is a file. kubeconform is given our strict schemas, kubectl-validate the release's own CRDs
and the newest Kubernetes schemas that it has in itself (1.30).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import agreement
import apiserver
from apiserver import HERE, build

from kubectl_canary.api import catalog, verdict

Document = dict[str, Any]
Refused = set[int]

MUTANTS = 2000
SCHEMAS = HERE.parent / "schemas"
KUBERNETES_OF_KUBECTL_VALIDATE = "1.30"


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else MUTANTS
    target = catalog.Target()
    corpora = {
        f"Gateway API {target.gateway_api}, upstream's invalid examples": invalid_examples(target),
        f"Gateway API {target.gateway_api}, examples and {count:,} mutants": agreement.sample(target, count),
        f"Kubernetes {target.kubernetes}, {count:,} mutants": agreement.built_in_sample(count),
    }
    print("| corpus | documents | the server refuses |", " | ".join(JUDGES), "|")
    print("|---|---|---|" + "---|" * len(JUDGES))
    with apiserver.running() as kubeconfig:
        server = agreement.Server(kubeconfig)
        server.discover()
        for title, documents in corpora.items():
            refused = {number for number, said in enumerate(server.refusals(documents)) if said}
            cells = [wrong(judge(documents, target), refused) for judge in JUDGES.values()]
            print(f"| {title} | {len(documents):,} | {len(refused):,} | {' | '.join(cells)} |", flush=True)


def invalid_examples(target: catalog.Target) -> list[Document]:
    folder = agreement.crds(target).parents[2] / "hack/invalid-examples/standard"
    found = []
    for file in sorted(folder.rglob("*.yaml")):
        documents = [one for one in agreement.yaml.safe_load_all(file.read_text(encoding="utf-8")) if one]
        found += [agreement.plain(one) for one in documents if agreement.serves(target, one)]
    return found


def wrong(theirs: Refused, right: Refused) -> str:
    """How many wrong verdicts of each kind."""
    return f"{len(right - theirs):,} accepted, {len(theirs - right):,} refused"


def ours(documents: Sequence[Document], target: catalog.Target) -> Refused:
    return {number for number, one in enumerate(documents) if verdict.judge(one, target)}


def kubeconform(documents: Sequence[Document], target: catalog.Target) -> Refused:
    command = [str(build.ensure("kubeconform")), "-strict", "-output", "json"]
    gateway = f"gateway-api/{target.gateway_api}/{target.channel}"
    for folder in (f"kubernetes/{target.kubernetes}", gateway):
        command += [
            "-schema-location",
            f"{SCHEMAS / folder}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json",
        ]
    with tempfile.TemporaryDirectory() as folder:
        written(documents, Path(folder))
        done = subprocess.run([*command, folder], capture_output=True, text=True, check=False)
    bad = json.loads(done.stdout)["resources"] or []
    return {int(Path(one["filename"]).stem) for one in bad}


def kubectl_validate(documents: Sequence[Document], target: catalog.Target) -> Refused:
    command = [str(build.ensure("kubectl-validate")), "--output=json"]
    command += [f"--local-crds={agreement.crds(target)}", f"--version={KUBERNETES_OF_KUBECTL_VALIDATE}"]
    with tempfile.TemporaryDirectory() as folder:
        written(documents, Path(folder))
        done = subprocess.run([*command, folder], capture_output=True, text=True, check=False)
    answers = json.loads(done.stdout)
    return {int(Path(file).stem) for file, (one,) in answers.items() if one.get("status") != "Success"}


def written(documents: Sequence[Document], folder: Path) -> None:
    for number, document in enumerate(documents):
        (folder / f"{number}.json").write_text(json.dumps(document), encoding="utf-8")


JUDGES: dict[str, Callable[[Sequence[Document], catalog.Target], Refused]] = {
    "`kubectl canary validate`, wrong": ours,
    "kubeconform, wrong": kubeconform,
    "kubectl-validate, wrong": kubectl_validate,
}

if __name__ == "__main__":
    main()
