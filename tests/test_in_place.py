"""The user's own files as a phase: whatever phase follows another, only its lines change, and all come back."""

from __future__ import annotations

import difflib
import itertools
import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, run_here

from kubectl_canary.api.equality import identical
from kubectl_canary.commands import inputs
from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.render import RenderFlags
from kubectl_canary.commands.run import in_place, in_place_step
from kubectl_canary.errors import CanaryError, Refused, UsageError
from kubectl_canary.outside import exchange
from kubectl_canary.reading import in_place as notes
from kubectl_canary.reading import yamltext
from kubectl_canary.reading.adopted.file import SetReader
from kubectl_canary.reading.release import Release
from kubectl_canary.reading.sources import Sources
from kubectl_canary.release import adoption
from kubectl_canary.release.plan import PhaseKind

SOURCES = {
    "adopt-shop": ROOT / "tests/cases/adopt-shop",
    "shop": ROOT / "examples/shop",
    "adopt-routes": ROOT / "tests/cases/adopt-routes",
}
KUSTOMIZATION = """\
# what we run
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: # in order
{}
"""
Files = dict[str, bytes]


def flags_of(**more: Any) -> RenderFlags:
    given: dict[str, Any] = {"phase_name": None, "origin": None, "all_phases": False, "only": ()}
    given |= {"only_removed": False, "everything": False, "output": "in-place", "skip": True}
    return RenderFlags(**(given | {"handed_over": False} | more))


def write(case: Path, phase: str | None = None, **more: Any) -> None:
    release_flags = ReleaseFlags(files=(str(case / "canary.yaml"),))
    in_place.write(release_flags, flags_of(phase_name=phase, **more))


def jump(case: Path, phase: str) -> None:
    """Write a phase from whatever phase, safe or not: what the texts become is looked at, and not the step."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(in_place_step, "judge", lambda *_, **__: None)
        write(case, phase)


def release_of(case: Path) -> Release:
    return inputs.load([str(case / "canary.yaml")])


def files_of(case: Path) -> Files:
    return {
        str(path.relative_to(case)): path.read_bytes() for path in sorted(case.rglob("*")) if path.is_file()
    }


def copied(name: str, folder: Path) -> Path:
    ignored = shutil.ignore_patterns("expected")
    return Path(shutil.copytree(SOURCES[name], folder / name, ignore=ignored))


@pytest.fixture(params=SOURCES)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return copied(request.param, tmp_path)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return copied("shop", tmp_path)


def names_of(case: Path) -> list[str]:
    """A phase of each, but `promoted`, from which there is no way back."""
    plan = release_of(case).plan
    back = {phase.kind: phase.name for phase in plan.ways_back()}.values()
    return [*(phase.name for phase in plan.phases if phase.kind is not PhaseKind.PROMOTED), *back]


def edit(case: Path, change: Callable[[bytes], bytes]) -> None:
    for path in (case / "k8s").iterdir():
        path.write_bytes(change(path.read_bytes()))


def kustomized(case: Path, suffix: str = "") -> None:
    listed = "\n".join(f"- {path.name}" for path in sorted((case / "k8s").iterdir()))
    (case / "k8s/kustomization.yaml").write_text(KUSTOMIZATION.format(listed) + suffix)


def objects(case: Path) -> dict[adoption.Key, Any]:
    found: dict[adoption.Key, Any] = {}
    for path in sorted((case / "k8s").iterdir()):
        if path.name != "kustomization.yaml":
            for document in yamltext.read(path.read_bytes().decode("utf-8-sig"), path.name):
                found[adoption.key_of(document.value, None)] = document.value
    return found


@pytest.mark.parametrize("suffix", ["", "namespace: store\n", "# the end"])
def test_a_kustomization_lists_the_canary(shop: Path, suffix: str) -> None:
    kustomized(shop, suffix)
    (shop / "k8s/unlisted.yaml").write_text("not: [read")
    before = files_of(shop)
    write(shop, "10%")
    text = (shop / "k8s/kustomization.yaml").read_text()
    assert text == before["k8s/kustomization.yaml"].decode().replace(
        "- route.yaml\n", "- route.yaml\n- shop-canary.yaml\n"
    )
    write(shop, "50%")
    assert (shop / "k8s/kustomization.yaml").read_text() == text
    assert run_here("plan", "-f", str(shop / "canary.yaml")).code == 0
    jump(shop, "rolled-back")
    assert files_of(shop) == before


def test_a_namespace_of_the_kustomization_is_the_releases_and_in_no_file(shop: Path) -> None:
    kustomized(shop, "namespace: store\n")
    write(shop, "10%")
    own = (shop / "k8s/shop-canary.yaml").read_text()
    assert "\n  namespace: store" not in own
    printed = run_here("render", "-f", str(shop / "canary.yaml"), "--phase", "10%").out
    assert printed.count("namespace: store\n") == printed.count("\nkind: ")


def test_a_step_of_weights_is_a_line_a_weight(case: Path) -> None:
    write(case, "10%")
    ten = files_of(case)
    write(case, "50%")
    release = release_of(case)
    rules = len(release.plan.application.governed)
    routes = len(release.plan.application.routes)
    for path, data in files_of(case).items():
        lines = difflib.ndiff(ten[path].decode().splitlines(), data.decode().splitlines())
        added = [line for line in lines if line.startswith("+ ")]
        if path in ("k8s/route.yaml", "k8s/routes.yaml"):
            weights = [line for line in added if "weight:" in line]
            assert len(added) == len(weights) + routes, added
            assert len(weights) in (2 * rules, 2 * rules + 1), added
        elif path == "k8s/shop-canary.yaml":
            assert not [
                line
                for line in added
                if not any(
                    word in line
                    for word in ("in place:", "original:", "replicas:", "eplicas:", "minAvailable:")
                )
            ], added
        else:
            assert data == ten[path], path


def test_promoted_has_the_image_changed_and_nothing_else(
    case: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_of(case)
    write(case, "100%")
    write(case, "promote-roll")
    write(case, "promote-return")
    write(case, "promoted")
    after = files_of(case)
    assert after.keys() == before.keys()
    differing = {path for path in before if before[path] != after[path]}
    assert differing == {"k8s/app.yaml"}
    assert after["k8s/app.yaml"] == before["k8s/app.yaml"].replace(b"shop:v1", b"shop:v2")
    assert "take spec.canary and spec.phase out of" in capsys.readouterr().err


def test_what_the_canary_file_says_may_change_meanwhile(shop: Path) -> None:
    before = files_of(shop)
    write(shop, "10%")
    file = shop / "canary.yaml"
    text = file.read_text()
    file.write_text(text.replace("10%, ", "20%, ").replace("tag: v2", "tag: v3"))
    jump(shop, "20%")
    assert b"shop:v3" in files_of(shop)["k8s/shop-canary.yaml"]
    file.write_text(text)
    jump(shop, "before")
    assert files_of(shop) == before


def test_a_canary_file_may_lie_among_the_manifests(shop: Path) -> None:
    file = shop / "k8s/canary.yaml"
    (shop / "canary.yaml").rename(file)
    file.write_text(file.read_text().replace("from: k8s/", "from: ."))
    before = files_of(shop)
    for phase in ("10%", "50%", "rollback", "rolled-back"):
        done = run_here("render", "-f", str(file), "-o", "in-place", "--phase", phase, "--skip")
        assert done.code == 0, done.err
    assert files_of(shop) == before


def test_one_file_is_adopted_as_ever(shop: Path) -> None:
    texts = [path.read_text() for path in sorted((shop / "k8s").iterdir())]
    (shop / "all.yaml").write_text("---\n".join(texts))
    file = shop / "canary.yaml"
    file.write_text(file.read_text().replace("from: k8s/", "from: all.yaml"))
    assert run_here("plan", "-f", str(file)).code == 0


def test_the_declared_phase_is_written_and_jumps_are_said(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(shop, skip=False)
    assert "is `deploy` (1 files changed)" in capsys.readouterr().err
    write(shop, "1%", skip=False)
    assert "straight from `deploy`: this leaves out `header-only`" in capsys.readouterr().err
    write(shop, "1%", skip=False)
    assert "(0 files changed)" in (said := capsys.readouterr().err)
    assert "warning: do not" not in said


def test_a_list_and_json_are_edited_too(shop: Path) -> None:
    import json

    values = [yamltext.read(path.read_text(), path.name)[0].value for path in (shop / "k8s").glob("*.yaml")]
    everything = [
        document.value
        for path in (shop / "k8s").glob("*.yaml")
        for document in yamltext.read(path.read_text(), path.name)
    ]
    assert len(everything) >= len(values)
    for path in (shop / "k8s").glob("*.yaml"):
        path.unlink()
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": everything}, indent=4)
    (shop / "k8s/all.json").write_text(text)
    before = files_of(shop)
    write(shop, "10%")
    items = json.loads((shop / "k8s/all.json").read_text())["items"]
    wanted = next(item for item in everything if item["kind"] == "HTTPRoute")
    assert wanted not in items
    assert [item for item in everything if item["kind"] != "HTTPRoute"] == [
        item for item in items if item["kind"] != "HTTPRoute"
    ]
    jump(shop, "rolled-back")
    assert files_of(shop) == before


# --- what is refused --------------------------------------------------------------


def refused(case: Path, phase: str = "50%") -> Any:
    """What is raised, and nothing is written."""
    before = files_of(case)
    with pytest.raises(CanaryError) as caught:
        write(case, phase)
    assert files_of(case) == before
    return caught.value


def test_an_edit_of_the_releases_own_lines_is_not_written_over(shop: Path) -> None:
    write(shop, "10%")
    route = shop / "k8s/route.yaml"
    written = route.read_text()
    line = written[: written.index("weight: 90")].count("\n") + 1
    route.write_text(written.replace("weight: 90", "weight: 80"))
    for phase in ("50%", "rolled-back", "10%"):
        error = refused(shop, phase)
        assert isinstance(error, Refused)
        assert [str(known.where).rpartition("route.yaml")[2] for known in error.findings] == [f":{line}:1"]
        assert error.findings[0].hint == "it was written as `weight: 90`"
    done = run_here("plan", "-f", str(shop / "canary.yaml"))
    assert (done.code, "was changed since" in done.err) == (1, True)
    route.write_text(written)
    write(shop, "50%")


def test_the_way_back_in_a_cluster_is_open_whatever_was_edited(shop: Path) -> None:
    write(shop, "10%")
    route, asked = (
        shop / "k8s/route.yaml",
        ("rollback", "--print", "--from", "10%", "-f", str(shop / "canary.yaml")),
    )
    wanted = run_here(*asked).out
    assert ("kind: HTTPRoute" in wanted, "shop-canary" in wanted) == (True, False)
    written = route.read_text()
    for text, said in (
        (written.replace("weight: 90", "weight: 80"), "was changed since a release was written into it"),
        (f"{written}  - {{\n", "left out: "),
        ("", "HTTPRoute storefront, which a release was written into, is gone"),
    ):
        route.write_text(text)
        assert run_here("plan", "-f", str(shop / "canary.yaml")).code == 1
        done = run_here(*asked)
        assert (done.code, done.out, said in done.err) == (0, wanted, True), done.err
    route.unlink()
    done = run_here(*asked)
    assert (done.code, done.out, "is gone since" in done.err) == (0, wanted, True), done.err


@pytest.mark.parametrize(
    "change", [Path.unlink, lambda own: own.write_text(""), lambda own: own.write_text("a: 1\n")]
)
@pytest.mark.parametrize(
    "verb", [("plan",), ("rollback", "--print", "--from", "10%"), ("render", "--phase", "50%")]
)
def test_without_what_was_there_before_no_verb_takes_the_phase_for_it(
    shop: Path, change: Callable[[Path], Any], verb: tuple[str, ...]
) -> None:
    write(shop, "10%")
    change(shop / "k8s/shop-canary.yaml")
    done = run_here(*verb, "-f", str(shop / "canary.yaml"))
    assert (done.code, done.out) == (1, "")
    assert "is in a phase of `shop`, and " in done.err
    assert "Bring that file back, for example from Git" in done.err


BESIDE = {
    "a line before": ("kind: HTTPRoute\n", "kind: HTTPRoute\n# mine\n"),
    "a line right before weights": ("          port: 80\n", "          # mine\n          port: 80\n"),
    "a line at the end": ("", "# mine\n"),
    "a document before": (
        "apiVersion: ",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine}\n---\napiVersion: ",
    ),
    "another value": ("/old", "/older"),
}


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.parametrize("phase", ["deploy", "10%", "50%"])
def test_an_edit_beside_the_releases_lines_stays(shop: Path, name: str, phase: str) -> None:
    old, new = BESIDE[name]
    before, route = files_of(shop), shop / "k8s/route.yaml"

    def edited(text: str) -> str:
        return new.join(text.rsplit(old, 1)) if old else text + new

    write(shop, phase)
    route.write_text(edited(route.read_text()))
    assert run_here("plan", "-f", str(shop / "canary.yaml")).code == 0
    jump(shop, "100%")
    jump(shop, "rolled-back")
    wanted = edited(before["k8s/route.yaml"].decode())
    assert files_of(shop) == before | {"k8s/route.yaml": wanted.encode()}


def test_a_resource_that_others_add_stays(shop: Path) -> None:
    kustomized(shop)
    listed = shop / "k8s/kustomization.yaml"
    untouched = listed.read_text()
    write(shop, "10%")
    (shop / "k8s/more.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n")
    own = "- shop-canary.yaml\n"
    # at the end, before ours, and as a program writes it that formats all anew
    for text in (
        listed.read_text() + "- more.yaml\n",
        listed.read_text().replace(own, f"- more.yaml\n{own}"),
        re.sub(r"(?m)^- ", "  - ", listed.read_text() + "- more.yaml\n"),
    ):
        listed.write_text(text)
        assert run_here("plan", "-f", str(shop / "canary.yaml")).code == 0
        jump(shop, "50%")
        assert {"more.yaml", "shop-canary.yaml"} < set(yaml.safe_load(listed.read_text())["resources"])
        jump(shop, "rolled-back")
        before = yaml.safe_load(untouched)
        assert yaml.safe_load(listed.read_text()) == before | {
            "resources": [*before["resources"], "more.yaml"]
        }
        listed.write_text(untouched)
        write(shop, "10%")


def place_of(text: str, sought: str) -> str:
    """The line and column of a finding about the last line that has a text."""
    return f":{text[: text.rindex(sought)].count(chr(10)) + 1}:1"


def test_what_others_make_of_the_canary_is_named(shop: Path) -> None:
    write(shop, "10%")
    route = shop / "k8s/route.yaml"
    text = (
        route.read_text() + "  # as in shop-canary\n  - backendRefs:\n    - {name: shop-canary, port: 81}\n"
    )
    route.write_text(text)
    (finding,) = refused(shop).findings
    assert str(finding.where).endswith(place_of(text, "port: 81"))
    assert (finding.message, finding.hint) == (
        "names `shop-canary`, which goes with the release",
        "write it elsewhere, or once the release is over",
    )


def test_what_others_write_below_a_line_of_the_release_is_refused_at_its_line(shop: Path) -> None:
    write(shop, "10%")
    route = shop / "k8s/route.yaml"
    text = re.sub(
        r"(?m)^( *)(phase\.shop.*|.*kubectl-canary/phase.*)$", r"\1\2\n\1owner: a", route.read_text(), count=1
    )
    assert "owner: a" in text
    route.write_text(text)
    (finding,) = refused(shop).findings
    assert str(finding.where).endswith(place_of(text, "owner: a"))
    assert "stands in lines of the release, and they go with it" in finding.message


def test_a_name_is_found_where_others_wrote_it(shop: Path) -> None:
    write(shop, "10%")
    route = shop / "k8s/route.yaml"
    text = route.read_text().replace("    - name: docs\n", "    - name: shop-canary\n")
    assert text.count("- name: shop-canary\n") > 1
    route.write_text(text)
    (finding,) = refused(shop).findings
    assert str(finding.where).endswith(place_of(text, "- name: shop-canary\n"))


def test_a_route_that_others_send_to_the_canary_is_said(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(shop, "10%")
    other = re.sub("storefront", "other", (shop / "k8s/route.yaml").read_text())
    (shop / "k8s/zroute.yaml").write_text(re.sub("name: shop$", "name: docs", other, flags=re.MULTILINE))
    capsys.readouterr()
    jump(shop, "50%")
    said = capsys.readouterr().err
    assert "k8s/zroute.yaml:" in said
    assert "sends to shop-canary, which goes with the release: nothing takes that back; take it out" in said


def test_a_deployment_that_others_add_stops_nothing(shop: Path) -> None:
    write(shop, "10%")
    app = next(path for path in (shop / "k8s").iterdir() if "kind: Deployment" in path.read_text())
    (deployment,) = (known for known in app.read_text().split("---\n") if "kind: Deployment" in known)
    (shop / "k8s/worker.yaml").write_text(re.sub(r"\bshop\b", "worker", deployment))
    assert run_here("rollback", "--print", "-f", str(shop / "canary.yaml")).code == 0
    write(shop, "rollback")


def test_an_edit_of_both_versions_is_no_other_release_while_stable_gets_all_again(shop: Path) -> None:
    for phase in ("promoted", "rollback-promotion"):
        jump(shop, "promote-return")
        app = next(path for path in (shop / "k8s").iterdir() if "containerPort: 8080" in path.read_text())
        written = files_of(shop)
        app.write_text(app.read_text().replace("containerPort: 8080", "containerPort: 8081"))
        step(shop, phase)
        assert "containerPort: 8081" in app.read_text()
        for name, data in written.items():
            (shop / name).write_bytes(data)


def test_a_formatter_that_changes_no_value_is_in_nobodys_way(shop: Path) -> None:
    before = files_of(shop)
    write(shop, "10%")
    for path in (shop / "k8s").iterdir():
        path.write_text(f"---\n{path.read_text()}")
    route = shop / "k8s/route.yaml"
    route.write_text(re.sub(r"weight: 90", "weight: 90  # most of it", route.read_text()).replace('"', "'"))
    assert run_here("plan", "-f", str(shop / "canary.yaml")).code == 0
    jump(shop, "rolled-back")
    now = files_of(shop)
    assert now.keys() == before.keys()
    assert all(
        now[name].decode().replace("'", '"') == f"---\n{before[name].decode()}"
        for name in before
        if name.startswith("k8s/")
    )


def test_after_an_interruption_a_document_that_others_wrote_before_stays(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(shop, "10%")
    route, real = shop / "k8s/route.yaml", Path.replace
    mine = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine}\n---\n"
    route.write_text(f"{mine}{route.read_text()}")
    for moves in (1, 1):
        left = [moves]

        def move(target: Path, other: Path, left: list[int] = left) -> Path:
            if not left[0]:
                raise Stopped
            left[0] -= 1
            return real(target, other)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", move)
            with pytest.raises(Stopped):
                write(shop, "50%")
    write(shop, "50%")
    assert route.read_text().startswith(mine)
    assert "weight: 50" in route.read_text()


def test_a_document_is_known_by_its_object(shop: Path) -> None:
    write(shop, "10%")
    route = shop / "k8s/route.yaml"
    text = route.read_text()
    other = re.sub(r"name: shop(-canary)?\b", "name: docs", text.replace("name: storefront", "name: other"))
    route.write_text(f"{other}---\n{text}# mine\n")
    jump(shop, "rolled-back")
    assert route.read_text().startswith(other)
    assert "shop-canary" not in route.read_text()


def test_a_document_that_is_there_twice_is_neither(shop: Path) -> None:
    write(shop, "10%")
    route = shop / "k8s/route.yaml"
    text = route.read_text()
    route.write_text(f"# a\n{text}---\n{text}# mine\n")
    assert "is there twice" in str(refused(shop).findings[0])


def test_a_document_that_others_took_away_is_said(shop: Path) -> None:
    write(shop, "10%")
    (shop / "k8s/route.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine}\n")
    assert "HTTPRoute storefront, which a release was written into, is gone" in str(refused(shop).findings[0])


def test_a_text_that_is_no_yaml_any_more_is_said_at_its_place(shop: Path) -> None:
    write(shop, "10%")
    route = shop / "k8s/route.yaml"
    route.write_text(route.read_text() + "  - {\n")
    (finding,) = refused(shop).findings
    assert "did not find expected node content" in str(finding)
    assert finding.where.file.endswith("k8s/route.yaml")


def test_an_edit_of_both_versions_in_the_middle_of_a_promotion_goes_on(shop: Path) -> None:
    jump(shop, "promote-roll")
    app = next(path for path in (shop / "k8s").iterdir() if "containerPort: 8080" in path.read_text())
    app.write_text(app.read_text().replace("containerPort: 8080", "containerPort: 8081"))
    said = step(shop, "promote-return")
    assert "was promoted" not in said
    assert "containerPort: 8081" in app.read_text()


def test_what_was_left_without_its_lines_is_taken_off_as_it_was(shop: Path) -> None:
    before = files_of(shop)
    write(shop, "10%")
    own, route = shop / "k8s/shop-canary.yaml", shop / "k8s/route.yaml"
    own.write_text(re.sub(r', "changed": .*', "}", own.read_text()))
    written = route.read_text()
    route.write_text(f"{written}# mine\n")
    assert "was changed since" in str(refused(shop).findings[0])
    route.write_text(written)
    jump(shop, "rolled-back")
    assert files_of(shop) == before


def test_what_was_put_back_is_no_change(shop: Path) -> None:
    before = files_of(shop)
    write(shop, "10%")
    (shop / "k8s/route.yaml").write_bytes(before["k8s/route.yaml"])
    assert run_here("plan", "-f", str(shop / "canary.yaml")).code == 0
    jump(shop, "rolled-back")
    assert files_of(shop) == before


def test_a_change_in_another_document_stays(shop: Path) -> None:
    before = files_of(shop)
    write(shop, "10%")
    neighbours = shop / "k8s/neighbours.yaml"
    neighbours.write_bytes(neighbours.read_bytes() + b"# mine\n")
    write(shop, "rollback")
    write(shop, "rolled-back")
    assert files_of(shop) == before | {"k8s/neighbours.yaml": before["k8s/neighbours.yaml"] + b"# mine\n"}


def test_what_is_gone_is_said(shop: Path) -> None:
    write(shop, "10%")
    here, text = shop / "k8s/route.yaml", (shop / "k8s/route.yaml").read_text()
    here.unlink()
    assert "is gone" in str(refused(shop).findings[0])
    here.write_text(text)
    (shop / "k8s/shop-canary.yaml").unlink()
    assert "is gone, which says what it was" in str(refused(shop).findings[0])


def test_the_canarys_file_is_ours_and_as_we_wrote_it(shop: Path) -> None:
    own = shop / "k8s/shop-canary.yaml"
    own.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")
    assert "was not written by" in refused(shop).message
    own.unlink()
    write(shop, "10%")
    text = own.read_text()
    for changed in (
        text.replace("replicas: ", "replicas: 1"),
        text.replace('"objects"', '"others"'),
        text.replace('{"phase', "{phase"),
    ):
        own.write_text(changed)
        assert "put the file back" in refused(shop).hint


@pytest.mark.parametrize(
    ("adopt", "wrong", "cure"),
    [
        ("from: k8s/\n    stable: git:v1", "spec.adopt.stable names another", "leave it out"),
        ("from: '-'", "cannot write into standard input", "name the folder"),
        ("from: git:v1:k8s", "cannot write into a commit", "name the folder"),
        ("from: k8s/app.yaml", "is a file, beside which", "name its folder"),
    ],
)
def test_only_a_folder_of_files_is_edited(shop: Path, adopt: str, wrong: str, cure: str) -> None:
    file = shop / "canary.yaml"
    file.write_text(file.read_text().replace("from: k8s/ ", f"{adopt} "))
    error = refused(shop)
    assert isinstance(error, UsageError)
    assert wrong in error.message
    assert cure in error.hint


def test_a_kustomization_that_makes_other_objects_is_refused(shop: Path) -> None:
    kustomized(shop, "images: [{name: registry.example.com/shop, newTag: v9}]\n")
    (finding,) = refused(shop).findings
    assert "kustomization.yaml:8:1: images: it changes what the kustomization reads" in str(finding)
    (shop / "k8s/kustomization.yaml").unlink()
    kustomized(shop, "namespace: store\n")
    route = shop / "k8s/route.yaml"
    text = route.read_text()
    route.write_text(text.replace("  name: storefront\n", "  name: storefront\n  namespace: shop\n"))
    assert "puts HTTPRoute shop/storefront into the namespace store" in refused(shop).message
    route.write_text(text)
    (shop / "k8s/kustomization.yaml").write_text("resources: [../base]\n")
    assert "reads ../base, which is no file" in refused(shop).message
    (shop / "k8s/kustomization.yaml").write_text("resources: app.yaml\n")
    assert "has no resources" in refused(shop).message


def test_a_kustomization_that_begins_to_make_others_is_in_the_way_until_the_release_is_over(
    shop: Path,
) -> None:
    kustomized(shop)
    write(shop, "10%")
    listed, asked = (
        shop / "k8s/kustomization.yaml",
        ("rollback", "--print", "--from", "10%", "-f", str(shop / "canary.yaml")),
    )
    wanted, written = run_here(*asked).out, listed.read_text()
    listed.write_text(f"{written}commonAnnotations: {{a: b}}\n")
    assert "commonAnnotations: it changes what the kustomization reads" in str(refused(shop).findings[0])
    assert run_here(*asked).out == wanted
    listed.write_text(written)
    write(shop, "50%")


def test_flags_that_do_not_fit_and_files_that_adopt_nothing(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one phase and all of it"):
        write(shop, "10%", only=("route",))
    (tmp_path / "canary.yaml").write_text((ROOT / "tests/cases/minimal/canary.yaml").read_text())
    done = run_here("render", "-f", str(tmp_path / "canary.yaml"), "-o", "in-place")
    assert (done.code, done.out) == (2, "")
    assert "it names none" in done.err


# --- from where to where -----------------------------------------------------------


def step(case: Path, phase: str | None, *more: str) -> str:
    """What is said of a phase that is written in place; without one it is that of the file."""
    named = ("--phase", phase) if phase is not None else ()
    done = run_here("render", "-f", str(case / "canary.yaml"), "-o", "in-place", *named, *more)
    assert (done.code, done.out) == (0, ""), done.err
    return done.err


def unsafe(case: Path, phase: str, *more: str) -> str:
    """Why a phase is not written in place, and no file is another."""
    before = files_of(case)
    done = run_here("render", "-f", str(case / "canary.yaml"), "-o", "in-place", "--phase", phase, *more)
    assert (done.code in (1, 2), done.out, files_of(case)) == (True, "", before), done.err
    return done.err


def declare(case: Path, before: str, after: str) -> None:
    text = (case / "canary.yaml").read_text()
    assert before in text
    (case / "canary.yaml").write_text(text.replace(before, after))


FROM_50 = ("rollback", "rollback from 50%")
FORWARD = ["deploy", "header-only", "1%", "10%", "50%", "100%", "promote-roll", "promote-return", "promoted"]


def back_from(phase: str) -> list[str]:
    back = ["rollback", "rolled-back"]
    return ["rollback-promotion", *back] if phase.startswith("promote-") else back


@pytest.mark.parametrize("phase", FORWARD[:-1])
@pytest.mark.parametrize("is_declared", [False, True], ids=["by --phase", "by spec.phase"])
def test_a_release_goes_through_all_its_phases_and_back_from_each(
    shop: Path, phase: str, is_declared: bool
) -> None:
    before = files_of(shop)
    back, *rest = back_from(phase)
    for name in FORWARD[: FORWARD.index(phase) + 1]:
        assert "warning" not in step(shop, name)
    if is_declared:
        full = [f"{back} from {phase}", *(f"{name} from 100%" for name in rest[:-1]), "rolled-back"]
        for now, then in itertools.pairwise(["deploy", *full]):
            declare(shop, f"phase: {now}", f"phase: {then}")
            assert "warning" not in step(shop, None)
        declare(shop, "phase: rolled-back", "phase: deploy")
    else:
        for name in (back, *rest):
            assert "warning" not in step(shop, name)
    assert files_of(shop) == before


@pytest.mark.parametrize("is_declared", [False, True], ids=["by --phase", "by spec.phase"])
def test_a_release_is_promoted_phase_by_phase(shop: Path, is_declared: bool) -> None:
    for now, then in itertools.pairwise(["deploy", *FORWARD]):
        if is_declared:
            declare(shop, f"phase: {now}", f"phase: {then}")
        assert "warning" not in step(shop, None if is_declared else then)
    assert not (shop / "k8s/shop-canary.yaml").exists()


def test_a_way_back_starts_where_the_folder_is(shop: Path) -> None:
    step(shop, "100%", "--skip")
    step(shop, "promote-roll")
    harmful = unsafe(shop, "rollback")
    assert "no rollback from `promote-roll`\nuse `rollback-promotion from promote-roll`\n" in harmful
    assert "--from deploy" not in harmful
    wrong = unsafe(shop, "rollback-promotion", "--from", "promote-return")
    assert "k8s is `promote-roll`, and not `promote-return`\n" in wrong
    assert "leave --from out, or say --from promote-roll\n" in wrong
    assert "still serve in `promote-roll`; from `promote-roll`: " in unsafe(shop, "rollback from deploy")
    assert "is `rollback-promotion from promote-roll`" in step(shop, "rollback-promotion")
    assert "is `rollback from 100%`" in step(shop, "rollback")
    assert "no rollback-promotion from `rollback from 100%`" in unsafe(shop, "rollback-promotion")
    assert "is `rollback from 100%` (0 files changed)" in step(shop, "rollback")
    step(shop, "rolled-back")
    assert "no rollback from `before`" in unsafe(shop, "rollback")


def test_a_way_back_starts_in_no_phase_that_the_file_has_no_more(shop: Path) -> None:
    step(shop, "10%")
    declare(shop, "10%, ", "20%, ")
    assert "is `10%`, which the canary file has no more\nput the phase back" in unsafe(shop, "rollback")
    assert "is at `10%`, which the file has no more" in unsafe(shop, "rollback from 20%")
    declare(shop, "20%, ", "10%, ")
    step(shop, "rollback", "--from", "10%")


def test_printed_a_way_back_starts_where_the_file_says(shop: Path) -> None:
    step(shop, "10%")
    declare(shop, "phase: deploy", "phase: 50%")
    file = str(shop / "canary.yaml")
    printed = [run_here("render", "-f", file, "--phase", name).out for name in FROM_50]
    assert printed[0] == printed[1] != ""
    assert "is `rollback from 10%`" in step(shop, "rollback")


def test_a_canary_that_serves_is_not_made_another(shop: Path) -> None:
    for phase in ("deploy", "1%"):
        step(shop, phase, "--skip")
    step(shop, "10%")
    declare(shop, "tag: v2", "tag: v9")
    for phase in ("50%", "10%", "100%", "promote-roll"):
        assert "`10%` is under way with registry.example.com/shop:v2: this changes pods that serve" in (
            unsafe(shop, phase, "--skip")
        )
    assert f"{shop / 'canary.yaml'}:8:" in unsafe(shop, "50%")
    step(shop, "rollback")
    assert b"shop:v9" in files_of(shop)["k8s/shop-canary.yaml"]
    step(shop, "rolled-back")
    step(shop, "deploy")


def test_a_canary_that_gets_no_request_is_made_another_and_begins_again(shop: Path) -> None:
    step(shop, "deploy")
    declare(shop, "tag: v2", "tag: v9")
    assert "from `before`: forward `phase: deploy`" in unsafe(shop, "header-only")
    step(shop, "deploy")
    step(shop, "header-only")


def test_a_serving_canary_is_not_taken_out_of_the_file(shop: Path) -> None:
    step(shop, "10%")
    declare(shop, "  canary: {tag: v2}\n", "")
    declare(shop, "  phase: deploy\n", "")
    assert "takes canary pods away that still serve" in unsafe(shop, "before")


def test_a_change_for_everybody_is_said_during_a_release(shop: Path) -> None:
    step(shop, "10%")
    app = shop / "k8s/app.yaml"
    app.write_text(app.read_text().replace("replicas: 8", "replicas: 9"))
    assert "warning: spec: what is there without the release" in step(shop, "10%")


@pytest.mark.parametrize(
    ("start", "to", "wrong"),
    [
        ("50%", "promoted", "takes canary pods away that still serve in `50%`"),
        ("deploy", "50%", "`deploy` runs 1 pod of the canary, `50%` needs 4"),
        ("10%", "rolled-back", "takes canary pods away that still serve in `10%`"),
        ("promote-roll", "before", "takes canary pods away that still serve in `promote-roll`"),
    ],
)
def test_an_unsafe_step_is_refused_with_the_way_to_go(shop: Path, start: str, to: str, wrong: str) -> None:
    jump(shop, start)
    for more in ((), ("--skip",)):
        said = unsafe(shop, to, *more)
        assert wrong in said
        assert f"from `{start}`: forward `phase: {FORWARD[FORWARD.index(start) + 1]}`, back `phase: " in said


def test_phases_that_are_left_out_are_said_and_skipped(shop: Path) -> None:
    step(shop, "deploy")
    assert "straight from `deploy`: this leaves out `header-only`" in step(shop, "1%")
    step(shop, "deploy")
    assert "warning" not in step(shop, "1%", "--skip")


def test_a_file_without_a_record_is_gone_on_from(shop: Path) -> None:
    step(shop, "10%")
    own = shop / "k8s/shop-canary.yaml"
    left = notes.read(own.read_text())
    assert left.record["phase"] == "10%"
    head = json.dumps(
        {"phase": "10%", "objects": json.loads(own.read_text().split("\n")[0].partition(": ")[2])["objects"]}
    )
    own.write_text("\n".join([f"{notes.HEAD}{head}", *own.read_text().split("\n")[1:]]))
    assert notes.read(own.read_text()).record == {}
    declare(shop, "tag: v2", "tag: v9")
    assert "straight from `10%`" in step(shop, "rolled-back")


# --- writing ----------------------------------------------------------------------


class Stopped(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(
    ("start", "to"),
    [
        ("before", "10%"),
        ("10%", "50%"),
        ("10%", "deploy"),
        ("promote-roll", "rolled-back"),
        ("10%", "rolled-back"),
        ("promote-return", "promoted"),
    ],
)
def test_an_interrupted_write_leaves_old_or_new_files_and_can_be_run_again(
    shop: Path, monkeypatch: pytest.MonkeyPatch, start: str, to: str
) -> None:
    kustomized(shop)
    untouched = files_of(shop)
    jump(shop, start)
    old = files_of(shop)
    jump(shop, to)
    new = files_of(shop)
    real = {"replace": Path.replace, "unlink": Path.unlink}
    for moves in range(5):
        for path in (set(new) | set(files_of(shop))) - set(old):
            (shop / path).unlink(missing_ok=True)
        for path, data in old.items():
            (shop / path).write_bytes(data)
        left = [moves]

        def counted(name: str, left: list[int] = left) -> Callable[..., Any]:
            def move(target: Path, *arguments: Any, **more: Any) -> Any:
                is_move = name == "replace" or target.name == "shop-canary.yaml"
                if is_move and not left[0]:
                    raise Stopped
                left[0] -= is_move
                return real[name](target, *arguments, **more)

            return move

        with monkeypatch.context() as patched:
            for name in real:
                patched.setattr(Path, name, counted(name))
            try:
                jump(shop, to)
            except Stopped:
                now = files_of(shop)
                own = "k8s/shop-canary.yaml"
                assert now.keys() - {own} == untouched.keys()
                assert all(now[path] in (old[path], new[path]) for path in untouched)
        jump(shop, to)
        assert files_of(shop) == new


def test_a_file_that_changes_meanwhile_stops_everything(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(shop, "10%")
    before, real = files_of(shop), exchange.write

    def late(changes: Any) -> None:
        (shop / "k8s/route.yaml").write_bytes(before["k8s/route.yaml"] + b"# late\n")
        real(changes)

    monkeypatch.setattr(exchange, "write", late)
    with pytest.raises(UsageError, match="was changed meanwhile: nothing is written"):
        write(shop, "50%")
    assert files_of(shop) == before | {"k8s/route.yaml": before["k8s/route.yaml"] + b"# late\n"}


def test_a_file_is_replaced_as_a_whole(shop: Path) -> None:
    route, open_before = shop / "k8s/route.yaml", shop / "open-before"
    open_before.hardlink_to(route)
    before = route.read_bytes()
    write(shop, "10%")
    assert open_before.read_bytes() == before != route.read_bytes()
    assert not [path for path in (shop / "k8s").iterdir() if path.name.startswith(".")]


def test_permissions_and_links_stay(shop: Path) -> None:
    route, real = shop / "k8s/route.yaml", shop / "real.yaml"
    route.rename(real)
    real.chmod(0o640)
    route.symlink_to(real)
    write(shop, "10%")
    assert route.is_symlink()
    assert b"phase.shop" in real.read_bytes()
    assert real.stat().st_mode & 0o777 == 0o640


def test_what_was_left_is_read_as_it_was_written() -> None:
    texts = [
        "a: 1\n",
        "---\na: 1",
        "a: b\r\n\r\n",
        "# x\x0b\u2028 y\n\tz\rq\n",
        "\n\n",
        "#| a\n#= b\n# original: c\n",
    ]
    kept = tuple(notes.Kept("a \u2028.yaml", number, text, "sha256:0") for number, text in enumerate(texts))
    left = notes.Left("10%", kept, "---\na: 1\n", {"phase": "10%", "stable": "shop:v1 sha256:0"})
    assert notes.read(notes.written(left)) == left
    assert [document.value for document in yamltext.read(notes.written(left), "own")] == [{"a": 1}]


# --- whatever phase follows another ---------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.rstrip(b"\n"),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data + "# caf\u00e9 \u2028# and \u0085# a line\t\n".encode(),
        lambda data: data + b"---\n# nothing\n",
    ],
    ids=["crlf", "no line end", "bom", "strange comment", "empty document"],
)
def test_bytes_come_back(case: Path, change: Callable[[bytes], bytes]) -> None:
    edit(case, change)
    before = files_of(case)
    for name in ("deploy", "header-only", "50%", "promote-roll", "promote-return", "before"):
        jump(case, name)
        for path, data in files_of(case).items():
            if path in before and name == "50%":
                assert data.startswith(b"\xef\xbb\xbf") == before[path].startswith(b"\xef\xbb\xbf")
                assert data.count(b"\r\n") in (0, data.count(b"\n"))
    assert files_of(case) == before


def each_after_each(names: list[str]) -> Iterator[str]:
    """A way on which every name follows every other one, and itself."""
    for place, name in enumerate(names):
        yield name
        for other in names[place + 1 :]:
            yield from (name, other)
        yield name


def test_a_way_has_every_name_after_every_other() -> None:
    way = list(each_after_each(["a", "b", "c"]))
    assert set(itertools.pairwise(way)) == set(itertools.product("abc", repeat=2))


@pytest.fixture
def planned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A canary file over the same manifests is planned once, however often all are read."""
    read: Callable[..., Release] = inputs.release.read
    known: dict[str, Release] = {}

    def once(source: Sources, namespace: str | None, read_sets: SetReader) -> Release:
        sets = read_sets(source)
        manifests = [
            (one.document.file, one.index, one.source, one.value) for one in (*sets.stable, *sets.new)
        ]
        key = json.dumps([source.value, namespace, manifests])
        if key not in known:
            known[key] = read(source, namespace, lambda _: sets)
        return known[key]

    monkeypatch.setattr(inputs.release, "read", once)


@pytest.mark.usefixtures("planned_once")
def test_a_phase_in_place_is_that_phase_after_any_other(case: Path) -> None:
    before, release = files_of(case), release_of(case)
    reached: dict[str, Files] = {}
    for name in each_after_each(names_of(case)):
        jump(case, name)
        now = files_of(case)
        assert reached.setdefault(name, now) == now, name
    for name, files in reached.items():
        for path, data in files.items():
            (case / path).write_bytes(data)
        own = case / "k8s/shop-canary.yaml"
        if "k8s/shop-canary.yaml" not in files:
            own.unlink(missing_ok=True)
        wanted = {
            document.part.key: document.value
            for document in adoption.documents(release.plan.application, release.plan.find(name))
        }
        assert identical(objects(case), wanted), name
    jump(case, "rolled-back")
    assert files_of(case) == before
    assert reached["before"] == before


def test_other_verbs_read_what_was_there_before(case: Path) -> None:
    def printed(verb: str, *more: str) -> str:
        done = run_here(verb, "-f", str(case / "canary.yaml"), *more)
        assert done.code == 0, done.err
        return done.out

    verbs = [("plan",), ("render", "--phase", "50%"), ("patch", "--from", "10%", "--to", "50%")]
    before = [printed(*verb) for verb in verbs]
    write(case, "10%")
    assert [printed(*verb) for verb in verbs] == before


def test_a_component_is_not_laid_over_a_phase_in_place(shop: Path, tmp_path: Path) -> None:
    component = ("render", "-f", shop / "canary.yaml", "-o", f"kustomize={tmp_path / 'out'}")
    write(shop, "10%")
    refused = run_here(*component)
    assert (2, "", False) == (refused.code, refused.out, (tmp_path / "out").exists())
    assert "is `10%` in place, and a component would be laid over that\n" in refused.err
    cure = [line.strip() for line in refused.err.splitlines() if "-o in-place" in line]
    assert [shlex.split(line)[-1] for line in cure] == ["rollback from 10%", "rolled-back"]
    assert [0, 0] == [run_here(*shlex.split(line)[2:]).code for line in cure]
    assert 0 == run_here(*component).code


def test_two_releases_in_one_document_are_refused_and_in_two_are_not(tmp_path: Path) -> None:
    case = Path(shutil.copytree(ROOT / "tests/cases/adopt-apart", tmp_path / "case"))
    text = (case / "canary.yaml").read_text().replace("    separateRoute: true\n", "    service: store\n")
    other = text.replace("name: store\n", "name: admin\n").replace(": store\n", ": admin\n")
    (case / "canary.yaml").write_text(text)
    (case / "admin.yaml").write_text(other)
    files = [("-f", str(case / name)) for name in ("canary.yaml", "admin.yaml")]
    for file in files:
        assert run_here("render", *file, "-o", "in-place", "--phase", "deploy").code == 0
    assert run_here("render", *files[0], "-o", "in-place", "--phase", "10%").code == 0
    before = {file: file.read_text() for file in (case / "k8s").iterdir()}
    done = run_here("render", *files[1], "-o", "in-place", "--phase", "10%")
    assert (done.code, done.out) == (1, "")
    assert "k8s/route.yaml:1:1: is in `10%` of another release" in done.err
    assert before == {file: file.read_text() for file in (case / "k8s").iterdir()}
    assert run_here("render", *files[0], "-o", "in-place", "--phase", "50%").code == 0
    assert run_here("render", *files[0], "-o", "in-place", "--phase", "rollback").code == 0
    assert run_here("render", *files[0], "-o", "in-place", "--phase", "rolled-back").code == 0
    assert run_here("render", *files[1], "-o", "in-place", "--phase", "10%").code == 0
