"""InferencePools in a Service's place: two that stand in the user's manifests, one for each side's pods.

Source: Gateway API Inference Extension, InferencePool v1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kubectl_canary.findings import Finding, Path
from kubectl_canary.reading.adopted.objects import name_of, pod_labels, selector_of, selects
from kubectl_canary.reading.adopted.problems import ADOPT, Problems, meant
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.release.application import POOL_API, Service, Side, Sides, Workload

PLACE: Path = (*ADOPT, "inferencePool")
SELECTOR: Path = ("spec", "selector", "matchLabels")


def pools_in(manifests: Sequence[Manifest]) -> list[Manifest]:
    """The InferencePools among manifests."""
    return [
        manifest
        for manifest in manifests
        if (manifest.text("kind"), manifest.text("apiVersion").partition("/")[0]) == POOL_API
    ]


def service_of(names: Sides[str]) -> Service:
    """Both pools as what routes send to; no backendRef needs a port of theirs."""
    return Service(names, 0, None, apis=(POOL_API,))


def pool_of(
    manifests: Sequence[Manifest], deployment: Manifest, names: Sides[str], problems: Problems
) -> Manifest:
    """Stable's pool. Raises Refused where it is not there, or selects other pods than the Deployment's."""
    key = "stable" if "stable" in problems.sources.value["spec"]["adopt"] else "from"
    near = deployment.text("metadata", "namespace")
    pool = _named(manifests, names, Side.STABLE, (near, key), problems)
    if pool is not None and not selects(pool.value, pod_labels(deployment.value)):
        message = (
            f"InferencePool {name_of(pool)} selects other pods than those of Deployment {name_of(deployment)}"
        )
        problems.add((*PLACE, "stable"), message, f"it selects by {_text(selector_of(pool.value))}")
    if pool is None or problems.findings:
        raise problems.refusal()
    return pool


def check(
    workload: Workload, sets: Mapping[str, Sequence[Manifest]], namespace: str | None, problems: Problems
) -> None:
    """Pools that are not in a set, or select pods of the other side, are a problem; sets by their name in the file."""
    for key, manifests in sets.items():
        for side in Side:
            pool = _named(manifests, workload.service.names, side, (namespace, key), problems)
            if pool is not None:
                _check_selector(pool, side, workload, problems)


def _check_selector(pool: Manifest, side: Side, workload: Workload, problems: Problems) -> None:
    versions = (workload.old, workload.new or workload.old)
    stable = [version.pod_labels for version in versions]
    canary = [{**versions[1].pod_labels, **workload.track}]
    own, others = (stable, canary) if side is Side.STABLE else (canary, stable)
    is_right = all(selects(pool.value, pods) for pods in own)
    if is_right and not any(selects(pool.value, pods) for pods in others):
        return
    whose = "stable's" if side is Side.STABLE else "the canary's"
    told = {key: own[-1][key] for key in workload.track}
    message = f"{pool.title} selects by {_text(selector_of(pool.value))}: not {whose} pods alone"
    hint = f"write spec.selector.matchLabels: {{{_text(told)}}}"
    problems.findings.append(Finding("adopt", "error", SELECTOR, message, pool.where(SELECTOR), hint))


def _named(
    manifests: Sequence[Manifest],
    names: Sides[str],
    side: Side,
    place: tuple[str | None, str],
    problems: Problems,
) -> Manifest | None:
    """The pool of a side in a namespace; where the set of a key has none, a problem."""
    namespace, key = place
    near = [pool for pool in pools_in(manifests) if pool.text("metadata", "namespace") == (namespace or "")]
    named = next((pool for pool in near if name_of(pool) == names.of(side)), None)
    if named is None:
        message = f"no InferencePool `{names.of(side)}` in `{key}`"
        problems.add((*PLACE, side.value), message, meant(names.of(side), [*map(name_of, near)]))
    return named


def _text(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}: {text}" for key, text in labels.items()) or "nothing"
