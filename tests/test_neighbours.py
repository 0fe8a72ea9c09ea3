"""The neighbours' own examples, from their modules: each is imported and renders, or is refused with a reason."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import build
import pytest
import yaml
from test_import_argo_rollouts import rendered

from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.integrations.importers import argo_rollouts, flagger
from kubectl_canary.integrations.importers.imported import Gateway, Imported, Wish
from kubectl_canary.reading.manifests import read

Object = dict[str, Any]
FENCED = re.compile(r"^ *```ya?ml.*?\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
HERE_DOCUMENT = re.compile(r"<<-? ?'?EOF'?.*?\n(.*?)^\s*EOF", re.DOTALL | re.MULTILINE)
OF_ITS_AUTHORS = r"metadata.name|image|of type quantity"  # what no cluster would take, and placeholders
WISH = Wish(Gateway("edge", "infra"))


def texts(folder: Path) -> Iterator[str]:
    """The manifests in a module, also those in its documentation and its scripts."""
    for file in sorted(folder.iterdir()):
        text = file.read_text(encoding="utf-8")
        found = {".yaml": [text], ".md": FENCED.findall(text), ".sh": HERE_DOCUMENT.findall(text)}
        yield from found[file.suffix]


def objects(text: str) -> list[Object]:
    """The objects of a text; what is a template, or half a document, is none."""
    found = []
    for part in re.split(r"^---.*$", text, flags=re.MULTILINE):
        try:
            value = yaml.safe_load(part)
        except yaml.YAMLError:
            continue
        if isinstance(value, dict) and isinstance(value.get("metadata"), dict):
            found.append(value)
    return found


def is_of(value: Object, kind: str, group: str) -> bool:
    return value.get("kind") == kind and str(value.get("apiVersion")).startswith(group)


def named(value: Object, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None  # type: ignore[assignment]
    return value


def service(name: str, namespace: str | None, labels: Any) -> Object:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    spec = {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def deployment(name: str, namespace: str | None) -> Object:
    labels = {"app": name}
    container = {"name": "app", "image": "registry.example.com/app:v1", "ports": [{"containerPort": 9898}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def of_flagger() -> Iterator[list[Object]]:
    """Each Canary, with a Deployment of its target's name, and the MetricTemplates of its name or its file."""
    every = [objects(text) for text in texts(build.ensure("flagger-examples"))]
    templates = [value for values in every for value in values if value.get("kind") == "MetricTemplate"]
    for values in every:
        for canary in (value for value in values if is_of(value, "Canary", "flagger.app/")):
            target, namespace = (
                named(canary, "spec", "targetRef", "name"),
                named(canary, "metadata", "namespace"),
            )
            metrics = named(canary, "spec", "analysis", "metrics") or []
            asked = {named(metric, "templateRef", "name") for metric in metrics}
            used = {named(value, "metadata", "name"): value for value in templates}
            yield [
                canary,
                deployment(str(target or "podinfo"), namespace),
                *(
                    value
                    for value in values
                    if value.get("kind") not in ("Canary", "Deployment", "MetricTemplate")
                ),
                *(value for name, value in used.items() if name in asked),
            ]


def of_argo_rollouts() -> Iterator[list[Object]]:
    """Each Rollout at rest, with the Services that it names, or one where it names none."""
    for text in texts(build.ensure("argo-rollouts-examples")):
        values = objects(text)
        for rollout in (value for value in values if is_of(value, "Rollout", "argoproj.io/")):
            others = [value for value in values if not is_of(value, "Rollout", "argoproj.io/")]
            resting = {key: copy.deepcopy(child) for key, child in rollout.items() if key != "status"}
            canary = named(rollout, "spec", "strategy", "canary") or {}
            services = [
                canary.get("stableService") or named(canary, "pingPong", "pingService"),
                canary.get("canaryService") or named(canary, "pingPong", "pongService"),
            ]
            known = {named(value, "metadata", "name") for value in others if value.get("kind") == "Service"}
            wanted = [name for name in services if name and name not in known]
            labels, namespace = (
                named(rollout, "spec", "selector", "matchLabels"),
                named(rollout, "metadata", "namespace"),
            )
            made = [service(name, namespace, labels) for name in wanted or ([] if known else ["app"])]
            yield [resting, *others, *made]


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("examples", "imported", "least", "rules"),
    [
        (of_flagger, flagger.imported, 60, {"target", "api-version", "invalid"}),
        (of_argo_rollouts, argo_rollouts.imported, 75, {"blue-green", "services", "workload", "invalid"}),
    ],
    ids=["flagger", "argo-rollouts"],
)
def test_each_example_is_imported_and_renders_or_is_refused_with_a_reason(
    examples: Callable[[], Iterator[list[Object]]],
    imported: Callable[..., Imported],
    least: int,
    rules: set[str],
) -> None:
    taken, refused = 0, 0
    for values in examples():
        text = "---\n".join(yaml.safe_dump(value, sort_keys=False, width=10_000) for value in values)
        try:
            found = imported(read("k8s.yaml", text), WISH)
        except Refused as error:
            refused += 1
            known = {
                finding.rule.removeprefix("flagger-").removeprefix("argo-rollouts-")
                for finding in error.findings
            }
            assert known <= rules, [*map(str, error.findings)]
            continue
        try:
            rendered(found)
        except (Refused, UsageError) as error:
            refused += 1
            said = [*map(str, error.findings)] if isinstance(error, Refused) else [f"{error}: {error.hint}"]
            assert all(re.search(OF_ITS_AUTHORS, text) for text in said), said
        else:
            taken += 1
    assert taken >= least
    print(f"{taken} imported, {refused} refused")
