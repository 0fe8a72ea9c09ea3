"""`init --from`: a canary file over manifests that are there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, Result

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
            ("--deployment", "shop", "--service", "shop"),
            "error: which HTTPRoute? There are `a`, `b`\ngive --route a\n",
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
            "error: no rule of an HTTPRoute sends to Service inner\n",
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
