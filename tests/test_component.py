"""`render -o kustomize=OUT`: the real kustomize builds every phase of the user's manifests and a component of ours."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from kubectl_canary.api.equality import identical
from kubectl_canary.commands import inputs
from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.render import RenderFlags
from kubectl_canary.commands.run import render
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.reading import yamltext
from kubectl_canary.release import adoption
from kubectl_canary.rendering import in_place

SOURCES = {
    "adopt-shop": ROOT / "tests/cases/adopt-shop",
    "adopt-routes": ROOT / "tests/cases/adopt-routes",
    "adopt-calls": ROOT / "tests/cases/adopt-calls",
    "shop": ROOT / "examples/shop",
}
SCALER = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: shop, namespace: store}
spec:
  minReplicas: 4
  maxReplicas: 8
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}
"""
Objects = dict[tuple[Any, ...], Any]


@dataclass(frozen=True)
class Case:
    """A folder with a canary file and manifests, and the kubectl that builds it."""

    folder: Path
    kubectl: Path

    def render(self, *phase: str, out: str = "canary", **more: Any) -> None:
        given: dict[str, Any] = {"phase_name": None, "origin": None, "all_phases": not phase, "only": ()}
        given |= {"only_removed": False, "everything": False, "skip": True, "handed_over": False}
        given |= {"phase_name": phase[0] if phase else None, "output": f"kustomize={self.folder / out}"}
        render.run(ReleaseFlags(files=(str(self.folder / "canary.yaml"),)), RenderFlags(**(given | more)))

    def component_of(self, path: str, suffix: str = "") -> subprocess.CompletedProcess[str]:
        overlay = self.folder / "overlay"
        overlay.mkdir(exist_ok=True)
        listed = f"resources: [../k8s]\ncomponents: [../{path}]\n{suffix}"
        (overlay / "kustomization.yaml").write_text(listed)
        words = [self.kubectl, "kustomize", overlay]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    def built(self, path: str) -> Objects:
        done = self.component_of(path)
        assert done.returncode == 0, done.stderr
        return by_key(document.value for document in yamltext.read(done.stdout, "built"))

    def refused(self, path: str) -> str:
        done = self.component_of(path)
        assert done.returncode != 0
        assert not done.stdout
        return done.stderr

    def edit(self, file: str, before: str, after: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))

    def kustomized(self, more: str = "") -> None:
        files = sorted(path.name for path in (self.folder / "k8s").iterdir())
        names = [name for name in files if name != "kustomization.yaml"]
        (self.folder / "k8s/kustomization.yaml").write_text(f"resources: [{', '.join(names)}]\n{more}")

    def phases(self) -> dict[str, Objects]:
        """What `render --everything` has in each phase, by where `--all` writes it."""
        plan = inputs.load([str(self.folder / "canary.yaml")]).plan
        places = {
            f"canary/phases/{number:02}-{phase.slug}": phase for number, phase in enumerate(plan.phases)
        }
        places |= {f"canary/ways-back/{phase.slug}": phase for phase in plan.ways_back()}
        return {
            place: by_key(document.value for document in adoption.documents(plan.application, phase))
            for place, phase in places.items()
        }


def by_key(values: Any) -> Objects:
    return {adoption.key_of(value, None): value for value in values}


@pytest.fixture
def make(tmp_path: Path, program: Callable[[str], Path]) -> Callable[[str], Case]:
    def made(name: str) -> Case:
        folder = tmp_path / name
        shutil.copytree(SOURCES[name], folder, ignore=shutil.ignore_patterns("expected"))
        case = Case(folder, program("kubectl"))
        case.kustomized()
        return case

    return made


@pytest.fixture
def shop(make: Callable[[str], Case]) -> Case:
    return make("adopt-shop")


def check_every_phase(case: Case) -> None:
    case.render()
    for path, wanted in case.phases().items():
        found = case.built(path)
        assert found.keys() == wanted.keys(), path
        for key, value in wanted.items():
            assert identical(found[key], value), (path, key)


@pytest.mark.parametrize("name", SOURCES)
def test_every_phase_is_built_as_it_is_rendered(make: Callable[[str], Case], name: str) -> None:
    check_every_phase(make(name))


# --- a base that is not as it was ---------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("name: api\n", "name: v1-api\n", "testing value /spec/rules/0/name failed"),
        (
            "    - {name: legacy, port: 80, weight: 40}\n",
            "    - {name: legacy, port: 80, weight: 40}\n    - {name: third, port: 80, weight: 5}\n",
            "testing value /spec/rules/1/backendRefs failed",
        ),
        ("hostnames: [store.example.com]", "hostnames: [other.example.com]", "/spec/hostnames failed"),
        ("name: storefront", "name: storefronts", "no resource matches strategic merge patch"),
        ("  namespace: store\n", "  namespace: shops\n", "no resource matches strategic merge patch"),
        (
            "  namespace: store\n",
            "  namespace: store\n  annotations: {kubectl-canary/phase.shop: 50%}\n",
            "testing value /metadata/annotations/kubectl-canary~1phase.shop failed",
        ),
    ],
    ids=["renamed rule", "third backend", "hostname", "renamed route", "namespace", "another phase"],
)
def test_a_base_that_has_moved_on_is_not_built(shop: Case, before: str, after: str, said: str) -> None:
    shop.render("10%")
    assert shop.built("canary")
    shop.edit("k8s/route.yaml", before, after)
    assert said in shop.refused("canary")


def test_a_way_back_is_guarded_too(shop: Case) -> None:
    shop.render("rollback-promotion", origin="promote-roll")
    shop.edit("k8s/route.yaml", "weight: 40", "weight: 41")
    assert "/spec/rules/1/backendRefs failed" in shop.refused("canary")


def test_what_the_base_has_already_is_not_added(shop: Case) -> None:
    shop.render("10%")
    with (shop.folder / "k8s/app.yaml").open("a") as file:
        file.write("---\napiVersion: v1\nkind: Service\nmetadata: {name: shop-canary, namespace: store}\n")
    assert "already registered id" in shop.refused("canary")


# --- what a kustomization makes of the files ------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        "namespace: other\n",
        "labels: [{pairs: {team: shop}, includeSelectors: true}]\n",
        "commonAnnotations: {team: shop}\n",
        "images: [{name: registry.example.com/shop, newTag: v1.5}]\n",
    ],
)
def test_the_base_is_what_its_kustomization_makes(shop: Case, more: str) -> None:
    shop.kustomized(more)
    check_every_phase(shop)


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ("namePrefix: a-\n", "a-shop"),
        ("nameSuffix: -b\n", "shop-b"),
        ("namePrefix: a-\nnamespace: other\n", "a-shop"),
    ],
)
def test_names_are_those_that_a_kustomization_has_made(shop: Case, more: str, name: str) -> None:
    shop.edit("k8s/route.yaml", "name: shop", f"name: {name}")
    shop.kustomized(more)
    check_every_phase(shop)


@pytest.mark.parametrize("metadata", ["{name: shop}", "{name: shop, namespace: store}"])
def test_a_namespace_that_files_leave_to_others_is_left_to_them(shop: Case, metadata: str) -> None:
    for file in ("k8s/route.yaml", "k8s/app.yaml"):
        shop.edit(file, "  namespace: store\n", "")
    path = shop.folder / "k8s/app.yaml"
    path.write_text(path.read_text().replace(", namespace: store", ""))
    shop.edit("canary.yaml", "metadata:\n  name: shop", f"metadata: {metadata}")
    shop.render()
    for place, wanted in shop.phases().items():
        bare = by_key(in_place.without_namespace(value) for value in wanted.values())
        assert identical(shop.built(place), bare), place


def test_a_generated_name_is_read_by_the_canary_too(shop: Case) -> None:
    shop.edit("k8s/app.yaml", "name: shop-config, namespace", "name: unused, namespace")
    shop.kustomized("configMapGenerator: [{name: shop-config, namespace: store, literals: [a=b]}]\n")
    check_every_phase(shop)


@pytest.mark.parametrize("annotations", ["{}", "null", "{a: b}"])
def test_annotations_are_added_to_whatever_is_there(shop: Case, annotations: str) -> None:
    shop.edit("k8s/route.yaml", "  namespace: store\n", f"  namespace: store\n  annotations: {annotations}\n")
    check_every_phase(shop)


def test_a_scaler_is_held_by_a_patch(shop: Case) -> None:
    (shop.folder / "k8s/scaler.yaml").write_text(SCALER)
    shop.edit("k8s/app.yaml", "  replicas: 8 # as many as we need\n", "")
    shop.kustomized()
    check_every_phase(shop)
    patches = (shop.folder / "canary/phases").glob("*/patches/*-horizontalpodautoscaler-shop.patch.json")
    assert len(list(patches)) > 1


def test_names_with_dots_are_no_expressions(shop: Case) -> None:
    shop.edit("k8s/route.yaml", "name: storefront", "name: store.front")
    route = (shop.folder / "k8s/route.yaml").read_text()
    other = route.replace("store.front", "storexfront").replace("name: shop", "name: docs")
    (shop.folder / "k8s/other.yaml").write_text(other)
    shop.kustomized()
    check_every_phase(shop)


# --- the folder -----------------------------------------------------------------------


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_one_phase_takes_the_place_of_another(shop: Case) -> None:
    shop.render("10%")
    out = shop.folder / "canary"
    assert files_of(out) == {
        ".kubectl-canary",
        "kustomization.yaml",
        "patches/40-httproute-storefront.patch.json",
        "patches/there.yaml",
        "resources/11-service-shop-canary.yaml",
        "resources/21-deployment-shop-canary.yaml",
        "resources/21-poddisruptionbudget-shop-canary.yaml",
    }
    shop.render("rollback", origin="10%")
    assert "patches/there.yaml" not in files_of(out)
    shop.render("rolled-back")
    assert files_of(out) == {".kubectl-canary", "kustomization.yaml"}


def test_all_phases_are_laid_out_as_in_a_folder_of_documents(shop: Case) -> None:
    shop.render()
    out = shop.folder / "canary"
    assert {path.name for path in out.iterdir()} == {".kubectl-canary", "current", "phases", "ways-back"}
    assert shop.built("canary/current") == shop.built("canary/phases/03-10-percent")


def test_a_step_that_is_not_safe_is_refused(shop: Case) -> None:
    shop.render("10%")
    before = files_of(shop.folder)
    with pytest.raises(Refused, match="not a safe step"):
        shop.render("promoted", skip=False)
    assert files_of(shop.folder) == before


def test_a_component_among_the_manifests_is_refused(shop: Case) -> None:
    with pytest.raises(UsageError, match="what is written there would be adopted"):
        shop.render("10%", out="k8s/canary")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"only": ("route",)}, "writes all that a phase changes"),
        ({"only_removed": True}, "writes all that a phase changes"),
        ({"everything": True}, "writes all that a phase changes"),
        ({"all_phases": True}, "--all writes all phases"),
        ({"output": "kustomize"}, "into which folder"),
    ],
)
def test_flags_that_cannot_go_with_a_component(shop: Case, flags: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        shop.render("10%", **flags)


def test_two_sets_are_refused_where_the_second_is_named(shop: Case) -> None:
    shutil.copytree(shop.folder / "k8s", shop.folder / "old")
    shop.edit("canary.yaml", "from: k8s/", "from: k8s/\n    stable: old/")
    shop.edit("canary.yaml", "  canary: {tag: v2}\n", "")
    shop.edit("k8s/app.yaml", "shop:v1", "shop:v2")
    with pytest.raises(
        UsageError, match=r"canary\.yaml:8:\d+: a component is laid over the one set"
    ) as refused:
        shop.render("10%")
    assert refused.value.hint == "leave it out, or write all phases into a folder: -o dir=OUT"
    assert not (shop.folder / "canary").exists()


def test_a_file_that_adopts_nothing_is_refused(shop: Case) -> None:
    shutil.copy(ROOT / "tests/cases/my-app/canary.yaml", shop.folder / "canary.yaml")
    with pytest.raises(UsageError, match="it names none"):
        shop.render("before")
