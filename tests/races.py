"""Patches against a route that eight others keep changing: nothing of theirs may get lost, nothing of ours may miss.

    python tests/races.py [ROUNDS]

Each writer owns a rule, an annotation, and in the release's rule a third backend, a filter and a match. It changes
them, moves its rule to another place and renames it, with the API server's own conflict check, and looks every time
whether what it wrote last is still there. Meanwhile patches between phases and rollbacks are computed from a read and sent some moments
later. The API server answers each with the object as it is then: there the canary's share, the testers' rule (which
copies matches and filters) and the others' pieces are looked at. A patch may be refused; it may never hit the wrong target.

The one-liner by index that people use goes through the same harness, so that the harness is known to bite. For it the
writers keep their rules behind the release's: else it would mostly be refused, for want of a second backend there.
"""

from __future__ import annotations

import http.client
import json
import random
import ssl
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import apiserver

from kubectl_canary.commands import inputs
from kubectl_canary.release import changes, overlay, routes
from kubectl_canary.release.documents import Document
from kubectl_canary.release.plan import Phase, Plan
from kubectl_canary.release.testers import Testers
from kubectl_canary.rendering.parts import live_parts

WRITERS = 8
PHASES = "[{mirror: 20%, methods: all}, header-only, 5%, 25%, 50%, 100%]"
ROUTE = "my-app-canary-route"
TESTERS = "default-canary-testers-my-app"
COPIED = ("matches", "filters")  # what the testers' rule takes from the release's


class Server:
    """One connection to the API server."""

    def __init__(
        self, kubeconfig: Path, namespace: str, route: str = ROUTE, kinds: str = "httproutes"
    ) -> None:
        self.route = f"/{route}"
        config = json.loads(kubeconfig.read_text())
        place = urlsplit(config["clusters"][0]["cluster"]["server"])
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        self.connection = http.client.HTTPSConnection(
            place.hostname or "", place.port, context=trusting, timeout=60
        )
        self.token = config["users"][0]["user"]["token"]
        self.path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/{kinds}"

    def call(
        self, method: str, body: Any = None, kind: str = "application/json", name: str | None = None
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        path = self.path + (self.route if name is None else name)
        self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())

    def put(self, route: Any) -> tuple[int, Any]:
        """Replace the route, whatever it is now."""
        _, now = self.call("GET")
        version = {"resourceVersion": now["metadata"]["resourceVersion"]}
        return self.call("PUT", {**route, "metadata": {**route["metadata"], **version}})

    def patch(self, operations: list[dict[str, Any]]) -> tuple[int, Any]:
        return self.call("PATCH", operations, "application/json-patch+json")


@dataclass
class Tally:
    """What happened; lists hold what must not."""

    counts: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)


class Writer(threading.Thread):
    """Somebody else at work on the same route."""

    def __init__(
        self, number: int, server: Server, tally: Tally, stop: threading.Event, seed: int, anywhere: bool
    ) -> None:
        super().__init__(daemon=True)
        self.number, self.server, self.tally, self.stop = number, server, tally, stop
        self.anywhere = anywhere
        self.random = random.Random(seed * 100 + number)
        self.mine: dict[str, Any] | None = None
        self.step = 0

    def run(self) -> None:
        while not self.stop.is_set():
            status, route = self.server.call("GET")
            if status != 200:
                continue
            self.look(route)
            wanted = self.change(route)
            status, _ = self.server.call("PUT", route)
            if status == 200:
                self.mine = wanted
                self.tally.counts["writes"] += 1
            elif status != 409:
                self.tally.lost.append(f"writer {self.number} got {status}")
            time.sleep(self.random.random() * 0.01)

    def look(self, route: dict[str, Any]) -> None:
        if self.mine is not None and self.pieces(route) != self.mine:
            self.tally.lost.append(f"writer {self.number} wrote {self.mine}, found {self.pieces(route)}")
            self.mine = None

    def pieces(self, route: dict[str, Any]) -> dict[str, Any]:
        """What is this writer's in a route."""
        rules = [
            rule
            for rule in route["spec"]["rules"]
            if str(rule.get("name", "")).startswith(f"w{self.number}-")
        ]
        governed = governed_rule(route)
        backends = [ref for ref in governed["backendRefs"] if ref["name"] == f"b{self.number}"]
        return {
            "rules": rules,
            "backends": backends,
            "filters": [one for one in governed.get("filters", []) if self.mirrors(one)],
            "matches": [match for match in governed["matches"] if self.matches(match)],
            "annotation": route["metadata"]["annotations"].get(f"w{self.number}.example/step"),
        }

    def mirrors(self, one: dict[str, Any]) -> bool:
        """Whether a filter is this writer's."""
        target: str = one.get("requestMirror", {}).get("backendRef", {}).get("name", "")
        return target == f"m{self.number}"

    def matches(self, match: dict[str, Any]) -> bool:
        """Whether a match is this writer's."""
        return [f"w{self.number}"] == [header["name"] for header in match.get("headers", [])]

    def change(self, route: dict[str, Any]) -> dict[str, Any]:
        """Rename and move the own rule, weigh and move the own backend, count in the own annotation."""
        self.step += 1
        rules = [
            rule
            for rule in route["spec"]["rules"]
            if not str(rule.get("name", "")).startswith(f"w{self.number}-")
        ]
        own = {
            "name": f"w{self.number}-{self.step % 97}",
            "matches": [{"path": {"type": "PathPrefix", "value": f"/w{self.number}/{self.step}"}}],
            "backendRefs": [
                {"group": "", "kind": "Service", "name": f"b{self.number}", "port": 80, "weight": 1}
            ],
        }
        rules.insert(self.random.randrange(len(rules) + 1) if self.anywhere else len(rules), own)
        route["spec"]["rules"] = rules
        governed = governed_rule(route)
        refs = [ref for ref in governed["backendRefs"] if ref["name"] != f"b{self.number}"]
        if self.step % 3:
            weight = self.random.choice([0, 1, 5, 50])
            third = {"group": "", "kind": "Service", "name": f"b{self.number}", "port": 80, "weight": weight}
            refs.insert(self.random.randrange(len(refs) + 1), third)
        governed["backendRefs"] = refs
        self.change_what_is_copied(governed)
        route["metadata"]["annotations"][f"w{self.number}.example/step"] = str(self.step)
        return self.pieces(route)

    def change_what_is_copied(self, governed: dict[str, Any]) -> None:
        """Of the release's rule, the own filter and the own match: they come, change and go."""
        matches = [match for match in governed["matches"] if not self.matches(match)]
        filters = [one for one in governed.pop("filters", []) if not self.mirrors(one)]
        if self.step % 4 > 1:
            headers = [{"type": "Exact", "name": f"w{self.number}", "value": str(self.step)}]
            matches.append({"path": {"type": "PathPrefix", "value": "/"}, "headers": headers})
        if self.step % 5 > 3:
            target = {"group": "", "kind": "Service", "name": f"m{self.number}", "port": 80}
            mirror = {
                "type": "RequestMirror",
                "requestMirror": {"backendRef": target, "percent": self.step % 101},
            }
            filters.insert(self.random.randrange(len(filters) + 1), mirror)
        governed["matches"] = matches
        if filters:
            governed["filters"] = filters


def governed_rule(route: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(rule for rule in route["spec"]["rules"] if rule.get("name") == "default")
    return found


def problems(route: dict[str, Any], to: Phase) -> list[str]:
    """What is wrong with the release's part of a route that a patch has just moved to a phase."""
    rules = route["spec"]["rules"]
    names = [rule.get("name") for rule in rules]
    found = []
    weights = {ref["name"]: ref["weight"] for ref in governed_rule(route)["backendRefs"]}
    stable, canary = weights.get("my-app-stable", 0), weights.get("my-app-canary", 0)
    if stable + canary == 0 or Fraction(canary, stable + canary) != to.traffic.share:
        found.append(f"the split is {stable}:{canary}, wanted is {to.traffic.share}")
    if (TESTERS in names) is not to.traffic.testers:
        return [*found, f"testers: {names}"]
    if to.traffic.testers:
        found += problems_of_testers(route)
    if not to.traffic.testers and "my-app-canary" in weights:
        found.append("the canary is still a backend")
    return found


def problems_of_testers(route: dict[str, Any]) -> list[str]:
    """What is wrong with the testers' rule: it stands before the release's, and has its matches and filters."""
    governed, rules = governed_rule(route), route["spec"]["rules"]
    testers = next(rule for rule in rules if rule.get("name") == TESTERS)
    (wanted,) = routes.testers_clones(governed, {}, Testers("header", "x-canary", "true"))
    found = [f"the testers' rule has other {key}" for key in COPIED if testers.get(key) != wanted.get(key)]
    late = rules.index(testers) > rules.index(governed)
    return [*found, *(["the testers' rule comes too late"] if late else [])]


def one_liner(share: Fraction) -> list[dict[str, Any]]:
    """The patch that people use: weights by index, nothing tested."""
    canary = int(share * 100)
    pairs = ((0, 100 - canary), (1, canary))
    return [{"op": "replace", "path": f"/spec/rules/1/backendRefs/{n}/weight", "value": w} for n, w in pairs]


def race(
    kubeconfig: Path, namespace: str, plan: Plan, route: dict[str, Any], rounds: int, guarded: bool, seed: int
) -> Tally:
    """So many rounds of our patches (or the one-liner) against the writers."""
    tally, stop = Tally(), threading.Event()
    server = Server(kubeconfig, namespace)
    server.call("DELETE")
    status, answer = server.call("POST", route, name="")
    assert status == 201, answer
    writers = [
        Writer(number, Server(kubeconfig, namespace), tally, stop, seed, anywhere=guarded)
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    chance = random.Random(seed)
    phases = [phase for phase in plan.phases if phase.canary_replicas and phase.traffic.phase]
    ends = [*phases, plan.find("rollback", "25%"), plan.phases[0]]
    try:
        for _ in range(rounds):
            to = chance.choice(ends)
            operations = computed(server, plan, to) if guarded else one_liner(to.traffic.share)
            if not operations:  # the route is there already: nothing would be sent
                tally.counts["nothing to do"] += 1
                continue
            time.sleep(chance.random() * 0.004)
            status, after = server.patch(operations)
            tally.counts["sent" if status == 200 else f"refused {status}"] += 1
            if status == 200:
                wrong = problems(after, to) if guarded else problems_of_shares(after, to)
                tally.missed += [f"{to.name}: {problem}" for problem in wrong]
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    _, last = server.call("GET")
    for writer in writers:
        writer.look(last)
    return tally


def computed(server: Server, plan: Plan, to: Phase) -> list[dict[str, Any]]:
    """Our patch from what is there now."""
    _, now = server.call("GET")
    wanted, findings = overlay.route(now, plan.application, to)
    assert not findings
    route = next(part for part in live_parts(plan) if part.is_route)
    change = changes.change(plan.application, to, Document(route, now), Document(route, wanted))
    operations: list[dict[str, Any]] = change.patch("json")
    return operations


def problems_of_shares(route: dict[str, Any], to: Phase) -> list[str]:
    """For the one-liner, which knows nothing of testers: is the split the one asked for?"""
    return [problem for problem in problems(route, to) if problem.startswith("the split")]


def prepared(folder: Path, namespace: str) -> tuple[Plan, dict[str, Any]]:
    """The plan, and the route of 25 % to start with."""
    from test_apiserver import RELEASE

    from kubectl_canary.rendering.generator import Generator
    from kubectl_canary.rendering.objects import planned

    text = "\n".join(
        f"  phases: {PHASES}" if line.startswith("  phases:") else line for line in RELEASE.splitlines()
    )
    (folder / "canary.yaml").write_text(text)
    plan = inputs.load([str(folder / "canary.yaml")], namespace=namespace).plan
    documents = Generator().render(planned(plan.application, plan.find("25%")))
    return plan, next(one.value for one in documents if one.part.is_route)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    wrong = 0
    with apiserver.running() as kubeconfig, tempfile.TemporaryDirectory() as scratch:
        plan, route = prepared(Path(scratch), "default")
        contestants = (("ours", True, rounds), ("the one-liner by index", False, max(1, rounds // 10)))
        for name, guarded, number in contestants:
            start = time.monotonic()
            tally = race(kubeconfig, "default", plan, route, number, guarded, seed=1)
            print(
                f"{name}: {number} rounds in {time.monotonic() - start:.0f} s, {dict(sorted(tally.counts.items()))}"
            )
            print(f"  lost updates of others: {len(tally.lost)}; wrong targets: {len(tally.missed)}")
            for problem in (*tally.lost[:3], *tally.missed[:3]):
                print(f"  {problem}")
            wrong += (len(tally.lost) + len(tally.missed)) * guarded
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
