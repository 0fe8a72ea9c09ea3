"""What `validate` says of the user's own manifests in a release: of what the release brings, and of what stood before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import ROOT, Result, run_here
from test_adoption import CASES, changed


def validated(folder: Path) -> Result:
    return run_here("validate", folder / "canary.yaml")


def test_what_lint_said_before_the_release_is_no_reason_against_it() -> None:
    """Services of other charts are behind rules of the user's; a clone moves these, and they are told once each."""
    result = validated(CASES / "adopt-shop")
    assert result.code == 0, result.out
    assert result.out.count("warning") == 3  # and once where they are counted
    assert "k8s/route.yaml:26:8: warning Canary shop: spec.rules[1].backendRefs[1].name" in result.out
    assert "no Service `legacy` here: its share gets errors (in `before`, `deploy`" in result.out


@pytest.mark.parametrize("name", ["handbook", "legacy"], ids=["a new fault", "an old fault at another rule"])
def test_what_the_release_brings_is_an_error(tmp_path: Path, name: str) -> None:
    case = Path(shutil.copytree(CASES / "adopt-shop", tmp_path / "case"))
    shutil.copytree(case / "k8s", case / "old")
    changed(case, "canary.yaml", "from: k8s/", "from: k8s/\n    stable: old/")
    changed(case, "k8s/route.yaml", "name: docs", f"name: {name}")
    result = validated(case)
    assert result.code == 1
    place = "spec.rules[2].backendRefs[0].name"
    assert f"error Canary shop: {place}: HTTPRoute storefront: no Service `{name}` here" in result.out


def test_rules_that_are_not_governed_have_no_testers_and_need_none(tmp_path: Path) -> None:
    case = Path(shutil.copytree(CASES / "adopt-together", tmp_path / "case"))
    text = (case / "canary.yaml").read_text().replace('{query: canary, value: "1"}', "{header: x-lab}")
    listed = text[text.index("      - name: api") : text.index("  testers:")]
    text = text.replace(listed, "    routes: [{name: store, rules: [pages]}]\n")
    (case / "canary.yaml").write_text(text)
    result = validated(case)
    assert (0, False) == (result.code, "header-rule-loses" in result.out)


@pytest.mark.parametrize("testers", ["{cookie: lab}", "{header: x, value: 'v.*', match: RegularExpression}"])
@pytest.mark.parametrize("case", ["adopt-shop", "my-app"])
def test_an_expression_for_testers_stands_in_the_canary_file(tmp_path: Path, case: str, testers: str) -> None:
    folder = Path(
        shutil.copytree(CASES / case if case != "my-app" else ROOT / "examples/my-app", tmp_path / "x")
    )
    file = folder / "canary.yaml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("  testers:")]
    place = lines.index("spec:") + 1
    file.write_text("\n".join([*lines[:place], f"  testers: {testers}", *lines[place:], ""]))
    (said,) = [line for line in validated(folder).out.splitlines() if "depends on the implementation" in line]
    assert f"canary.yaml:{place + 1}:3: warning Canary" in said
    assert ": spec.testers: HTTPRoute " in said


def test_an_expression_of_the_users_stands_in_the_route(tmp_path: Path) -> None:
    case = Path(shutil.copytree(CASES / "adopt-shop", tmp_path / "case"))
    text = (case / "k8s/route.yaml").read_text()
    (case / "k8s/route.yaml").write_text(text.replace("type: PathPrefix", "type: RegularExpression", 1))
    (said,) = [line for line in validated(case).out.splitlines() if "depends on the implementation" in line]
    assert "k8s/route.yaml:" in said
    assert ": spec.rules[" in said
