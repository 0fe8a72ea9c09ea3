"""A cluster in memory, with time of its own: its controllers are slow, and its gateway follows a route late.

Whoever drives a release through it is watched: at every moment somebody has to answer the requests that the gateway sends.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from kubectl_canary.api.equality import same
from kubectl_canary.driving import lease
from kubectl_canary.driving.features import Class
from kubectl_canary.errors import Conflict
from kubectl_canary.release import patches
from kubectl_canary.release.documents import Key, Part
from kubectl_canary.release.patches import Op

START, ACCEPT, FOLLOW = (
    2.0,
    1.0,
    3.0,
)  # seconds until a pod is ready, a route is accepted, a gateway follows it
KIND_OF_PODS = "Deployment"
LONGEST = 1000.0  # seconds that nothing takes which ends
UNKNOWN_CLASS = Class("simulated", "simulated", frozenset())


class Killed(BaseException):
    """The driver's process has ended, in the middle of something."""


@dataclass
class Pod:
    """A pod: of which template, and from when it is ready."""

    template: dict[str, Any]
    ready: float


@dataclass
class SimulatedCluster:
    """The objects by key, the pods of each Deployment, and what the gateway does now.

    `wrong` is what was seen that must not be. A call of the `dies_at` number, and no later one, kills who makes it: half
    of the times before it is done, half of the times after.
    """

    parts: Sequence[Part]
    drain: float
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    dies_at: int | None = None
    time: float = 0.0
    objects: dict[Key, dict[str, Any]] = field(default_factory=dict)
    pods_of: dict[Key, list[Pod]] = field(default_factory=dict)
    lease: dict[str, Any] | None = None
    wrong: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    followed: dict[Key, dict[str, Any]] = field(default_factory=dict)  # the routes as the gateway knows them
    changed: dict[Key, float] = field(default_factory=dict)
    ready_pods: dict[Key, list[tuple[str, float]]] = field(default_factory=dict)
    pods_changed: dict[str, float] = field(
        default_factory=dict
    )  # when a Deployment got its first ready pod, or lost one
    sent: dict[str, float] = field(default_factory=dict)  # when a Service had requests last
    its_class: Class = UNKNOWN_CLASS
    slow: float = 0.1  # seconds that a call takes
    calls: int = 0
    number: int = 0
    left: list[dict[str, Any]] = field(default_factory=list)  # what carries our mark and is no part
    others: list[dict[str, Any]] = field(default_factory=list)  # routes and Services of others

    # --- time ---

    def watch(self) -> float:
        return self.time

    def utc(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=self.time)

    def sleep(self, seconds: float) -> None:
        """Time passes, a tenth of a second at a time, and controllers work. Raises AssertionError where it never ends."""
        assert self.time < LONGEST, f"after {LONGEST} s it is not over"
        for _ in range(max(1, round(seconds * 10))):
            self.time += 0.1
            self.control()

    def control(self) -> None:
        """What controllers and the gateway do at a moment, and whether requests are answered."""
        for key, value in self.objects.items():
            if value["kind"] == KIND_OF_PODS:
                self._roll(key, value)
            elif key in self.changed:
                self._follow(key, value)
        self._serve()

    def _roll(self, key: Key, deployment: dict[str, Any]) -> None:
        """One pod more than wanted at a time while pods of an older template are replaced; ready ones stay until then."""
        pods, wanted = self.pods_of.setdefault(key, []), deployment["spec"].get("replicas", 1)
        template = deployment["spec"]["template"]
        new = [pod for pod in pods if same(pod.template, template)]
        old = [pod for pod in pods if pod not in new]
        ready = [pod for pod in new if pod.ready <= self.time]
        if len(new) < wanted and len(pods) <= wanted:
            pods.append(Pod(template, self.time + START))
        elif old and len(ready) + len(old) > wanted:
            pods.remove(old[0])
        elif len(new) > wanted:
            pods.remove(new[-1])
        known = [(str(pod.template), pod.ready) for pod in pods if pod.ready <= self.time]
        before = self.ready_pods.get(key, [])
        if (known and not before) or any(pod not in known for pod in before):
            self.pods_changed[key[3]] = self.time
        self.ready_pods[key] = known
        self._write_status(deployment, pods)

    def _write_status(self, deployment: dict[str, Any], pods: Sequence[Pod]) -> None:
        template, wanted = deployment["spec"]["template"], deployment["spec"].get("replicas", 1)
        updated = [pod for pod in pods if same(pod.template, template)]
        ready = sum(pod.ready <= self.time for pod in pods)
        is_complete = len(updated) == len(pods) == wanted and ready == wanted
        deployment["status"] = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": len(pods),
            "updatedReplicas": len(updated),
            "readyReplicas": ready,
            "conditions": [
                {
                    "type": "Progressing",
                    "status": "True",
                    "reason": "NewReplicaSetAvailable" if is_complete else "ReplicaSetUpdated",
                    "lastUpdateTime": self._since(deployment, is_complete),
                }
            ],
        }

    def _since(self, deployment: dict[str, Any], is_complete: bool) -> str:
        """Since when a rollout has been complete, as a Deployment's condition says it."""
        known = ((deployment.get("status") or {}).get("conditions") or [{}])[0]
        was = known.get("reason") == "NewReplicaSetAvailable"
        return str(known["lastUpdateTime"]) if was and is_complete else self._noted()

    def _noted(self) -> str:
        return self.utc().strftime("%Y-%m-%dT%H:%M:%SZ")

    def _follow(self, key: Key, route: dict[str, Any]) -> None:
        """The route's parents accept it a while after it changed, and its gateway follows it later still."""
        generation, age = route["metadata"]["generation"], self.time - self.changed[key]
        if age >= ACCEPT:
            conditions = [
                {"type": kind, "status": "True", "reason": kind, "observedGeneration": generation}
                for kind in ("Accepted", "ResolvedRefs")
            ]
            route["status"] = {
                "parents": [
                    {"parentRef": ref, "controllerName": "simulated", "conditions": conditions}
                    for ref in route["spec"].get("parentRefs") or []
                ]
            }
        if age >= ACCEPT + FOLLOW:
            self.followed[key] = copy.deepcopy(route["spec"])

    # --- requests ---

    def _serve(self) -> None:
        """Somebody answers what each route sends, and nobody goes whose requests may be under way."""
        for spec in self.followed.values():
            for rule in spec.get("rules") or []:
                for ref in rule.get("backendRefs") or []:
                    if ref.get("weight", 1):
                        self.sent[ref["name"]] = self.time
                        self._answer(ref["name"], ref.get("weight", 1), rule["backendRefs"])

    def _answer(self, service: str, weight: int, refs: Sequence[Mapping[str, Any]]) -> None:
        pods = self._behind(service)
        ready = [pod for pod in pods if pod.ready <= self.time]
        if not ready:
            self.wrong.append(f"{self.time:.1f} {service} gets requests and has no ready pod")
        templates = [pod.template for pod in pods]
        if any(not same(templates[0], template) for template in templates[1:]):
            self.wrong.append(f"{self.time:.1f} {service} gets requests while its pods roll")
        wanted = max(self._wanted(ref["name"]) for ref in refs)
        share = weight / sum(ref.get("weight", 1) for ref in refs)
        if len(refs) > 1 and len(ready) < share * wanted - 1e-9:
            self.wrong.append(
                f"{self.time:.1f} {service} has {len(ready)} pods for {share:.0%} of what {wanted} had"
            )

    def _behind(self, service: str) -> list[Pod]:
        """The pods of the Deployment whose Service it is: they have the same name."""
        return [pod for key, pods in self.pods_of.items() if key[3] == service for pod in pods]

    def _wanted(self, name: str) -> int:
        deployments = (
            known for key, known in self.objects.items() if key[1] == KIND_OF_PODS and key[3] == name
        )
        return max((int(known["spec"].get("replicas", 1)) for known in deployments), default=0)

    def _refuse_gone(self, part: Part) -> None:
        """Pods and Services go once their requests have ended."""
        last = self.sent.get(part.name)
        if part.kind in (KIND_OF_PODS, "Service") and last is not None and self.time - last < self.drain:
            self.wrong.append(
                f"{self.time:.1f} {part.title} goes {self.time - last:.1f} s after its last requests"
            )

    def _refuse_unknown(self, key: Key, new: dict[str, Any]) -> None:
        """Who gets requests for the first time is known to gateways, and so are his pods."""
        old = self.objects.get(key)
        for name in _receivers(new) - _receivers(old):
            rules = self.followed.get(key, {}).get("rules") or []
            known = {ref["name"] for rule in rules for ref in rule["backendRefs"]}
            if old is not None and name not in known:
                self.wrong.append(f"{self.time:.1f} {name} gets requests before gateways know it")
            age = self.time - self.pods_changed.get(name, -99.0)
            if age < FOLLOW:
                self.wrong.append(f"{self.time:.1f} {name} gets requests {age:.1f} s after its pods changed")

    # --- the API server ---

    def read(self) -> tuple[dict[Key, dict[str, Any]], dict[str, Any] | None]:
        self._call()
        return copy.deepcopy(self.objects), copy.deepcopy(self.lease)

    def endpoints(self, services: Sequence[str]) -> dict[str, int]:
        self._call()
        return {name: sum(pod.ready <= self.time for pod in self._behind(name)) for name in services}

    def pods(self, deployment: Mapping[str, Any]) -> list[dict[str, Any]]:
        self._call()
        return []

    def classes(self, gateways: Sequence[tuple[str | None, str]]) -> dict[str, Class]:
        self._call()
        return {name: self.its_class for _, name in gateways}

    def marked(self) -> list[dict[str, Any]]:
        self._call()
        return [*map(copy.deepcopy, self.objects.values()), *self.left]

    def senders(self) -> list[dict[str, Any]]:
        self._call()
        kinds = ("Service", "HTTPRoute")
        known = [*self.objects.values(), *self.left, *self.others]
        return [copy.deepcopy(value) for value in known if value["kind"] in kinds]

    def create(self, documents: Sequence[dict[str, Any]], *, trying: bool = False) -> None:
        with_parts = [(next(part for part in self.parts if _is(part, value)), value) for value in documents]
        for part, value in with_parts:
            self._write(part, "create", {**copy.deepcopy(value), "metadata": dict(value["metadata"])}, trying)

    def patch(self, part: Part, operations: Sequence[Op], *, trying: bool = False) -> None:
        now = self.objects.get(part.key)
        if now is None or patches.failed_tests(now, operations):
            self._call()
            raise Conflict(f"{part.title} is another")
        self._write(part, "patch", patches.applied(now, operations), trying)

    def delete(self, part: Part, uid: str) -> None:
        if uid in [value["metadata"]["uid"] for value in self.left]:
            self.left = [value for value in self.left if value["metadata"]["uid"] != uid]
            self.writes.append(f"prune {part.title}")
            return
        now = self.objects.get(part.key)
        if now is None or now["metadata"]["uid"] != uid:
            self._call()
            raise Conflict(f"{part.title} is another")
        self._write(part, "delete", None, False)

    def take_lease(self, document: dict[str, Any]) -> None:
        there = str(self.lease["metadata"]["resourceVersion"]) if self.lease else None
        if document["metadata"].get("resourceVersion") != there:
            raise Conflict("the Lease is another")
        self._set_lease(document)

    def renew_lease(self, operations: Sequence[Op]) -> None:
        if self.lease is None or patches.failed_tests(self.lease, operations):
            raise Conflict("the Lease is another's")
        self._set_lease(patches.applied(self.lease, operations))

    def drop_lease(self, uid: str) -> None:
        self._call()
        if self.lease is not None and self.lease["metadata"]["uid"] == uid:
            self.lease = None

    def _set_lease(self, document: dict[str, Any]) -> None:
        self._call()
        number = self._new_number()
        uid = self.lease["metadata"]["uid"] if self.lease else str(number)
        self.lease = {
            **document,
            "metadata": {**document["metadata"], "uid": uid, "resourceVersion": str(number)},
        }

    def _new_number(self) -> int:
        self.number += 1
        return self.number

    def _call(self) -> None:
        """A call takes a moment; one of them is the last of who makes it."""
        self.calls += 1
        self.sleep(self.slow)
        if self.calls == self.dies_at:
            raise Killed

    def _write(self, part: Part, verb: str, value: dict[str, Any] | None, trying: bool) -> None:
        dies_before = self.calls + 1 == self.dies_at and self.chance.random() < 0.5
        if not trying and not dies_before:
            self.writes.append(f"{verb} {part.title}")
            self._store(part, value)
        self._call()

    def _store(self, part: Part, value: dict[str, Any] | None) -> None:
        old = self.objects.get(part.key)
        if value is None:
            self._refuse_gone(part)
            del self.objects[part.key]
            self.pods_of.pop(part.key, None)
            self.followed.pop(part.key, None)
            return
        metadata = value["metadata"]
        metadata.setdefault("uid", str(self._new_number()))
        is_new = old is None or not same(old.get("spec"), value.get("spec"))
        metadata["generation"] = (old["metadata"]["generation"] if old else 0) + int(is_new)
        if (
            old is not None
            and part.kind == KIND_OF_PODS
            and value["spec"]["replicas"] < old["spec"]["replicas"]
        ):
            self._refuse_gone(part)
        if part.is_route and is_new:
            self._refuse_unknown(part.key, value)
            self.changed[part.key] = self.time
            metadata["managedFields"] = [{"fieldsV1": {"f:spec": {}}, "time": self._noted()}]
        self.objects[part.key] = value


def _receivers(route: dict[str, Any] | None) -> set[str]:
    """The Services to which a route sends requests that anybody may make, with any weight."""
    rules = (route or {"spec": {}})["spec"].get("rules") or []
    refs = [
        ref
        for rule in rules
        if len(rule["backendRefs"]) > 1 or len(rules) == 1
        for ref in rule["backendRefs"]
    ]
    return {ref["name"] for ref in refs if ref.get("weight", 1)}


def _is(part: Part, value: Mapping[str, Any]) -> bool:
    return (part.kind, part.name) == (value["kind"], value["metadata"]["name"])


def holder(cluster: SimulatedCluster) -> str | None:
    """Who has the Lease."""
    held = lease.held(cluster.lease)
    return held.identity if held else None
