"""What keeps pods of the release from being ready: no place, no image, a crash."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.driving.doctor.facts import Facts, Remark, problem
from kubectl_canary.driving.statuses import pod_trouble
from kubectl_canary.release.application import Side, Workload

CURES = {
    "ImagePull": "is the image there, under that tag, and may the cluster pull it (imagePullSecrets)?",
    "ErrImage": "is the image there, under that tag, and may the cluster pull it (imagePullSecrets)?",
    "InvalidImageName": "correct the image's name",
    "CrashLoopBackOff": "`kubectl logs --previous` says why it ended",
    "CreateContainerConfigError": "a ConfigMap or Secret that it names is not there",
    "not scheduled": "make room, or change its requests, its node selector, its affinity",
}
LOOK = "`kubectl describe pod` says more"


def check(facts: Facts) -> Iterator[Remark]:
    """The pods of each side that are in trouble; one of several with the same trouble."""
    said = set()
    for workload, side in facts.sides():
        for pod in facts.pods:
            trouble = pod_trouble(pod) if _is_of(facts, workload, side, pod) else ""
            kind = trouble.replace(pod["metadata"]["name"], "")
            if trouble and (side, kind) not in said:
                said.add((side, kind))
                cure = next((text for words, text in CURES.items() if words in trouble), LOOK)
                yield problem(f"{side.value}: {trouble}", cure)


def _is_of(facts: Facts, workload: Workload, side: Side, pod: dict[str, object]) -> bool:
    metadata = pod["metadata"]
    labels = metadata.get("labels") or {} if isinstance(metadata, dict) else {}
    return dict(workload.selectors.of(side)).items() <= labels.items()
