"""What leads back to a version that ran: it gives that version, whatever differs."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_canary.release import reversal, strategic

KUBERNETES = "v1.37"
ENV = st.dictionaries(st.sampled_from("ABC"), st.sampled_from(("x", "y"))).map(
    lambda known: [{"name": name, "value": value} for name, value in known.items()]
)
VOLUMES = st.lists(st.sampled_from("uvw"), unique=True).map(
    lambda names: [{"name": name, "emptyDir": {}} for name in names]
)
IMAGES = st.sampled_from(("app:v1", "app:v2", "other:v1", "app@sha256:" + "0" * 64))
NAMES = ("app", "proxy", "agent")
MARKS = st.dictionaries(st.sampled_from(("tier", "team")), st.sampled_from("ab"))


@st.composite
def deployments(draw: st.DrawFn) -> dict[str, Any]:
    """A Deployment whose pods are of whatever people vary."""
    names = draw(st.permutations(NAMES))
    inner = draw(st.integers(0, 2))
    containers, early = (
        [
            {
                "name": name,
                "image": draw(IMAGES),
                "env": draw(ENV),
                "args": draw(st.lists(st.sampled_from("ab"))),
            }
            for name in known
        ]
        for known in (names[inner:], names[: draw(st.integers(0, inner))])
    )
    optional = {"volumes": VOLUMES, "nodeSelector": st.just({"a": "b"}), "hostname": st.sampled_from("ab")}
    pod = draw(st.fixed_dictionaries({}, optional=optional))
    metadata = {"labels": {"app": "x", **draw(MARKS)}, "annotations": draw(MARKS)}
    lists = {"containers": containers, **({"initContainers": early} if early else {})}
    return {"spec": {"template": {"metadata": metadata, "spec": {**pod, **lists}}}}


@given(deployments(), deployments())
def test_a_difference_makes_one_value_the_other(now: dict[str, Any], before: dict[str, Any]) -> None:
    place, untouched = strategic.Place.of_kind("Deployment", KUBERNETES), copy.deepcopy((now, before))
    assert strategic.merged(now, strategic.difference(now, before, place), place) == before
    assert (now, before) == untouched


@given(deployments(), deployments())
def test_what_leads_back_gives_what_was(now: dict[str, Any], before: dict[str, Any]) -> None:
    place = strategic.Place.of_kind("Deployment", KUBERNETES)
    own = reversal.of_configuration(now, before, KUBERNETES)
    template: dict[str, Any] = {"spec": own.get("pod", {}), "metadata": own.get("podMetadata", {})}
    pod = strategic.merged(now, {"spec": {"template": template}}, place)["spec"]["template"]
    images = reversal.changed_images(now, before)
    for key in reversal.LISTS:
        for container in pod["spec"].get(key, []):
            container["image"] = images.get(container["name"], container["image"])
    assert pod == before["spec"]["template"]
    assert (own == {}) == reversal.is_same_configuration(now, before)


PORTS = [{"containerPort": 80, "protocol": protocol} for protocol in ("TCP", "UDP")]


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (PORTS[:1], PORTS),
        (PORTS, PORTS[:1]),
        ([{"name": "x"}], PORTS),
        (PORTS, [{"name": "x"}]),
        (PORTS, ["x"]),
        (["x"], PORTS),
        (PORTS, []),
    ],
)
def test_items_that_nothing_tells_apart_are_replaced(now: list[Any], before: list[Any]) -> None:
    place = strategic.Place.of_kind("Deployment", KUBERNETES)
    for key in ("spec", "template", "spec", "containers"):
        place = place.below(key)
    place = place.items().below("ports")
    assert place.merge_key == "containerPort"
    assert strategic.merged(now, strategic.difference(now, before, place), place) == before


def test_a_tag_is_that_of_the_only_container() -> None:
    now, before = deployment("app:v2"), deployment("app:v2")
    for known, image in ((now, "init:v2"), (before, "init:v1")):
        known["spec"]["template"]["spec"]["initContainers"] = [{"name": "init", "image": image}]
    assert reversal.of_images(now, before) == {"images": {"init": "init:v1"}}


PINNED = f"app:v1@sha256:{'0' * 64}"


def test_what_is_gone_from_a_list_is_deleted_and_the_rest_is_not_said() -> None:
    place = strategic.Place.of_kind("Deployment", KUBERNETES).below("spec").below("template").below("spec")
    now, before = ({"volumes": [{"name": name} for name in names]} for names in ("abc", "ac"))
    assert strategic.difference(now, before, place) == {"volumes": [{"name": "b", "$patch": "delete"}]}


def deployment(*images: str) -> dict[str, Any]:
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    return {"spec": {"template": {"spec": {"containers": containers}}}}


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (("app:v2",), ("app:v1",), {"tag": "v1"}),
        (("app:v1",), ("app:v1",), {}),
        (("app:v2",), ("other:v1",), {"images": {"c0": "other:v1"}}),
        (("app:v2",), ("app@sha256:0",), {"images": {"c0": "app@sha256:0"}}),
        (("app:v2",), (PINNED,), {"images": {"c0": PINNED}}),
        (("app",), ("app:v1",), {"tag": "v1"}),
        (("app:v1",), ("app",), {"images": {"c0": "app"}}),
        (("app:v2", "b:v1"), ("app:v1", "b:v1"), {"images": {"c0": "app:v1"}}),
        (("app:v2", "b:v2"), ("app:v1", "b:v1"), {"images": {"c0": "app:v1", "c1": "b:v1"}}),
    ],
)
def test_images_come_back_in_the_words_of_the_file(
    now: tuple[str, ...], before: tuple[str, ...], said: dict[str, Any]
) -> None:
    assert reversal.of_images(deployment(*now), deployment(*before)) == said
