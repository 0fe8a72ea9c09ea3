"""What is asked of kubectl for a release, and what its answers are taken for; a program of ours answers in its place."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from conftest import Result
from releases import a_file, a_release
from test_position import WEIGHTS, Objects, live, route_of, shares, written

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags
from kubectl_canary.commands.run.calls import Call
from kubectl_canary.commands.run.cluster import Cluster, Leases
from kubectl_canary.errors import Conflict, Forbidden, Refused, Unreachable, WorldError
from kubectl_canary.findings import Finding, Where
from kubectl_canary.outside.kubectl import Kubectl
from kubectl_canary.outside.proxy import Proxy, Unclear
from kubectl_canary.reading.release import Release
from kubectl_canary.reading.sources import Sources
from kubectl_canary.records import replace
from kubectl_canary.rendering.parts import live_parts

VIEW = {
    "contexts": [{"name": "prod", "context": {"cluster": "west", "user": "u"}}],
    "current-context": "prod",
}
PARTS = live_parts(a_release())
ROUTE = next(part for part in PARTS if part.is_route)
Status = Callable[..., Result]
PROGRAM = """\
#!{python}
import json, pathlib, sys
folder = pathlib.Path({folder!r})
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
for words, code, answer in json.loads((folder / "answers").read_text()):
    if words in " ".join(sys.argv[1:]):
        print(answer, file=sys.stderr if code else sys.stdout)
        sys.exit(code)
"""


class Fake:
    """A kubectl whose answers a test writes: for calls with these words, an exit code and what it prints."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "kubectl"
        program.write_text(PROGRAM.format(python=sys.executable, folder=str(folder)))
        program.chmod(0o755)
        self.answer(("config view", 0, json.dumps(VIEW)))

    def answer(self, *answers: tuple[str, int, str]) -> None:
        view = ("config view", 0, json.dumps(VIEW))
        (self.folder / "answers").write_text(json.dumps([*answers, view]))

    @property
    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    monkeypatch.setenv("KUBECTL_PATH", str(tmp_path / "kubectl"))
    return Fake(tmp_path)


def cluster(*flags: str) -> Cluster:
    return Cluster(Kubectl(flags).pinned(), "shop", "web", PARTS)


def a_list(*items: dict[str, Any]) -> str:
    return json.dumps({"kind": "List", "items": items})


def an_object(kind: str, name: str, **metadata: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, **metadata}, "spec": {}}


def test_context_and_cluster_are_those_of_the_beginning(fake: Fake) -> None:
    there = cluster("--context=typed", "--as=anna")
    fake.answer(("get", 0, a_list()))
    there.read()
    assert ["--context=typed", "--as=anna", "config", "view", "--minify", "-o", "json"] == fake.calls[0]
    assert ["--as=anna", "--context=prod", "--cluster=west"] == fake.calls[1][:3]


NO_CONTEXT = ("config view", 1, "error: current-context must exist in order to minify")


def test_in_a_pod_nothing_is_pinned(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    fake.answer(NO_CONTEXT)
    assert () == cluster().kubectl.flags


def test_without_a_context_nobody_is_waited_for(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubectl alone would ask localhost:8080."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    fake.answer(NO_CONTEXT)
    with pytest.raises(WorldError, match="no current context") as refused:
        cluster()
    assert "--context" in refused.value.hint


def test_what_libraries_log_is_not_what_kubectl_says(fake: Fake) -> None:
    there = cluster()
    logged = 'E1129 18:28:40.731754   18958 memcache.go:265] "Unhandled Error" err="the server is currently unable"'
    fake.answer(("get", 1, f"{logged}\nError from server (Forbidden): no"))
    with pytest.raises(WorldError) as refused:
        there.read()
    assert refused.value.message.endswith("failed: Error from server (Forbidden): no")


def test_one_call_reads_the_objects_and_the_lease_and_what_ends_is_gone(fake: Fake) -> None:
    there = cluster()
    items = [
        an_object("Service", "shop-stable"),
        an_object("Deployment", "shop-canary", deletionTimestamp="2026-01-01T00:00:00Z"),
        an_object("Lease", "kubectl-canary-shop"),
    ]
    fake.answer(("get", 0, a_list(*items)))
    objects, held = there.read()
    assert ["shop-stable"] == [key[3] for key in objects]
    assert held == items[2]
    assert 2 == len(fake.calls)


class AProxy:
    """A proxy that answers with some objects by their path, and is unclear about what is `unclear`."""

    def __init__(self, objects: dict[str, Any], unclear: str = "nothing") -> None:
        self.objects, self.unclear = objects, unclear
        self.asked: list[str] = []

    def get(self, path: str) -> Any:
        self.asked.append(path)
        if self.unclear in path:
            raise Unclear
        return self.objects.get(path)

    def patch(self, path: str, operations: Any, manager: str, *, trying: bool) -> None:
        self.get(f"{path} {manager} {trying} {operations}")


def proxied(objects: dict[str, Any], unclear: str = "nothing") -> tuple[AProxy, Cluster]:
    answering, there = AProxy(objects, unclear), cluster()
    there.kubectl = replace(there.kubectl, proxy=cast("Proxy", answering))
    return answering, there


STABLE, LEASE = (
    "/api/v1/namespaces/web/services/shop-stable",
    "/apis/coordination.k8s.io/v1/namespaces/web/leases/kubectl-canary-shop",
)
HTTPROUTE = "/apis/gateway.networking.k8s.io/v1/namespaces/web/httproutes/shop-canary-route"


def test_a_proxy_is_asked_in_the_place_of_kubectl(fake: Fake) -> None:
    held = an_object("Lease", "kubectl-canary-shop")
    slices = [{"metadata": {"labels": {"kubernetes.io/service-name": "shop"}}, "endpoints": []}]
    selector = "kubernetes.io/service-name%20in%20%28shop%29"
    path = f"/apis/discovery.k8s.io/v1/namespaces/web/endpointslices?labelSelector={selector}"
    answering, there = proxied(
        {STABLE: an_object("Service", "shop-stable"), LEASE: held, path: {"items": slices}}
    )
    objects, lease = there.read()
    assert (["shop-stable"], held) == ([key[3] for key in objects], lease)
    assert {STABLE, LEASE, HTTPROUTE} < {*answering.asked}
    assert {"shop": 0} == there.endpoints(["shop"])
    there.patch(ROUTE, [], trying=True)
    assert f"{HTTPROUTE} kubectl-canary True []" == answering.asked[-1]
    there.renew_lease([])
    assert f"{LEASE} kubectl-canary False []" == answering.asked[-1]
    assert 1 == len(fake.calls)  # the first has pinned the context


def test_a_proxy_is_asked_where_each_object_is(fake: Fake) -> None:
    answering, there = proxied({})
    elsewhere = replace(ROUTE, namespace="edge")
    there.parts = (*there.parts, elsewhere)
    there.read()
    there.patch(elsewhere, [])
    path = "/apis/gateway.networking.k8s.io/v1/namespaces/edge/httproutes/shop-canary-route"
    assert path in answering.asked
    assert answering.asked[-1].startswith(path)


@pytest.mark.parametrize("odd", [{"type": "error"}, {"kind": "Service", "metadata": {"name": "shop-stable"}}])
def test_what_a_proxy_says_that_is_no_object_kubectl_is_asked_for(fake: Fake, odd: dict[str, Any]) -> None:
    _, there = proxied({STABLE: odd})
    fake.answer(("get", 0, a_list(an_object("Service", "shop-stable"))))
    assert ["shop-stable"] == [key[3] for key in there.read()[0]]


@pytest.mark.parametrize("unclear", [STABLE, HTTPROUTE, LEASE])
def test_what_a_proxy_is_unclear_about_is_asked_of_kubectl(fake: Fake, unclear: str) -> None:
    _, there = proxied({STABLE: an_object("Service", "other")}, unclear)
    fake.answer(("get", 0, a_list(an_object("Service", "shop-stable"))))
    assert ["shop-stable"] == [key[3] for key in there.read()[0]]


def test_what_a_proxy_does_not_patch_kubectl_does_and_says_why_not(fake: Fake) -> None:
    _, there = proxied({}, unclear="/")
    fake.answer(("patch", 1, "Error from server (Conflict): it is another"), ("endpointslices", 0, a_list()))
    with pytest.raises(Conflict, match="it is another"):
        there.patch(ROUTE, [])
    assert {} == there.endpoints(["shop"])


def test_a_way_back_is_judged_by_the_server_alone(
    fake: Fake,
    canary: Callable[..., Result],
    canary_yaml: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is refused for nothing, and who goes back loses no time."""
    canary_yaml(json.dumps(a_file()))
    objects = a_list(*live(a_release(), "5%").values())
    judged: list[Any] = []
    monkeypatch.setattr("kubectl_canary.api.verdict.judge", lambda *given: judged.append(given))
    fake.answer(("patch", 1, "Error from server (Invalid): it is not as it should be"), ("get", 0, objects))
    assert "it is not as it should be" in canary("rollback").err
    assert not judged
    canary("apply", "--phase", "deploy", "--no-lease")
    assert judged


def test_a_program_that_cannot_be_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECTL_PATH", str(tmp_path))
    with pytest.raises(WorldError, match="cannot be run: Permission denied") as refused:
        cluster()
    assert "$KUBECTL_PATH" in refused.value.hint


def test_without_a_namespace_kubectl_alone_knows_where_it_is(fake: Fake) -> None:
    answering, there = proxied({})
    there.namespace = None
    fake.answer(("get", 0, a_list()), ("patch", 0, "patched"))
    there.read()
    there.endpoints(["shop"])
    there.renew_lease([])
    assert [] == [path for path in answering.asked if "/None/" in path or "leases" in path]


def test_what_has_begun_to_be_read_is_read_once(fake: Fake) -> None:
    there = cluster()
    fake.answer(("get", 0, a_list()))
    there.begin()
    assert ({}, None) == there.read()
    assert 2 == len(fake.calls)  # the first has pinned the context
    there.read()
    assert 3 == len(fake.calls)


def test_what_has_begun_and_fails_is_told_to_whoever_reads(fake: Fake) -> None:
    there = cluster()
    fake.answer(("get", 1, "The connection to the server 127.0.0.1:6443 was refused"))
    there.begin()
    with pytest.raises(WorldError, match="was refused"):
        there.read()


def test_a_way_back_has_begun_to_read_before_it_is_led(
    fake: Fake,
    canary: Callable[..., Result],
    canary_yaml: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[bool] = []
    monkeypatch.setattr(Cluster, "begin", lambda _: begun.append(True))
    fake.answer(("get", 1, 'error: the server doesn\'t have a resource type "services"'))
    canary_yaml(json.dumps(a_file()))
    result = canary("rollback")
    assert ([True], False) == (begun, "Traceback" in result.err)


def test_without_a_right_to_leases_a_way_back_goes_on_and_others_say_how(fake: Fake) -> None:
    forbidden = (
        'Error from server (Forbidden): leases.coordination.k8s.io "kubectl-canary-shop" is forbidden: '
        'User "ada" cannot get resource "leases" in API group "coordination.k8s.io" in the namespace "web"'
    )
    there = cluster()
    fake.answer(("lease.", 1, forbidden), ("get", 0, a_list()))
    with pytest.raises(WorldError, match="forbidden") as refused:
        there.read()
    assert "--no-lease" in refused.value.hint
    there.leases = Leases.WANTED
    assert ({}, None) == there.read()
    there.leases = Leases.WANTED
    with pytest.raises(Forbidden):  # it was allowed to know: a server that starts may forbid it for a moment
        there.read()


@pytest.mark.parametrize(
    ("words", "leases"),
    [
        (("status",), Leases.LEFT_ALONE), (("diff",), Leases.LEFT_ALONE), (("check",), Leases.LEFT_ALONE),
        (("verify",), Leases.LEFT_ALONE), (("apply",), Leases.NEEDED), (("doctor",), Leases.NEEDED),
        (("rollback",), Leases.WANTED), (("rollback", "--no-lease"), Leases.LEFT_ALONE),
    ],
)  # fmt: skip
def test_what_a_lease_is_to_each_verb(words: tuple[str, ...], leases: Leases, fake: Fake) -> None:
    assert fake.folder
    flags = DriveFlags(no_lease="--no-lease" in words)
    made = Release(a_release(), None, (), Sources(a_file(), []))
    assert leases is Call(words[0], made, ReleaseFlags(), flags, ClusterFlags()).cluster.leases


def test_kinds_that_a_starting_server_does_not_serve_yet_are_waited_for(fake: Fake) -> None:
    there = cluster()
    unserved = ("get", 1, 'error: the server doesn\'t have a resource type "httproute" in group "gateway"')
    fake.answer(unserved)
    with pytest.raises(WorldError) as first:
        there.read()
    assert not isinstance(first.value, Unreachable)
    fake.answer(("get", 0, a_list()))
    there.read()
    fake.answer(unserved)
    with pytest.raises(Unreachable):
        there.read()


def test_so_they_are_of_a_server_that_was_away_at_first(fake: Fake) -> None:
    there = cluster()
    for said in (
        "The connection to the server 1.2.3.4 was refused - did you specify the right host or port?",
        'error: the server doesn\'t have a resource type "a"',
    ):
        fake.answer(("get", 1, said))
        with pytest.raises(Unreachable):
            there.read()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (
            "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?",
            Unreachable,
        ),
        ("error: You must be logged in to the server (Unauthorized)", Unreachable),
        ("E1 the server is currently unable\nError from server (Conflict): it is another", Conflict),
        ("Error from server (Conflict): Operation cannot be fulfilled", Conflict),
        ("The request is invalid: the server rejected our request due to an error in our request", Conflict),
    ],
)
def test_what_kubectl_says_of_a_patch_is_told_apart(fake: Fake, said: str, error: type[WorldError]) -> None:
    there = cluster()
    fake.answer(("patch", 1, said))
    with pytest.raises(error):
        there.patch(ROUTE, [{"op": "test", "path": "/a", "value": 1}])


def test_what_is_forbidden_is_neither_and_has_kubectls_words(fake: Fake) -> None:
    there = cluster()
    fake.answer(("patch", 1, 'Error from server (Forbidden): cannot patch resource "httproutes"'))
    with pytest.raises(WorldError, match="cannot patch resource") as refused:
        there.patch(ROUTE, [])
    assert Forbidden is type(refused.value)


def test_a_quota_forbids_otherwise(fake: Fake) -> None:
    there = cluster()
    fake.answer(
        ("patch", 1, 'Error from server (Forbidden): deployments "shop" is forbidden: exceeded quota')
    )
    with pytest.raises(WorldError, match="exceeded quota") as refused:
        there.patch(ROUTE, [])
    assert WorldError is type(refused.value)


def test_only_the_object_that_was_read_is_deleted(fake: Fake) -> None:
    there = cluster()
    there.delete(ROUTE, "uid-1")
    path = "/apis/gateway.networking.k8s.io/v1/namespaces/web/httproutes/shop-canary-route"
    assert ["delete", "--raw", path, "-f", "-"] == fake.calls[-1][3:]


def test_a_release_without_a_namespace_is_in_that_of_the_context(fake: Fake) -> None:
    contexts = [{"name": "prod", "context": {"cluster": "west", "namespace": "shop"}}]
    fake.answer(("config view", 0, json.dumps({"contexts": contexts})), ("get", 0, a_list()))
    there = Cluster(Kubectl(()).pinned(), "shop", None, [replace(part, namespace=None) for part in PARTS])
    there.read()
    there.delete(replace(ROUTE, namespace=None), "uid-1")
    assert ["-n", "shop"] == fake.calls[1][-6:-4]
    assert "/namespaces/shop/" in fake.calls[-1][5]
    assert 3 == len(fake.calls)


def test_a_kind_whose_plural_is_another_is_deleted_by_its_name(fake: Fake) -> None:
    there = cluster()
    fake.answer(
        ("--raw", 1, "Error from server (NotFound): the server could not find the requested resource")
    )
    there.delete(ROUTE, "uid-1")
    assert ["delete", "httproute.gateway.networking.k8s.io/shop-canary-route"] == fake.calls[-1][3:5]


def test_what_is_gone_already_is_deleted(fake: Fake) -> None:
    there = cluster()
    fake.answer(("--raw", 1, 'Error from server (NotFound): httproutes "shop-canary-route" not found'))
    there.delete(ROUTE, "uid-1")
    assert 2 == len(fake.calls)


def test_what_is_tried_changes_nothing(fake: Fake) -> None:
    there = cluster()
    there.patch(ROUTE, [], trying=True)
    there.create([{"kind": "Service"}], trying=True)
    assert all("--dry-run=server" in call for call in fake.calls[1:])


# --- status -----------------------------------------------------------------


def meddled() -> Objects:
    """The objects of 5%, on whose route somebody has written another share."""
    objects = live(a_release(), "5%")
    shares(objects, 7)
    written(route_of(objects), "kubectl-edit", 7, {"f:rules": {}})
    return objects


@pytest.fixture
def status(fake: Fake, canary: Callable[..., Result], canary_yaml: Callable[[str], Path]) -> Status:
    """`status` of the release where the cluster has these objects."""
    canary_yaml(json.dumps(a_file()))

    def run(objects: Objects, *flags: str) -> Result:
        fake.answer(("endpointslices", 0, a_list()), ("get", 0, a_list(*objects.values())))
        return canary("status", *flags)

    return run


def test_status_says_what_differs_and_who_did_it(status: Status) -> None:
    result = status(meddled())
    assert (1, "") == (result.code, result.err)
    assert all(line in result.out for line in (*WEIGHTS, "\n         kubectl canary diff --phase 5%\n"))
    assert "\nchanged  HTTPRoute shop-canary-route  2026-01-01T00:07:00Z (" in result.out
    data = json.loads(status(meddled(), "-o", "json").out)
    assert (2, ["kubectl-edit"]) == (len(data["differences"]), [one["manager"] for one in data["changes"]])


def test_status_asks_no_more_of_the_cluster_for_that(status: Status, fake: Fake) -> None:
    status(meddled())
    assert 3 == len([call for call in fake.calls if "proxy" not in call])


def test_status_says_why_the_difference_cannot_be_told(
    status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = Finding("live", "error", (), "its rules are mixed up", Where("HTTPRoute shop"), "look into it")

    def refuse(*_: Any) -> None:
        raise Refused("the live objects are others", [finding])

    monkeypatch.setattr("kubectl_canary.commands.run.status.live_difference", refuse)
    result = status(meddled())
    assert result.out.startswith("shop in web: in no phase, nearest is 5%")
    assert "what differs from `5%` cannot be told: the live objects are others\n" in result.err
    assert "HTTPRoute shop: its rules are mixed up; look into it\n" in result.err
