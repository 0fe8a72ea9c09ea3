"""`validate`: what it reads, what it says and in which formats, and that no input breaks it."""

from __future__ import annotations

import json
import os
import random
import re
import resource
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import agreement
import jsonschema
import pytest
from conftest import SEED, Cluster, Result
from test_canaryfile import VALID

from kubectl_canary.judging import lint

Canary = Callable[..., Result]

ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
  namespace: web
spec:
  rules:
    - matches: [{path: {value: /a}}]
      backendRefs:
        - name: shop
          port: 80
          weight: 2000000
        - {name: shop-canary, port: 80}
  parentRefs: [{name: gw}]
"""
GOOD = ROUTE.replace("2000000", "9")


@pytest.fixture
def route(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "route.yaml").write_text(ROUTE)
    return tmp_path / "route.yaml"


def test_it_says_what_the_server_would_say_with_the_place(canary: Canary, route: Path) -> None:
    result = canary("validate", "route.yaml")
    assert (1, "") == (result.code, result.err)
    path = "spec.rules[0].backendRefs[0].weight"
    said = f"Invalid value: 2000000: {path} in body should be less than or equal to 1000000"
    assert f"route.yaml:12:11: error HTTPRoute web/shop: {path}: {said}\n" in result.out
    assert result.out.endswith(
        "1 document, 1 error, 0 warnings (Gateway API v1.7 standard, Kubernetes 1.37)\n"
    )


def test_a_good_document_is_valid(canary: Canary) -> None:
    result = canary("validate", "-", stdin=GOOD.encode())
    assert (0, "1 document, 0 errors, 0 warnings (Gateway API v1.7 standard, Kubernetes 1.37)\n", "") == (
        result.code,
        result.out,
        result.err,
    )


def test_the_canary_file_here_is_judged_by_all_its_phases(
    canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong in one phase alone is found there: a file like this is good by its own schema."""
    monkeypatch.chdir(SEED.parent)
    assert 0 == canary("validate").code
    text = SEED.read_text()
    lacking = text.replace("  phases:", "  gatewayAPI: {version: v1.2}\n  phases:", 1)
    assert lacking != text
    result = canary("validate", "-", stdin=lacking.encode())
    assert 1 == result.code
    unknown = 'unknown field "spec.rules[0].filters[0].requestMirror.percent"'
    assert f"standard input:18:3: error Canary production/my-app: {unknown}" in result.out
    assert "(in `mirror 20%`)" in result.out


def test_a_phase_that_an_older_release_lacks_is_said_once(canary: Canary) -> None:
    result = canary("validate", SEED, "--gateway-api", "v1.2")
    assert 1 == result.code
    assert 1 == result.out.count("requestMirror.percent")
    assert "canary.yaml:18:3: error Canary production/my-app: " in result.out
    assert "(in `mirror 20%`)" in result.out
    assert "v1.3 (standard) to v1.7 (experimental) have it" in result.out


@pytest.mark.parametrize("release", ["v1.0", "v1.3", "v1.4"])
def test_a_canary_file_names_its_gateway_api(
    canary: Canary, canary_yaml: Callable[[str], Path], release: str
) -> None:
    text = SEED.read_text().replace("  phases:", f"  gatewayAPI: {{version: {release}}}\n  phases:", 1)
    text = text.replace("- mirror 20%", "")
    canary_yaml(text)
    result = canary("validate")
    assert (0, f"0 warnings (Gateway API {release} standard, Kubernetes 1.37)\n") == (
        result.code,
        result.out.partition("errors, ")[2],
    )
    rendered = canary("render", "--phase", "5%", "--only", "route").out
    assert (release == "v1.4") is ("- name: default-canary-testers-my-app" in rendered)


def test_what_is_not_validated_is_said(canary: Canary, canary_yaml: Callable[[str], Path]) -> None:
    text = SEED.read_text().replace("  phases:", "  gatewayAPI: {version: v1.2}\n  phases:", 1)
    canary_yaml(text)
    refused = canary("render", "--phase", "mirror 20%")
    assert (1, "") == (refused.code, refused.out)
    assert 'unknown field "spec.rules[0].filters[0].requestMirror.percent"' in refused.err
    printed = canary("render", "--phase", "mirror 20%", "--no-validate")
    assert 0 == printed.code
    assert "percent: 20" in printed.out
    assert "warning: not validated (--no-validate)" in printed.err


@pytest.mark.parametrize(
    ("release", "channel", "field"),
    [("v1.1", "standard", "timeouts: {request: 1s}"), ("1.3.0", "standard", "name: a"), ("v1.6", "standard", "retry: {attempts: 1}"),
     ("1.2", "standard", "filters: [{type: RequestMirror, requestMirror: {percent: 5, backendRef: {name: a, port: 80}}}]")],
)  # fmt: skip
def test_fields_of_newer_releases(canary: Canary, release: str, channel: str, field: str) -> None:
    text = GOOD.replace("    - matches", f"    - {field}\n      matches").encode()
    assert 0 == canary("validate", "-", stdin=text).code
    old = canary("validate", "-", "--gateway-api", release, "--channel", channel, stdin=text)
    assert 1 == old.code
    assert 'unknown field "spec.rules[0].' in old.out
    assert "have it" in old.out


def test_json_has_the_verdict_and_every_finding(canary: Canary, route: Path) -> None:
    result = canary("validate", "route.yaml", "-o", "json")
    (document,) = json.loads(result.out)["documents"]
    (finding,) = document.pop("findings")
    assert {
        "file": "route.yaml", "index": 0, "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "namespace": "web", "name": "shop", "valid": False,
    } == document  # fmt: skip
    assert {"rule", "severity", "file", "line", "column", "path", "message", "hint"} == finding.keys()
    assert ("admission", "error", 12, 11) == tuple(
        finding[key] for key in ("rule", "severity", "line", "column")
    )


def test_lint_does_not_change_the_servers_verdict(canary: Canary) -> None:
    zero = ROUTE.replace("2000000", "0").replace("port: 80}", "port: 80, weight: 0}").encode()
    result = canary("validate", "-", "-o", "json", stdin=zero)
    (document,) = json.loads(result.out)["documents"]
    assert (1, True, ["no-weight"]) == (
        result.code,
        document["valid"],
        [one["rule"] for one in document["findings"]],
    )
    assert 0 == canary("validate", "-", "--admission-only", stdin=zero).code
    assert 0 == canary("validate", "-", "--ignore", "no-weight", stdin=zero).code
    assert 0 == canary("validate", "-", "--ignore", "no-weight=spec.rules[0]", stdin=zero).code
    assert 1 == canary("validate", "-", "--ignore", "no-weight=spec.rules[1]", stdin=zero).code
    assert 0 == canary("validate", "-", "--fail-on", "never", stdin=zero).code


def test_warnings_fail_only_where_asked(canary: Canary) -> None:
    text = GOOD.replace("{name: shop-canary", "{namespace: other, name: shop-canary").encode()
    assert 0 == canary("validate", "-", stdin=text).code
    assert 1 == canary("validate", "-", "--fail-on", "warning", stdin=text).code


def test_sarif_is_what_code_scanning_reads(canary: Canary, route: Path) -> None:
    warned = GOOD.replace("name: shop\n  namespace", "name: other\n  namespace")
    warned = warned.replace("port: 80}", "port: 80, namespace: other}")
    (route.parent / "warned.yaml").write_text(warned)
    (run,) = json.loads(canary("validate", ".", "-o", "sarif").out)["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [
        ("admission", "error", "route.yaml", 12, 11),
        ("missing-reference-grant", "warning", "warned.yaml", 13, 41),
    ] == [
        (
            result["ruleId"],
            result["level"],
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            result["locations"][0]["physicalLocation"]["region"]["startLine"],
            result["locations"][0]["physicalLocation"]["region"]["startColumn"],
        )
        for result in run["results"]
    ]
    assert ["admission", "missing-reference-grant"] == [
        rules[result.get("ruleIndex", rules.index(result["ruleId"]))] for result in run["results"]
    ]


SARIF = "github.com/owenrumney/go-sarif/v3@v3.3.1"


def test_sarif_follows_its_schema(canary: Canary, route: Path) -> None:
    """The OASIS schema of SARIF 2.1.0, as a Go module carries it."""
    source = (agreement.module(SARIF) / "pkg/report/v210/sarif/schema.go").read_text(encoding="utf-8")
    schema = json.loads(source.partition("`")[2].rpartition("`")[0])
    (route.parent / "other.yaml").write_text("a: [\n")
    for arguments in (["route.yaml"], ["."], ["route.yaml", "--admission-only"]):
        sarif = json.loads(canary("validate", *arguments, "-o", "sarif").out)
        jsonschema.Draft4Validator(schema).validate(sarif)
        assert sarif["runs"][0]["results"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(schema).validate({**sarif, "version": "2"})


def test_github_shows_it_at_its_line(canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b:c.yaml").write_text(ROUTE)
    result = canary("validate", ".", "-o", "github")
    assert result.out.startswith(
        "::error file=a%2Cb%3Ac.yaml,line=12,col=11,title=admission::HTTPRoute web/shop: spec"
    )
    assert 1 == result.out.count("\n")


def test_junit_is_xml_with_a_case_a_document(canary: Canary) -> None:
    odd = GOOD.replace("name: shop\n  namespace", 'name: "<&\\u0001\\""\n  namespace')
    result = canary("validate", "-", "-o", "junit", stdin=f"{odd}---\n{GOOD}".encode())
    suite = ElementTree.fromstring(result.out)[0]  # noqa: S314  our own output
    assert ("2", "1") == (suite.get("tests"), suite.get("failures"))
    assert ["failure"] == [child.tag for child in suite[0]]
    assert [] == list(suite[1])


def test_explain_shows_the_rule_and_unknown_rules_the_nearest(canary: Canary) -> None:
    result = canary("validate", "--explain", "no-weight")
    assert result.out.startswith("no-weight (error)\n\nA rule whose weights are all 0")
    assert "Passes:" in result.out
    assert "Fails:" in result.out
    wrong = canary("validate", "--explain", "no-wait")
    assert (2, "") == (wrong.code, wrong.out)
    assert "did you mean `no-weight`?" in wrong.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--gateway-api", "v2.0"], "known are v1.0 to v1.7"),
        (["--kubernetes", "1.30"], "known are v1.31 to v1.37"),
        (["--gateway-api", "v1.x"], "known are v1.0 to v1.7"),
        (["--ignore", "admission"], "the API server will not ignore it"),
        (["--ignore", "no-wait"], "did you mean `no-weight`?"),
        (["--implementation", "isto"], "did you mean `istio`?"),
        (["--implementation", "istio@0.1"], "no report of that version"),
        (["--crds", "route.yaml"], "no CustomResourceDefinition"),
        (["-", "-"], "only once"),
        (["--from-cluster", "--channel", "standard"], "leave --gateway-api and --channel out"),
    ],
)
def test_wrong_usage_says_what_there_is(canary: Canary, route: Path, arguments: list[str], says: str) -> None:
    result = canary("validate", *arguments)
    assert (2, "") == (result.code, result.out)
    assert says in result.err


def test_folders_lists_and_many_documents(canary: Canary, tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/a.yaml").write_text(ROUTE)
    (tmp_path / "deep/er/a.yml").write_text(f"{GOOD}---\n---\n{GOOD.replace('shop', 'other')}")
    items = json.dumps(
        {
            "apiVersion": "v1",
            "kind": "List",
            "items": [{"apiVersion": "v1", "kind": "Secret", "metadata": {}}],
        }
    )
    (tmp_path / "deep/list.json").write_text(items)
    (tmp_path / "notes.txt").write_text("not yaml: [")
    documents = json.loads(canary("validate", tmp_path, "-o", "json").out)["documents"]
    assert [("HTTPRoute", True), ("HTTPRoute", True), ("Secret", False)] == [
        (one["kind"], one["valid"]) for one in documents
    ]
    assert "metadata.name" == documents[-1]["findings"][0]["path"]
    assert 0 < documents[-1]["findings"][0]["line"]


def test_every_rendered_folder_is_valid(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert 0 == canary("render", "-f", SEED, "--all", "-o", "dir=rendered").code
    assert list(Path("rendered").rglob("*.patch.json"))
    result = canary("validate", "rendered")
    assert (0, True) == (result.code, "0 errors, 0 warnings" in result.out)
    patch = next(Path("rendered").rglob("*.patch.json"))
    assert "is not a Kubernetes object" in canary("validate", patch).out


def test_a_broken_file_does_not_hide_the_others(canary: Canary, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [")
    (tmp_path / "b.yaml").write_text(ROUTE)
    result = canary("validate", tmp_path)
    assert 1 == result.code
    assert f"{tmp_path}/a.yaml:2:1: error" in result.out
    assert f"{tmp_path}/b.yaml:12:11: error" in result.out


CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {kind: Widget, plural: widgets}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties: {size: {type: integer}, kind: {type: string, default: big}}
              x-kubernetes-validations: [{rule: "RULE", message: too big}]
"""
WIDGET = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\nspec: {size: 5}\n"


@pytest.mark.parametrize(
    ("rule", "code", "says"),
    [
        ("self.size < 9 && self.kind == 'big'", 0, "0 errors, 0 warnings"),
        ("self.size < 5", 1, "spec: Invalid value: too big"),
        ("quantity(self.size) < 5", 1, "the function `quantity()`"),
    ],
)
def test_crds_of_others_are_judged_by_the_same_engine(
    canary: Canary, tmp_path: Path, rule: str, code: int, says: str
) -> None:
    (tmp_path / "crd.yaml").write_text(CRD.replace("RULE", rule))
    result = canary("validate", "-", "--crds", tmp_path / "crd.yaml", stdin=WIDGET.encode())
    assert code == result.code
    assert says in result.out


@pytest.mark.parametrize(
    ("field", "value", "code", "says"),
    [
        ("{type: string, format: date-time}", "'2020-01-01T00:00:00Z'", 0, "0 errors"),
        ("{type: string, format: date-time}", "'2020-13-01T00:00:00Z'", 1, "must be of type date-time"),
        ("{type: string, format: byte}", "''", 1, "must be of type byte"),
        ("{type: string, format: byte}", "[a]", 0, "0 errors"),  # as the server does
        ("{type: string, format: uri}", "a", 1, "the format `uri`"),
        ("{type: string, format: fancy}", "a", 0, "0 errors"),
        ("{type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}", "{a: b}", 1,
         "`x-kubernetes-embedded-resource`"),
        ("{x-kubernetes-int-or-string: true}", "99999999999999999999", 1, "should be less than or equal to"),
        ("{x-kubernetes-int-or-string: true}", "50%", 0, "0 errors"),
    ],
)  # fmt: skip
def test_fields_of_crds_of_others(
    canary: Canary, tmp_path: Path, field: str, value: str, code: int, says: str
) -> None:
    (tmp_path / "crd.yaml").write_text(CRD.replace("RULE", "true").replace("{type: integer}", field))
    widget = WIDGET.replace("size: 5", f"size: {value}").encode()
    result = canary("validate", "-", "--crds", tmp_path / "crd.yaml", stdin=widget)
    assert code == result.code
    assert says in result.out


def test_replicas_that_a_scale_subresource_finds_are_not_negative(canary: Canary, tmp_path: Path) -> None:
    scale = "storage: true\n      subresources: {scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.size}}"
    (tmp_path / "crd.yaml").write_text(CRD.replace("RULE", "true").replace("storage: true", scale))
    for size, code in (("0", 0), ("-1", 1)):
        widget = WIDGET.replace("size: 5", f"size: {size}").encode()
        assert code == canary("validate", "-", "--crds", tmp_path / "crd.yaml", stdin=widget).code


def test_an_unknown_kind_is_said_and_not_called_valid(canary: Canary) -> None:
    result = canary("validate", "-", "-o", "json", stdin=WIDGET.encode())
    (document,) = json.loads(result.out)["documents"]
    assert (0, None, "unknown-kind") == (result.code, document["valid"], document["findings"][0]["rule"])
    text = WIDGET.replace("example.com/v1\nkind: Widget", "gateway.networking.k8s.io/v1\nkind: TLSRoute")
    old = canary("validate", "-", "--gateway-api", "v1.4", stdin=text.encode())
    assert 1 == old.code
    assert 'no matches for kind "TLSRoute" in version "gateway.networking.k8s.io/v1"' in old.out
    assert "v1.5 (standard) to v1.7 (experimental) serve it" in old.out


@pytest.mark.parametrize(
    ("identity", "hint"),
    [
        ("apps/v1 Deploymnet", "did you mean Deployment?"),
        ("v1 service", "did you mean Service?"),
        ("v1 Deployment", "apps/v1 serves Deployment"),
        ("apps/v2 Deployment", "apps/v1 serves Deployment"),
        ("v2 Pod", "v1 serves Pod"),
        ("v1 Deploymnet", "did you mean Deployment of apps/v1?"),
        ("v1 Quux", "Kubernetes v1.37 has no such kind"),
        ("gateway.networking.k8s.io/v1 HttpRoute", "did you mean HTTPRoute?"),
        ("extensions/v1beta1 Ingress", "Kubernetes v1.22 removed it; write networking.k8s.io/v1"),
        ("extensions/v1beta1 Deployment", "Kubernetes v1.16 removed it; write apps/v1"),
        ("gateway.networking.k8s.io/v1beta1 TCPRoute", "gateway.networking.k8s.io/v1 serves TCPRoute"),
        (
            "apps/v1 HTTPRoute",
            "gateway.networking.k8s.io/v1 and gateway.networking.k8s.io/v1beta1 serve HTTPRoute",
        ),
        ("extensions/v1beta1 NetworkPolicy", "Kubernetes v1.16 removed it; write networking.k8s.io/v1"),
        (
            "extensions/v1beta1 PodSecurityPolicy",
            "Kubernetes v1.16 removed it; Pod Security Admission takes its place",
        ),
        ("apps/v1beta1 StatefulSet", "Kubernetes v1.16 removed it; write apps/v1"),
        ("apps/v1beta2 DaemonSet", "Kubernetes v1.16 removed it; write apps/v1"),
        ("policy/v1beta1 PodDisruptionBudget", "Kubernetes v1.25 removed it; write policy/v1"),
        ("networking.k8s.io/v1beta1 Ingress", "Kubernetes v1.22 removed it; write networking.k8s.io/v1"),
        ("batch/v1beta1 CronJob", "Kubernetes v1.25 removed it; write batch/v1"),
        ("autoscaling/v2beta1 HorizontalPodAutoscaler", "Kubernetes v1.25 removed it; write autoscaling/v2"),
        ("autoscaling/v2beta2 HorizontalPodAutoscaler", "Kubernetes v1.26 removed it; write autoscaling/v2"),
        (
            "rbac.authorization.k8s.io/v1beta1 Role",
            "Kubernetes v1.22 removed it; write rbac.authorization.k8s.io/v1",
        ),
        (
            "apiextensions.k8s.io/v1beta1 CustomResourceDefinition",
            "Kubernetes v1.22 removed it; write apiextensions.k8s.io/v1",
        ),
        ("storage.k8s.io/v1beta1 CSIStorageCapacity", "Kubernetes v1.27 removed it; write storage.k8s.io/v1"),
        (
            "flowcontrol.apiserver.k8s.io/v1beta3 FlowSchema",
            "Kubernetes v1.32 removed it; write flowcontrol.apiserver.k8s.io/v1",
        ),
    ],
)
def test_a_kind_that_a_known_group_does_not_have_is_refused(canary: Canary, identity: str, hint: str) -> None:
    api_version, kind = identity.split()
    text = f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}\n"
    result = canary("validate", "-", "-o", "json", stdin=text.encode())
    (document,) = json.loads(result.out)["documents"]
    (finding,) = document["findings"]
    assert (1, False, "admission") == (result.code, document["valid"], finding["rule"])
    assert (f'no matches for kind "{kind}" in version "{api_version}"', hint) == (
        finding["message"],
        finding["hint"],
    )


@pytest.mark.parametrize(
    ("identity", "release", "code", "says"),
    [
        ("storage.k8s.io/v1 VolumeAttributesClass", "1.33", 1, "Kubernetes v1.34 has it"),
        ("apiextensions.k8s.io/v1 CustomResourceDefinition", "1.37", 0, "Kubernetes v1.37 has it"),
        ("resource.k8s.io/v1beta1 ResourceClaim", "1.37", 0, "Kubernetes v1.37 has it"),
        ("flowcontrol.apiserver.k8s.io/v1beta3 FlowSchema", "1.31", 0, "Kubernetes v1.31 has it"),
        ("metrics.k8s.io/v1 PodMetrics", "1.37", 0, "--crds FILE names"),
    ],
)
def test_what_a_release_has_is_that_releases(
    canary: Canary, identity: str, release: str, code: int, says: str
) -> None:
    api_version, kind = identity.split()
    text = f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}\n"
    result = canary("validate", "-", "--kubernetes", release, stdin=text.encode())
    assert code == result.code
    assert says in result.out
    assert (", 1 not checked (" in result.out) is (code == 0)


def test_a_list_of_a_kind_is_its_items(canary: Canary) -> None:
    text = """\
apiVersion: v1
kind: ConfigMapList
items:
- metadata: {name: a}
- metadata: {name: A}
"""
    result = canary("validate", "-", stdin=text.encode())
    assert 1 == result.code
    assert "standard input:5:14: error ConfigMap A: metadata.name: Invalid value" in result.out
    assert "2 documents, 1 error" in result.out


def test_the_versions_of_the_crds_that_were_given_are_named(canary: Canary, tmp_path: Path) -> None:
    (tmp_path / "crd.yaml").write_text(CRD.replace("RULE", "true"))
    newer = WIDGET.replace("example.com/v1\n", "example.com/v2\n").encode()
    result = canary("validate", "-", "--crds", tmp_path / "crd.yaml", stdin=newer)
    assert 1 == result.code
    assert 'no matches for kind "Widget" in version "example.com/v2"' in result.out
    assert "the CustomResourceDefinition of --crds serves example.com/v1\n" in result.out
    typo = WIDGET.replace("kind: Widget", "kind: Wigdet").encode()
    result = canary("validate", "-", "--crds", tmp_path / "crd.yaml", stdin=typo)
    assert 0 == result.code
    assert "--crds has no CustomResourceDefinition of it; did you mean Widget?" in result.out


LOGIN = """\
---
apiVersion: gateway.example.com/v1
kind: LoginPolicy
metadata: {name: login, namespace: production}
spec:
  targetRefs:
    - {group: gateway.networking.k8s.io, kind: HTTPRoute, name: my-app-canary-route, sectionName: RULE}
"""


def test_a_policy_of_a_kind_without_a_schema_is_held_against_our_own_route(canary: Canary) -> None:
    rendered = canary("render", "-f", SEED, "--phase", "5%").out
    governed = re.search("kubectl-canary/governs: (.+)", rendered)
    assert governed is not None
    stream = (rendered + LOGIN.replace("RULE", governed[1])).encode()
    result = canary("validate", "-", stdin=stream)
    assert 1 == result.code
    said = f"holds for the rule `{governed[1]}` and not for its clone `"
    assert f"error LoginPolicy production/login: spec.targetRefs[0].sectionName: {said}" in result.out
    assert 0 == canary("validate", "-", "--ignore", "policy-misses-clone", stdin=stream).code
    whole = (rendered + LOGIN.replace(", sectionName: RULE", "")).encode()
    assert 0 == canary("validate", "-", stdin=whole).code


def test_from_cluster_reads_the_crds_own_annotations(
    canary: Canary, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in {**cluster.environment(), "KUBECTL_PATH": str(cluster.kubectl_path)}.items():
        monkeypatch.setenv(key, value)
    result = canary("validate", "-", "--from-cluster", stdin=GOOD.encode())
    assert (0, "1 document, 0 errors, 0 warnings (Gateway API v1.7 standard, Kubernetes 1.37)\n") == (
        result.code,
        result.out,
    )


GATEWAY = """\
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: web}
spec: {gatewayClassName: CLASS, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""
METHOD = GOOD.replace("{value: /a}}", "{value: /a}, method: GET}")


@pytest.mark.parametrize(
    ("name", "says"),
    [("gke-l7-rilb", "matching methods: not claimed by gke-gateway"), ("istio", None), ("mine", None)],
)
def test_the_gateways_class_says_what_is_supported(canary: Canary, name: str, says: str | None) -> None:
    result = canary("validate", "-", stdin=(METHOD + GATEWAY.replace("CLASS", name)).encode())
    assert 0 == result.code
    assert (says in result.out) if says else ("0 warnings" in result.out)


def test_claims_of_a_version_are_that_versions(canary: Canary) -> None:
    text = GOOD.replace("    - matches", "    - name: a\n      matches").encode()
    assert "0 warnings" in canary("validate", "-", "--implementation", "istio@1.31", stdin=text).out
    old = canary("validate", "-", "--implementation", "cilium@1.16", stdin=text)
    assert "rule names: unknown by cilium 1.16" in old.out
    table = canary("validate", "--list-implementations").out
    assert "envoy-gateway" in table
    assert "traefik" in table


def test_the_rules_are_listed_with_their_severity_and_why(canary: Canary) -> None:
    result = canary("validate", "--list-rules")
    lines = [line.split(maxsplit=2) for line in result.out.splitlines()]
    assert 0 == result.code
    assert sorted(rule.id for rule in lint.rules()) == [line[0] for line in lines]
    assert ["no-weight", "error", "A rule whose weights are all 0 sends its requests nowhere."] in lines


def test_every_example_of_a_rule_is_explained(canary: Canary) -> None:
    said = canary("validate", "--explain", "hostname-not-served").out
    assert (1, 2) == (said.count("Passes:\n"), said.count("Fails:\n"))


CHANCE = random.Random(7)
HOSTILE: dict[str, bytes] = {
    "random bytes": CHANCE.randbytes(100_000),
    "random text": "".join(CHANCE.choices("ab:-[]{}&*!|>'\"#%@`,? \n\t", k=100_000)).encode(),
    "aliases": b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(9)
    ),
    "deep": b"[" * 100_000,
    "deep mappings": b"".join(b" " * n + b"a:\n" for n in range(500)),
    "itself": b"&a [*a]",
    "binary": b"\x7fELF" + bytes(1000),
    "UTF-16": GOOD.encode("utf-16"),
    "surrogates": b"a: \xed\xa0\x80",
    "nothing": b"",
    "a comment": b"# nothing\n---\n",
    "a scalar": b"42",
    "a list": b"[1, 2]",
    "odd kind": b"apiVersion: 1\nkind: [a]\nmetadata: 3\n",
    "odd metadata": b"apiVersion: v1\nkind: Service\nmetadata: [a]\nspec: 3\n",
    "odd spec": b"apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: a, labels: {a: 1}}\nspec: {rules: 3}\n",
    "odd canary": b"apiVersion: kubectl-canary/v1alpha1\nkind: Canary\nspec: [a]\n",
    "infinite": GOOD.replace("weight: 9", "weight: .inf").encode(),
    "long": GOOD.replace("/a", "/" + "a" * 2_000_000).encode(),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("output", ["text", "json", "sarif", "github", "junit"])
def test_hostile_input_gets_a_verdict_or_an_error(canary: Canary, name: str, output: str) -> None:
    result = canary("validate", "-", "-o", output, stdin=HOSTILE[name])
    assert result.code in (1, 2), result
    assert "Traceback" not in result.err
    assert (result.out == "") is (result.code == 2)


@pytest.mark.parametrize(
    "data", [b"\xef\xbb\xbf" + GOOD.encode(), GOOD.replace("\n", "\r\n").encode()], ids=["BOM", "CRLF"]
)
def test_marks_and_line_ends_of_windows_are_read(canary: Canary, data: bytes) -> None:
    """Also in places: neither a mark nor a carriage return counts as a column or a line."""
    assert 0 == canary("validate", "-", stdin=data).code
    result = canary("validate", "-", stdin=data.replace(b"weight: 9", b"weight: 2000000"))
    assert result.out.startswith(
        "standard input:12:11: error HTTPRoute web/shop: spec.rules[0].backendRefs[0].weight: "
    )
    first = canary("validate", "-", stdin=data.replace(b"apiVersion", b"apiVersion_"))
    assert "standard input:1:1: " in first.out


def test_a_hundred_megabytes_are_refused_within_bounded_memory(tmp_path: Path) -> None:
    file = tmp_path / "huge.yaml"
    with file.open("wb") as out:
        for _ in range(100):
            out.write(b"# " + b"x" * 999_998 + b"\n")
    done = subprocess.run(
        [sys.executable, "-m", "kubectl_canary", "validate", file],
        env={**os.environ, "PYTHONPATH": str(SEED.parents[2])},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1_000_000_000, 1_000_000_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert 1 == done.returncode
    assert "larger than 64,000,000 bytes" in done.stdout
    assert "" == done.stderr


def test_an_object_read_from_a_cluster_is_judged_as_one_to_be_updated(canary: Canary) -> None:
    """As `kubectl get -o yaml` prints it: the server set its resourceVersion and its uid."""
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, resourceVersion: '1'%s}\n"
    new = canary("validate", "-", stdin=(text % "").encode())
    assert (1, True) == (new.code, "metadata.resourceVersion: should not be set" in new.out)
    read = canary("validate", "-", stdin=(text % ", uid: 0d5a1a3c-1b1b-4c1c-8d1d-1e1e1e1e1e1e").encode())
    assert 0 == read.code


HPA = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: both, namespace: production}
spec:
  maxReplicas: 9
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: my-app-stable}
"""


def test_a_canary_file_is_judged_together_with_the_manifests_beside_it(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hpa.yaml").write_text(HPA)
    (tmp_path / "canary.yaml").write_text(SEED.read_text())
    assert 0 == canary("render", "--all", "-o", "dir=rendered").code
    assert "0 errors, 0 warnings" in canary("validate", "hpa.yaml").out
    rendered = canary("validate", "rendered/current", "hpa.yaml").out
    whole = canary("validate", "canary.yaml", "hpa.yaml").out
    for out in (rendered, whole):
        assert "[replicas-and-hpa]" in out
    assert "(in `before`, `deploy`" in whole
    budget = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b, namespace: production}\n"
    (tmp_path / "hpa.yaml").write_text(f"{budget}spec: {{selector: {{matchLabels: {{app: my-app}}}}}}\n")
    (split,) = (tmp_path / "rendered/phases").glob("*-header-only")
    for name in (split, "canary.yaml"):
        out = canary("validate", name, "hpa.yaml").out
        assert "hpa.yaml:4:" in out
        assert "[pdb-catches-both]" in out


def test_an_object_of_the_release_beside_its_file_is_looked_at_by_itself(
    canary: Canary, canary_yaml: Callable[[str], Path]
) -> None:
    """Its phases have that object already: what is rendered for one phase must not stand among another's."""

    def said(*files: str) -> dict[str, set[str]]:
        documents = json.loads(canary("validate", *files, "-o", "json").out)["documents"]
        return {one["file"]: {finding["message"] for finding in one["findings"]} for one in documents}

    text = SEED.read_text()
    assert "v1.1.0" in text
    canary_yaml(text.replace("v1.1.0", "latest"))
    rendered = canary("render", "--phase", "50%").out
    Path("beside.yaml").write_text(rendered)
    alone, both = said("canary.yaml"), said("canary.yaml", "beside.yaml")
    assert 2 == len(alone["canary.yaml"])
    assert alone["canary.yaml"] == both["canary.yaml"]


def test_the_folders_of_phases_are_sets_of_their_own(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "canary.yaml").write_text(SEED.read_text())
    assert 0 == canary("render", "--all", "-o", "dir=rendered").code
    result = canary("validate", "rendered", "canary.yaml")
    assert (0, True) == (result.code, " 0 errors, 0 warnings" in result.out), result.out
    for file in list((tmp_path / "rendered/current").glob("*deployment*")):
        (tmp_path / "rendered/current" / f"again-{file.name}").write_text(file.read_text())
    assert "[same-object-twice]" in canary("validate", "rendered").out


def test_the_same_object_twice_is_an_error_at_the_second(canary: Canary, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(GOOD.replace("/a", "/b"))
    result = canary("validate", tmp_path)
    assert 1 == result.code
    assert (
        f"{tmp_path}/b.yaml:4:3: error HTTPRoute web/shop: metadata.name: the same object as in {tmp_path}/a.yaml:4:3"
        in result.out
    )
    assert 0 == canary("validate", tmp_path, "--ignore", "same-object-twice").code
    other = GOOD.replace("namespace: web", "namespace: other")
    (tmp_path / "b.yaml").write_text(other)
    assert 0 == canary("validate", tmp_path).code


@pytest.mark.parametrize("again", ["canary.yaml", "./canary.yaml", "link.yaml", "."])
def test_a_file_that_f_names_too_is_judged_once(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "canary.yaml").write_text(SEED.read_text())
    (tmp_path / "link.yaml").symlink_to("canary.yaml")
    alone = canary("validate", "-f", "canary.yaml")
    assert alone.out.startswith("1 document, 0 errors")
    assert alone == canary("validate", "-f", "canary.yaml", again)


def test_what_follows_a_file_that_f_names_is_laid_over_it(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "canary.yaml").write_text(SEED.read_text())
    (tmp_path / "prod.yaml").write_text("spec: {phase: nowhere}\n")
    merged = canary("validate", "canary.yaml", "prod.yaml")
    assert merged.code == 1
    assert "prod.yaml:1:" in merged.out
    assert merged == canary("validate", "-f", "canary.yaml", "canary.yaml", "prod.yaml")
    assert merged == canary("validate", "-f", "canary.yaml", "prod.yaml")
    assert merged == canary("validate", "-f", "canary.yaml", "-f", "prod.yaml", ".")


def test_a_file_that_is_given_twice_is_judged_once(canary: Canary, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    result = canary("validate", tmp_path / "a.yaml", tmp_path)
    assert (0, True) == (result.code, result.out.startswith("1 document, "))


def test_canary_files_are_judged_together(canary: Canary, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SEED.read_text())
    (tmp_path / "b.yaml").write_text(SEED.read_text().replace("name: my-app\n", "name: other\n"))
    assert "0 errors, 0 warnings" in canary("validate", tmp_path / "a.yaml").out
    assert "[duplicate-match]" in canary("validate", tmp_path).out


def test_a_missing_file_is_the_worlds_fault(canary: Canary) -> None:
    result = canary("validate", "missing.yaml")
    assert (4, "") == (result.code, result.out)
    assert "error: missing.yaml does not exist" in result.err


OVERLAY = "spec: {stable: {replicas: 0}}\n"


@pytest.mark.parametrize("names", [["canary.yaml", "prod.yaml"], ["-f", "canary.yaml", "-f", "prod.yaml"]])
def test_an_overlay_is_merged_into_the_canary_file_before_it(
    canary: Canary, canary_yaml: Callable[[str], Path], names: list[str]
) -> None:
    canary_yaml(SEED.read_text())
    Path("prod.yaml").write_text(OVERLAY)
    result = canary("validate", *names)
    assert 1 == result.code
    assert (
        "prod.yaml:1:27: error Canary production/my-app: spec.stable.replicas: `0` is out of range"
        in result.out
    )
    Path("prod.yaml").write_text(OVERLAY.replace("0", "5"))
    assert "1 document, 0 errors, 0 warnings" in canary("validate", *names).out


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--set", "spec.stable.replicas=0"], "--set spec.stable.replicas=0: error Canary"),
        (["--canary-tag", "v1.0.0"], "this releases nothing"),
        (["-n", "staging"], "0 errors, 0 warnings"),
    ],
)
def test_what_ci_renders_is_what_is_validated(canary: Canary, flags: list[str], says: str) -> None:
    assert says in canary("validate", SEED, *flags).out


def test_templates_are_validated_with_the_file(canary: Canary, tmp_path: Path) -> None:
    text = (SEED.parent.parent.parent / "templates/service.yaml.j2").read_text()
    (tmp_path / "service.yaml.j2").write_text(text + "  typ: ClusterIP\n")
    result = canary("validate", SEED, "--templates", tmp_path)
    assert 1 == result.code
    assert 'unknown field "spec.typ"' in result.out


def test_what_the_server_says_has_its_place_in_the_canary_file(
    canary: Canary, canary_yaml: Callable[[str], Path]
) -> None:
    text = SEED.read_text()
    mounted = "  container:\n    volumeMounts: [{name: nope, mountPath: /x}]\n"
    assert "  container:\n" in text
    canary_yaml(text.replace("  container:\n", mounted))
    line = text.splitlines().index("  container:") + 2
    place = f'canary.yaml:{line}:27: spec.container.volumeMounts[0].name: Not found: "nope"\n'
    rendered = canary("render")
    assert (1, "") == (rendered.code, rendered.out)
    assert 1 == rendered.err.count("Not found")
    assert place in rendered.err
    validated = canary("validate").out
    assert 1 == validated.count("Not found")
    assert (
        f"canary.yaml:{line}:27: error Canary production/my-app: spec.container.volumeMounts[0].name"
        in validated
    )
    (document,) = json.loads(canary("validate", "-o", "json").out)["documents"]
    assert document["valid"] is False


def test_flags_of_a_release_need_one(canary: Canary, route: Path) -> None:
    result = canary("validate", "route.yaml", "--set", "spec.phase=5%")
    assert (2, "") == (result.code, result.out)
    assert "go with a canary file" in result.err


def test_two_canary_files_that_make_one_route_are_refused(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = VALID.replace("route: {", "route: {name: web, ")
    Path("shop.yaml").write_text(text)
    Path("cart.yaml").write_text(text.replace("name: my-app", "name: cart"))
    result = canary("validate", "shop.yaml", "cart.yaml")
    assert 1 == result.code
    message = "makes HTTPRoute web, and so does shop.yaml: the one that is applied last would be left"
    assert [f"metadata.name: {message}"] == [
        line.partition(": error Canary production/cart: ")[2].removesuffix("  [same-object-twice]")
        for line in result.out.splitlines()
        if "[same-object-twice]" in line
    ]
    Path("cart.yaml").write_text(VALID.replace("name: my-app", "name: cart"))
    assert 0 == canary("validate", "shop.yaml", "cart.yaml").code


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        (
            "  container: {port: 8080, ports: [{containerPort: 81, name: BAD}]}\n",
            ":8:61: spec.container.ports[0].name: ",
        ),
        (
            "  container: {port: 8080}\n"
            "  pod: {containers: [{name: proxy, image: p:1, volumeMounts: [{name: nope, mountPath: /x}]}]}\n",
            ":9:70: spec.pod.containers[0].volumeMounts[0].name: ",
        ),
    ],
)
def test_ports_and_further_containers_have_their_places(
    canary: Canary, canary_yaml: Callable[[str], Path], spec: str, place: str
) -> None:
    canary_yaml(VALID.replace("  container: {port: 8080}\n", spec))
    result = canary("render")
    assert (1, "") == (result.code, result.out)
    assert f"canary.yaml{place}" in result.err
