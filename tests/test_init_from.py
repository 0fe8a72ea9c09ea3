"""`init --from`: a canary file over manifests that are there."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Result
from hypothesis import given
from hypothesis import strategies as st

from kubectl_canary.api import defaults
from kubectl_canary.api.catalog import Target
from kubectl_canary.api.prepare import with_defaults
from kubectl_canary.reading import snapshot

Canary = Callable[..., Result]
SHOP = ROOT / "examples/shop/k8s"
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
{containers}
"""
SERVICE = "kind: Service\napiVersion: v1\nmetadata: {{name: {name}}}\nspec: {{selector: {{app: {pods}}}, ports: [{{port: 80}}]}}\n"
ROUTE = """apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{{name: edge}}]
  rules: [{{backendRefs: [{{name: {service}, port: 80}}]}}]
"""


def deployment(name: str, *containers: str) -> str:
    lines = [f"      - {{name: {known}, image: example.com/{known}:v1}}" for known in containers or ("web",)]
    return DEPLOYMENT.format(name=name, containers="\n".join(lines))


def service(name: str, pods: str = "shop") -> str:
    return SERVICE.format(name=name, pods=pods)


def route(name: str, service: str = "shop") -> str:
    return ROUTE.format(name=name, service=service)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the manifests of examples/shop."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SHOP, tmp_path / "k8s")
    return tmp_path


@pytest.fixture
def stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A file of manifests in a working directory."""
    monkeypatch.chdir(tmp_path)

    def write(*texts: str) -> Path:
        file = tmp_path / "all.yaml"
        file.write_text("---\n".join(texts))
        return file

    return write


def test_a_folder_is_adopted_and_says_why(canary: Canary, folder: Path) -> None:
    done = canary("init", "--from", "k8s", "--canary-tag", "v2")
    assert (0, "") == (done.code, done.out)
    assert done.err.splitlines() == [
        "Deployment shop: the only Deployment",
        "Service shop: it selects the pods of Deployment shop",
        "HTTPRoute storefront: rules `api`, 1 send to Service shop",
        "wrote canary.yaml (19 lines). Next: kubectl canary plan",
    ]
    spec = yaml.safe_load((folder / "canary.yaml").read_text())["spec"]
    assert {"from": "k8s/", "deployment": "shop", "service": "shop"} == spec["adopt"]
    assert {"tag": "v2"} == spec["canary"]
    rendered = canary("render")
    assert 0 == rendered.code
    assert "image: registry.example.com/shop:v2" in rendered.out
    again = canary("init", "--from", "k8s")
    assert (2, "") == (again.code, again.out)
    assert "canary.yaml is there already\n--force writes over it" in again.err


def test_the_line_that_shows_a_release_starts_one(canary: Canary, folder: Path) -> None:
    assert 0 == canary("init", "--from", "k8s").code
    before = canary("render").out
    assert before == "---\n".join(file.read_text() for file in sorted(SHOP.iterdir()))
    text = (folder / "canary.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=https://")
    started = text.replace("  # canary: {tag: v1.1.0}", "  phase: deploy\n  canary: {tag: v1.1.0}")
    assert started != text
    (folder / "canary.yaml").write_text(started)
    assert "image: registry.example.com/shop:v1.1.0" in canary("render").out


@pytest.mark.parametrize(
    ("source", "file", "written"),
    [
        ("k8s", "sub/canary.yaml", "../k8s/"),
        ("./k8s/", "k8s/canary.yaml", "."),
        ("k8s/deployment.yaml", "sub/canary.yaml", None),
        ("{whole}/k8s", "canary.yaml", "k8s/"),
    ],
)
def test_the_path_starts_at_the_file(
    canary: Canary, folder: Path, source: str, file: str, written: str | None
) -> None:
    (folder / "sub").mkdir()
    if written is None:
        (folder / "k8s/deployment.yaml").write_text("---\n".join(f.read_text() for f in SHOP.iterdir()))
        written = "../k8s/deployment.yaml"
    done = canary("init", "--from", source.format(whole=folder), "-f", file, "--canary-tag", "v2")
    assert 0 == done.code, done.err
    assert f"Next: kubectl canary plan{f' -f {file}' if file != 'canary.yaml' else ''}\n" in done.err
    assert yaml.safe_load((folder / file).read_text())["spec"]["adopt"]["from"] == written
    assert 0 == canary("plan", "-f", file).code


def test_the_path_starts_where_a_link_leads(canary: Canary, folder: Path) -> None:
    (folder / "deep/er").mkdir(parents=True)
    (folder / "link").symlink_to("deep/er")
    assert 0 == canary("init", "--from", "k8s", "-f", "link/canary.yaml").code
    assert 0 == canary("plan", "-f", "deep/er/canary.yaml").code


def test_a_canary_file_among_its_manifests_is_none_of_them(canary: Canary, folder: Path) -> None:
    assert 0 == canary("init", "--from", "k8s", "-f", "k8s/canary.yaml").code
    assert 0 == canary("init", "--from", "k8s", "-f", "k8s/canary.yaml", "--force").code
    assert "kubectl-canary/" not in canary("render", "-f", "k8s/canary.yaml").out


def test_standard_input_is_adopted_as_such(canary: Canary, folder: Path) -> None:
    manifests = "\n---\n".join(file.read_text() for file in sorted(SHOP.iterdir())).encode()
    done = canary("init", "--from", "-", "--canary-tag", "v2", stdin=manifests)
    assert done.err.endswith("wrote canary.yaml (19 lines). Next: the same manifests | kubectl canary plan\n")
    assert '    from: "-" ' in (folder / "canary.yaml").read_text()
    rendered = canary("render", stdin=manifests)
    assert "image: registry.example.com/shop:v2" in rendered.out
    printed = canary("init", "--from", "-", "--canary-tag", "v2", "-f", "-", stdin=manifests)
    assert printed.out == (folder / "canary.yaml").read_text()


@pytest.mark.parametrize(
    ("flags", "canary_of_file"),
    [
        (["--canary-image", "a/b:v2"], {"image": "a/b:v2"}),
        (["--canary-image", "web=a/b:v2"], {"images": {"web": "a/b:v2"}}),
    ],
)
def test_an_image_is_released(
    canary: Canary, folder: Path, flags: list[str], canary_of_file: dict[str, object]
) -> None:
    done = canary("init", "--from", "k8s", "-f", "-", *flags)
    assert yaml.safe_load(done.out)["spec"]["canary"] == canary_of_file


def test_one_of_several_containers_is_released(canary: Canary, stream: Callable[..., Path]) -> None:
    file = stream(deployment("shop", "web", "proxy"), service("shop"), route("shop"))
    for flags in (["--canary-tag", "v2"], ["--canary-image", "a/b:v2"]):
        done = canary("init", "--from", file, *flags)
        image = "IMAGE" if flags[0] == "--canary-tag" else "a/b:v2"
        assert (2, "") == (done.code, done.out)
        assert done.err.startswith(
            f"error: {flags[0]}: which container? Deployment shop has `web`, `proxy`\n"
            f"give --canary-image web={image}\n"
        )
    assert (
        "  # canary: {images: {web: example.com/web:v1.1.0}}" in canary("init", "--from", file, "-f", "-").out
    )
    several = ["--canary-image", "web=a/b:v2", "--canary-image", "proxy=a/c:v3"]
    printed = canary("init", "--from", file, "-f", "-", *several).out
    assert yaml.safe_load(printed)["spec"]["canary"] == {"images": {"web": "a/b:v2", "proxy": "a/c:v3"}}


def test_a_namespace_is_written_where_the_manifests_say_none(canary: Canary, folder: Path) -> None:
    printed = canary("init", "--from", "k8s", "-f", "-", "-n", "production").out
    assert yaml.safe_load(printed)["metadata"] == {"name": "shop", "namespace": "production"}
    file = folder / "k8s/service.yaml"
    for file in (folder / "k8s").iterdir():
        text = file.read_text().replace("metadata:\n  name:", "metadata:\n  namespace: store\n  name:")
        text = text.replace("{name: shop}\nspec", "{name: shop, namespace: store}\nspec")
        file.write_text(text)
    printed = canary("init", "--from", "k8s", "-f", "-", "-n", "store").out
    assert "namespace" not in yaml.safe_load(printed)["metadata"]
    refused = canary("init", "--from", "k8s", "-f", "-", "-n", "production")
    assert (2, "") == (refused.code, refused.out)
    assert "metadata.namespace: `production`, and Deployment store/shop says `store`" in refused.err


TWO = (deployment("shop"), deployment("docs"), service("shop"), service("inner"), route("a"), route("b"))


@pytest.mark.parametrize(
    ("texts", "flags", "message"),
    [
        (TWO, (), "error: which Deployment? There are `shop`, `docs`\ngive --deployment shop\n"),
        (
            TWO,
            ("--deployment", "shop"),
            "error: which Service? There are `shop`, `inner`\ngive --service shop\n",
        ),
        (
            TWO,
            ("--deployment", "shp"),
            "error: no Deployment `shp` fits; there are `shop`, `docs`\ndid you mean --deployment shop?\n",
        ),
        (
            TWO,
            ("--deployment", "docs"),
            "error: no Service selects the pods of Deployment docs\none with `selector: {app: docs}` would\n",
        ),
        (
            (*TWO, service("docs", "docs")),
            ("--deployment", "shop", "--service", "docs"),
            "error: Service `docs` does not select the pods of Deployment shop\nof those that do: --service shop\n",
        ),
        (
            TWO,
            ("--deployment", "shop", "--service", "inner"),
            "error: no rule of an HTTPRoute, GRPCRoute, TLSRoute or TCPRoute sends to Service inner\n",
        ),
        (
            (service("shop"),),
            (),
            "error: no Deployment in the manifests\nthere are `Service shop`\n",
        ),
        (
            (deployment("db").replace("Deployment", "StatefulSet"),),
            (),
            "error: no Deployment in the manifests, and StatefulSet db cannot be released by shares\n",
        ),
        (
            (deployment("shop"), deployment("shop"), service("shop"), route("a")),
            (),
            "error: Deployment `shop` stands several times: ",
        ),
        (
            (deployment("shop"), service("shop"), service("shop-canary", "other"), route("a")),
            (),
            "error: the flags and manifests make no valid canary file\nspec.adopt.from: Service shop-canary is in the manifests",
        ),
    ],
)
def test_what_is_ambiguous_or_lacks_is_said(
    canary: Canary, stream: Callable[..., Path], texts: tuple[str, ...], flags: tuple[str, ...], message: str
) -> None:
    file = stream(*texts)
    done = canary("init", "--from", file, *flags)
    assert (2, "") == (done.code, done.out)
    assert done.err.startswith(message)
    assert not (file.parent / "canary.yaml").exists()


def test_what_only_a_release_would_meet_is_said_at_once(canary: Canary, stream: Callable[..., Path]) -> None:
    long = "s" * 60
    file = stream(deployment("shop"), service(long), route("shop", long))
    done = canary("init", "--from", file)
    assert (1, "") == (done.code, done.out)
    assert f"{long}-canary" in done.err
    assert not (file.parent / "canary.yaml").exists()


def test_every_route_to_the_service_is_chosen(canary: Canary, stream: Callable[..., Path]) -> None:
    file = stream(deployment("shop"), service("shop"), route("a"), route("b"), route("c", "cart"))
    done = canary("init", "--from", file)
    assert 0 == done.code, done.err
    assert (
        "HTTPRoute a: rule 0 sends to Service shop\nHTTPRoute b: rule 0 sends to Service shop\n" in done.err
    )
    assert "HTTPRoute c" not in done.err
    assert "routes" not in yaml.safe_load((file.parent / "canary.yaml").read_text())["spec"]["adopt"]


def test_what_is_named_is_chosen(canary: Canary, stream: Callable[..., Path]) -> None:
    file = stream(*TWO)
    done = canary("init", "--from", file, "--deployment", "shop", "--service", "shop", "--route", "b")
    assert 0 == done.code
    assert done.err.startswith("Deployment shop: --deployment names it\nService shop: --service names it\n")
    adopt = yaml.safe_load((file.parent / "canary.yaml").read_text())["spec"]["adopt"]
    assert adopt == {
        "from": "all.yaml",
        "deployment": "shop",
        "service": "shop",
        "routes": [{"name": "b"}],
    }
    assert 0 == canary("plan").code


@pytest.mark.parametrize(
    "flags",
    [
        ["--image", "a/b:v1"],
        ["--tag", "v1"],
        ["--replicas", "3"],
        ["--port", "8080"],
        ["--service-port", "80"],
        ["--host", "a.example.com"],
        ["--gateway", "edge"],
        ["--gateway-namespace", "infra"],
        ["--gateway-class", "istio"],
        ["--tls", "cert"],
    ],
)
def test_what_the_manifests_say_no_flag_says(canary: Canary, folder: Path, flags: list[str]) -> None:
    done = canary("init", "--from", "k8s", *flags)
    assert (2, "") == (done.code, done.out)
    assert done.err.startswith(
        f"error: {flags[0]} does not go with --from\nleave it out: the manifests say this\n"
    )


SENT = [
    ([], "{header: x-canary,"),
    (["--header", "x-mine"], "{header: x-mine,"),
    (["--query", "canary"], "{query: canary,"),
    (["--cookie", "yes"], '{cookie: "yes",'),
]
NEW = ["--image", "example.com/shop:v1", "--gateway", "edge"]


@pytest.mark.parametrize("source", [NEW, ["--from", "k8s"]])
@pytest.mark.parametrize(("flags", "testers"), SENT)
def test_testers_send_what_is_named(
    canary: Canary, folder: Path, source: list[str], flags: list[str], testers: str
) -> None:
    assert 0 == canary("init", *source, *flags).code
    assert f'  testers: {testers} value: "true"}}   # who sends it' in (folder / "canary.yaml").read_text()
    assert 0 == canary("plan").code


@pytest.mark.parametrize("source", [NEW, ["--from", "k8s"]])
def test_testers_send_one_thing(canary: Canary, folder: Path, source: list[str]) -> None:
    done = canary("init", *source, "--header", "x-canary", "--cookie", "canary")
    assert (2, "") == (done.code, done.out)
    assert (
        "error: --header and --cookie\nkeep one: testers are known by one thing that they send\n" in done.err
    )
    assert not (folder / "canary.yaml").exists()


def test_calls_have_no_query(canary: Canary, stream: Callable[..., Path]) -> None:
    calls = route("calls").replace("HTTPRoute", "GRPCRoute")
    file = stream(deployment("shop"), service("shop"), route("shop"), calls)
    done = canary("init", "--from", file, "-f", "-", "--query", "canary")
    assert (2, "") == (done.code, done.out)
    assert "error: --query canary: GRPCRoute calls knows no query parameters\n" in done.err
    assert 0 == canary("init", "--from", file, "-f", "-", "--query", "canary", "--route", "shop").code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which image runs now?\ngive --image registry.example.com/my-app, or --from k8s/"),
        (["--image", "a/b:v1"], "which Gateway do the requests come by?\ngive --gateway production-gw\n"),
        (["--route", "a"], "--route goes with --from\nname the manifests: --from k8s/\n"),
        (["--from", "k8s", "--into", "x"], "--into goes with --from cluster\n"),
        (["--from", "nope"], "--from: nope does not exist\n"),
        (["--from", "k8s", "--canary-image", "web="], "--canary-image web=: no image\n"),
        (
            ["--from", "k8s", "--canary-image", "wbe=a/b:v2"],
            "--canary-image: no container `wbe`; there are `web`\ngive --canary-image web=a/b:v2\n",
        ),
        (
            ["--from", "k8s", "--canary-image", "a/b:v2", "--canary-image", "web=a/c:v2"],
            "--canary-image: two images for container `web`\n",
        ),
        (
            ["--from", "k8s", "--canary-image", "a/b:v2", "--canary-tag", "v2"],
            "--canary-tag and --canary-image\n",
        ),
        (
            ["--from", "k8s", "--canary-tag", "v 2"],
            "the flags and manifests make no valid canary file\nspec.canary.tag",
        ),
        (
            ["--from", "k8s", "--name", "A_b"],
            "the flags and manifests make no valid canary file\nmetadata.name",
        ),
    ],
)
def test_flags_that_make_no_file(canary: Canary, folder: Path, arguments: list[str], message: str) -> None:
    done = canary("init", *arguments)
    assert (done.code, done.out) == (4 if "exist" in message else 2, "")
    assert done.err.startswith(f"error: {message}")
    assert not (folder / "canary.yaml").exists()


# --- what runs in a cluster -----------------------------------------------------------


def live(text: str, **more: object) -> dict[str, Any]:
    """An object as a cluster has it."""
    value = yaml.safe_load(text)
    server = {
        "uid": "u",
        "resourceVersion": "1",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "generation": 3,
    }
    metadata = {
        **value["metadata"],
        **server,
        "namespace": "store",
        "managedFields": [{"manager": "kubectl"}],
    }
    metadata["ownerReferences"] = [{"kind": "Other", "name": "x"}]
    metadata["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "deployment.kubernetes.io/revision": "4",
        **value["metadata"].get("annotations", {}),
    }
    return {**value, "metadata": metadata, "status": {"replicas": 1}, **more}


def of_kind(api_version: str, kind: str, name: str, spec: object) -> dict[str, Any]:
    return live(
        json.dumps({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec})
    )


def scaler(kind: str, name: str, target: str) -> dict[str, Any]:
    api = "keda.sh/v1alpha1" if kind == "ScaledObject" else "autoscaling/v2"
    return of_kind(
        api,
        kind,
        name,
        {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}, "maxReplicas": 9},
    )


def cluster_objects() -> list[dict[str, Any]]:
    """Two applications: of `docs` nothing is to be taken."""
    pods = live(deployment("shop"))
    spec = pods["spec"]["template"]["spec"]
    spec["imagePullSecrets"] = [{"name": "pull"}]
    spec["volumes"] = [{"name": "v", "configMap": {"name": "settings", "defaultMode": 420}}]
    spec["containers"][0]["envFrom"] = [{"secretRef": {"name": "key"}}]
    addresses = {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ipFamilies": ["IPv4"]}
    served = live(service("shop"))
    served["spec"] |= {**addresses, "sessionAffinity": "None"}
    headless = live(service("peers"))
    headless["spec"] |= {**addresses, "clusterIP": "None"}
    configured = {"apiVersion": "v1", "kind": "ConfigMap"}
    pods_of = {name: {"matchLabels": {"app": name}} for name in ("shop", "docs")}
    return [
        pods, live(deployment("docs")), served, headless, live(service("docs", "docs")),
        live(route("store")), live(route("docs", "docs")),
        scaler("HorizontalPodAutoscaler", "shop", "shop"), scaler("HorizontalPodAutoscaler", "docs", "docs"),
        scaler("ScaledObject", "docs", "docs"),
        *(of_kind("policy/v1", "PodDisruptionBudget", name, {"selector": pods_of[name]}) for name in pods_of),
        *(of_kind("networking.k8s.io/v1", "NetworkPolicy", name, {"podSelector": pods_of[name]}) for name in pods_of),
        of_kind("networking.k8s.io/v1", "NetworkPolicy", "all", {"podSelector": {}}),
        *({**configured, "metadata": {"name": name}, "data": {"a": "b"}} for name in ("settings", "kube-root-ca.crt")),
    ]  # fmt: skip


TAKEN = [
    "configmap-settings.yaml",
    "deployment-shop.yaml",
    "horizontalpodautoscaler-shop.yaml",
    "httproute-store.yaml",
    "networkpolicy-all.yaml",
    "networkpolicy-shop.yaml",
    "poddisruptionbudget-shop.yaml",
    "service-peers.yaml",
    "service-shop.yaml",
]


def from_cluster(deployment: str) -> list[str]:
    return ["init", "--from", "cluster", "--deployment", deployment, "--service", "shop", "-n", "store"]


FROM_CLUSTER = from_cluster("shop")


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A kubectl with these objects, which may lack KEDA; the file says how it was called."""
    monkeypatch.chdir(tmp_path)
    log, program, answer = tmp_path.parent / "log", tmp_path.parent / "kubectl", tmp_path.parent / "answer"

    def having(objects: list[dict[str, object]], keda: bool = True) -> Path:
        answer.write_text(json.dumps({"kind": "List", "items": objects}))
        lacks = 'error: the server doesn\'t have a resource type "scaledobjects"'
        refusal = f'case "$*" in *scaledobjects*) echo {shlex.quote(lacks)} >&2; exit 1;; esac\n'
        program.write_text(
            f'#!/bin/sh\necho "$*" >> {shlex.quote(str(log))}\n{"" if keda else refusal}cat {shlex.quote(str(answer))}\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("KUBECTL_PATH", str(program))
        log.unlink(missing_ok=True)
        return log

    return having


def test_what_runs_is_written_and_adopted(
    canary: Canary, kubectl: Callable[..., Path], tmp_path: Path
) -> None:
    log = kubectl(cluster_objects())
    done = canary(*FROM_CLUSTER, "--context", "prod", "--canary-tag", "v2")
    assert (0, "") == (done.code, done.out), done.err
    assert "wrote k8s/ (9 files)\n" in done.err
    assert "the Secrets that the pods use: key, pull\n" in done.err
    (call,) = log.read_text().splitlines()
    assert call.startswith("--context=prod get deployments.apps,services,")
    assert "secrets" not in call
    assert " -n store " in call
    assert TAKEN == sorted(path.name for path in (tmp_path / "k8s").iterdir())
    kubectl([], keda=True).touch()
    rendered = canary("render", "--everything")
    assert "image: example.com/web:v2" in rendered.out
    assert "namespace: store" in rendered.out
    adopt = yaml.safe_load((tmp_path / "canary.yaml").read_text())["spec"]["adopt"]
    assert adopt["from"] == "k8s/"


def test_what_the_server_wrote_is_not_written(
    canary: Canary, kubectl: Callable[..., Path], tmp_path: Path
) -> None:
    kubectl(cluster_objects())
    assert 0 == canary(*FROM_CLUSTER).code
    found = {path.name: yaml.safe_load(path.read_text()) for path in (tmp_path / "k8s").iterdir()}
    for name, value in found.items():
        assert "status" not in value, name
        assert {"name", "namespace"} >= value["metadata"].keys(), name
    assert found["service-shop.yaml"]["spec"] == {"selector": {"app": "shop"}, "ports": [{"port": 80}]}
    assert found["service-peers.yaml"]["spec"]["clusterIP"] == "None"
    assert "clusterIPs" not in found["service-peers.yaml"]["spec"]
    (volume,) = found["deployment-shop.yaml"]["spec"]["template"]["spec"]["volumes"]
    assert volume == {"name": "v", "configMap": {"name": "settings"}}


@pytest.mark.parametrize(("applied", "is_kept"), [({"spec": {}}, False), ({"spec": {"replicas": 3}}, True)])
def test_what_a_scaler_decided_is_not_written(
    canary: Canary, kubectl: Callable[..., Path], tmp_path: Path, applied: object, is_kept: bool
) -> None:
    objects: list[Any] = cluster_objects()
    objects[0]["spec"]["replicas"] = 7
    annotation = "kubectl.kubernetes.io/last-applied-configuration"
    objects[0]["metadata"]["annotations"][annotation] = json.dumps(applied)
    kubectl(objects)
    assert 0 == canary(*FROM_CLUSTER).code
    spec = yaml.safe_load((tmp_path / "k8s/deployment-shop.yaml").read_text())["spec"]
    assert is_kept is ("replicas" in spec)


def test_a_default_that_only_some_clusters_fill_in_stays() -> None:
    """v1.7 has one for the attempts, older releases have not."""
    rule = {"retry": {"attempts": 1}, "backendRefs": [{"name": "shop", "port": 80, "weight": 1}]}
    route = of_kind("gateway.networking.k8s.io/v1", "HTTPRoute", "a", {"rules": [rule]})
    (clean,) = snapshot.cleaned(route)["spec"]["rules"]
    assert clean == {"retry": {"attempts": 1}, "backendRefs": [{"name": "shop", "port": 80}]}


def test_a_cluster_without_keda_is_read(canary: Canary, kubectl: Callable[..., Path], tmp_path: Path) -> None:
    log = kubectl(cluster_objects()[:-1], keda=False)
    assert 0 == canary(*FROM_CLUSTER).code
    assert [True, False] == ["scaledobjects" in call for call in log.read_text().splitlines()]


def test_calls_are_found_where_keda_is_not(
    canary: Canary, kubectl: Callable[..., Path], tmp_path: Path
) -> None:
    spec = {"rules": [{"backendRefs": [{"name": "shop", "port": 80}]}]}
    calls = of_kind("gateway.networking.k8s.io/v1", "GRPCRoute", "calls", spec)
    log = kubectl([*cluster_objects(), calls], keda=False)
    assert 0 == canary(*FROM_CLUSTER).code
    assert (tmp_path / "k8s/grpcroute-calls.yaml").exists()
    assert [True, True] == ["grpcroutes" in call for call in log.read_text().splitlines()]


def test_what_a_controller_makes_is_left_to_it(
    canary: Canary, kubectl: Callable[..., Path], tmp_path: Path
) -> None:
    objects: list[Any] = cluster_objects()
    made = scaler("HorizontalPodAutoscaler", "keda-hpa-shop", "shop")
    owner = {"kind": "ScaledObject", "name": "shop", "controller": True}
    made["metadata"]["ownerReferences"] = [owner]
    kubectl([*objects, made])
    quiet = canary(*FROM_CLUSTER)
    assert TAKEN == sorted(path.name for path in (tmp_path / "k8s").iterdir())
    assert "may undo" not in quiet.err
    objects[0]["metadata"]["ownerReferences"] = [{"kind": "Rollout", "name": "shop", "controller": True}]
    kubectl(objects)
    done = canary(*FROM_CLUSTER, "--force")
    assert "warning: Rollout shop makes this Deployment, and may undo what a release changes\n" in done.err


def test_a_folder_with_files_stays_as_it_is(
    canary: Canary, kubectl: Callable[..., Path], tmp_path: Path
) -> None:
    log = kubectl(cluster_objects())
    (tmp_path / "live").mkdir()
    (tmp_path / "live/other.yaml").write_text("")
    refused = canary(*FROM_CLUSTER, "--into", "live")
    assert (2, "") == (refused.code, refused.out)
    assert refused.err.startswith("error: live is there already, and is not empty\n--force writes over files")
    assert not log.exists()
    done = canary(*FROM_CLUSTER, "--into", "live", "--force")
    assert 0 == done.code
    assert "warning: live has other files too, which are released with these: other.yaml\n" in done.err


def test_a_canary_file_stays_and_no_folder_is_written(
    canary: Canary, kubectl: Callable[..., Path], tmp_path: Path
) -> None:
    kubectl(cluster_objects())
    (tmp_path / "canary.yaml").write_text("mine")
    refused = canary(*FROM_CLUSTER)
    assert (2, "") == (refused.code, refused.out)
    assert not (tmp_path / "k8s").exists()


@pytest.mark.parametrize(
    ("drop", "name", "message"),
    [
        ("", "shp", "no Deployment `shp` fits; there are `shop`, `docs`\ndid you mean --deployment shop?"),
        ("HTTPRoute", "shop", "no rule of an HTTPRoute, GRPCRoute, TLSRoute or TCPRoute sends to Service shop\n"),
        ("Service", "shop", "no Service selects the pods of Deployment shop\n"),
        ("Deployment", "shop", "no Deployment in this namespace\n-n names another, --context another cluster\n"),
    ],
)  # fmt: skip
def test_what_a_cluster_lacks_is_said_and_nothing_written(
    canary: Canary, kubectl: Callable[..., Path], tmp_path: Path, drop: str, name: str, message: str
) -> None:
    kubectl([value for value in cluster_objects() if value["kind"] != drop])
    refused = canary(*from_cluster(name))
    assert (2, "") == (refused.code, refused.out)
    assert refused.err.startswith(f"error: {message}")
    assert [] == list(tmp_path.iterdir())


def test_a_release_under_way_is_not_taken(
    canary: Canary, kubectl: Callable[..., Path], tmp_path: Path
) -> None:
    objects = cluster_objects()
    objects[5]["metadata"]["annotations"]["kubectl-canary/phase"] = "5%"
    kubectl(objects)
    refused = canary(*FROM_CLUSTER)
    assert (2, "") == (refused.code, refused.out)
    assert refused.err.startswith("error: HTTPRoute store is of a canary file already\n")


# --- defaults -------------------------------------------------------------------------


def drawn(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values of a schema of defaults: each field is absent, its default, or another."""
    if "items" in schema:
        return st.lists(drawn(schema["items"]), max_size=2)
    fields = {key: drawn(field) for key, field in schema.get("properties", {}).items()}
    others = [st.just(schema["default"])] if "default" in schema else []
    return st.one_of(st.fixed_dictionaries({}, optional=fields) if fields else st.just("other"), *others)


@given(st.data(), st.sampled_from(sorted(defaults.BUILT_IN)))
def test_a_document_without_defaults_means_the_same(data: st.DataObject, api: tuple[str, str]) -> None:
    schema = defaults.BUILT_IN[api]
    value = {"apiVersion": api[0], "kind": api[1], **data.draw(drawn(schema))}
    short = defaults.undefaulted(value, Target())
    assert with_defaults(short, schema) == with_defaults(value, schema)
    assert defaults.undefaulted(with_defaults(value, schema), Target()) == short


# --- several Deployments together -----------------------------------------------------

TOGETHER = (
    deployment("web", "app", "proxy"), deployment("api", "app"), deployment("docs"),
    service("web", "web"), service("api", "api"), service("api-inner", "api"), service("docs", "docs"),
    route("store", "web"), route("calls", "api"), route("paper", "docs"),
)  # fmt: skip
PAIR = ("--deployment", "web", "--deployment", "api", "--service", "api")


def test_deployments_are_released_together(canary: Canary, stream: Callable[..., Path]) -> None:
    file = stream(*TOGETHER)
    images = (
        "--canary-image",
        "web/app=a/b:v2",
        "--canary-image",
        "proxy=a/c:v2",
        "--canary-image",
        "api/app=a/d:v2",
    )
    done = canary("init", "--from", file, *PAIR, *images)
    assert (0, "") == (done.code, done.out), done.err
    assert (
        "Service web: it selects the pods of Deployment web\nDeployment api: --deployment names it\n"
        in done.err
    )
    assert "Service api: --service names it\nHTTPRoute store: rule 0 sends to Service web\n" in done.err
    assert "HTTPRoute calls: rule 0 sends to Service api\n" in done.err
    assert "HTTPRoute paper" not in done.err
    value = yaml.safe_load((file.parent / "canary.yaml").read_text())
    assert "web" == value["metadata"]["name"]
    assert value["spec"]["adopt"]["deployment"] == [
        {"name": "web", "service": "web", "images": {"app": "a/b:v2", "proxy": "a/c:v2"}},
        {"name": "api", "service": "api", "images": {"app": "a/d:v2"}},
    ]
    rendered = canary("render").out
    assert all(f"image: {image}" in rendered for image in ("a/b:v2", "a/c:v2", "a/d:v2"))


def test_a_tag_is_that_of_all(canary: Canary, stream: Callable[..., Path]) -> None:
    file = stream(*TOGETHER)
    flags = ("--deployment", "api", "--deployment", "docs", "--service", "api", "--canary-tag", "v2")
    refused = canary("init", "--from", file, *PAIR, "--canary-tag", "v2")
    assert refused.err.startswith(
        "error: --canary-tag: which container? Deployment web has `app`, `proxy`\ngive --canary-image web/app=IMAGE\n"
    )
    good = canary("init", "--from", file, *flags, "-f", "-")
    spec = yaml.safe_load(good.out)["spec"]
    assert [{"name": "api", "service": "api"}, {"name": "docs", "service": "docs"}] == spec["adopt"][
        "deployment"
    ]
    assert ({"tag": "v2"}, "deploy") == (spec["canary"], spec["phase"])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--deployment", "web", "--deployment", "web"), "--deployment web stands twice\nname each Deployment once\n"),
        (PAIR[:4], "which Service? There are `api`, `api-inner`\ngive --service api\n"),
        ((*PAIR, "--service", "api-inner"), "--service api and --service api-inner: a Deployment has one Service"),
        ((*PAIR, "--service", "docs"), "Service `docs` selects the pods of none of the Deployments `web`, `api`\n"),
        ((*PAIR, "--service", "ap"), "no Service `ap` fits; there are"),
        ((*PAIR, "--canary-image", "a/b:v2"), "--canary-image a/b:v2: of which Deployment? There are `web`, `api`\n"),
        (
            (*PAIR, "--canary-image", "app=a/b:v2"),
            "--canary-image: several Deployments have a container `app`: `web`, `api`\ngive --canary-image web/app=a/b:v2",
        ),
        ((*PAIR, "--canary-image", "api/prox=a/b:v2"), "--canary-image: no container `api/prox`; there are `web/app`,"),
    ],
)  # fmt: skip
def test_what_is_ambiguous_of_several_is_said(
    canary: Canary, stream: Callable[..., Path], flags: tuple[str, ...], message: str
) -> None:
    done = canary("init", "--from", stream(*TOGETHER), *flags)
    assert (2, "") == (done.code, done.out)
    assert done.err.startswith(f"error: {message}")


def test_several_are_taken_from_a_cluster(
    canary: Canary, kubectl: Callable[..., Path], tmp_path: Path
) -> None:
    kubectl(cluster_objects())
    done = canary(*FROM_CLUSTER, "--deployment", "docs")
    assert 0 == done.code, done.err
    taken = {path.name for path in (tmp_path / "k8s").iterdir()}
    assert {*TAKEN, "deployment-docs.yaml", "service-docs.yaml", "scaledobject-docs.yaml"} < taken
    assert 0 == canary("plan").code


def test_routes_of_one_name_in_two_namespaces_are_both_taken(tmp_path: Path, canary: Canary) -> None:
    case = Path(shutil.copytree(ROOT / "tests/cases/adopt-namespaces", tmp_path / "case"))
    flags = ("--from", case / "k8s", "-f", case / "new.yaml")
    assert canary("init", *flags).code == 0
    assert "routes:" not in (case / "new.yaml").read_text()
    done = canary("init", *flags, "--route", "shop", "--force")
    assert done.code == 0, done.err
    said = "routes: [{namespace: store-edge, name: shop}, {namespace: store, name: shop}]"
    assert said in (case / "new.yaml").read_text()
