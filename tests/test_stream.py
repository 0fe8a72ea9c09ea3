"""A stream of manifests: canary files become documents, the rest stays as it is, to the byte."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml
from conftest import SEED, Result

OTHERS = (
    "# Source: shop/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a} # kept\n"
    'data:\n  on: "1"\n  text: |\n    ---a\n    b\n',
    "---\n# only a comment\n",
    "--- # here\r\napiVersion: v1\r\nkind: Service\r\nmetadata:\r\n  name:   'b'\r\nspec: {ports: [{port: 80}]}\r\n",
)
CANARY = f"---\n{SEED.read_text()}"


def rendered(canary: Callable[..., Result], text: str, *arguments: str) -> Result:
    return canary("post-render", *arguments, stdin=text.encode())


@pytest.mark.parametrize("place", range(4))
def test_a_canary_file_becomes_its_documents_and_the_rest_stays(
    canary: Callable[..., Result], place: int
) -> None:
    parts = [*OTHERS[:place], CANARY, *OTHERS[place:]]
    if place == 0:
        parts[1] = f"---\n{parts[1]}"
    expected = "".join(parts).replace(CANARY, f"---\n{canary('render', '-f', SEED).out}")
    result = rendered(canary, "".join(parts))
    assert (0, "", expected) == (result.code, result.err, result.out)


def test_a_stream_without_canary_files_stays_as_it_is(canary: Callable[..., Result]) -> None:
    text = "".join(OTHERS)
    assert text == rendered(canary, text).out
    assert "" == rendered(canary, "").out
    assert "# nothing\n" == rendered(canary, "# nothing\n").out


def test_a_document_of_one_line_stays_before_a_canary_file(canary: Callable[..., Result]) -> None:
    line = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"
    result = rendered(canary, line + CANARY)
    assert (0, "") == (result.code, result.err)
    assert f"{line}---\n{canary('render', '-f', SEED).out}" == result.out


def test_five_dashes_are_no_end_of_a_canary_file(canary: Callable[..., Result]) -> None:
    noted = CANARY.replace(
        "  namespace: production\n",
        '  namespace: production\n  annotations: {config.kubernetes.io/note: "a\n-----\nb"}\n',
    )
    assert noted != CANARY
    result = rendered(canary, noted + OTHERS[2])
    assert (0, "") == (result.code, result.err)
    assert f"---\n{canary('render', '-f', SEED).out}{OTHERS[2]}" == result.out


def test_two_releases_in_one_stream(canary: Callable[..., Result]) -> None:
    other = CANARY.replace("name: my-app\n", "name: other\n").replace("create: {", "sectionName: https #")
    result = rendered(canary, CANARY + other)
    names = [one["metadata"]["name"] for one in yaml.safe_load_all(result.out)]
    assert 0 == result.code, result.err
    assert {"my-app-stable", "other-stable", "other-canary-route"} <= set(names)


def test_what_helm_notes_on_a_canary_file_is_not_printed(canary: Callable[..., Result]) -> None:
    noted = CANARY.replace(
        "  namespace: production\n",
        "  namespace: production\n  annotations: {postrenderer.helm.sh/postrender-filename: a.yaml}\n",
    )
    assert f"---\n{canary('render', '-f', SEED).out}" == rendered(canary, noted).out


def test_everything_that_is_wrong_is_said_at_once_and_nothing_printed(canary: Callable[..., Result]) -> None:
    wrong = CANARY.replace("replicas: 3", "replicas: three")
    result = rendered(canary, wrong + wrong.replace("phase: deploy", "phase: zz"))
    assert (1, "") == (result.code, result.out)
    lines = [line for line in result.err.splitlines() if "spec.stable.replicas" in line]
    assert [10, 43] == [int(line.split(":")[1]) for line in lines]
    refused = rendered(canary, CANARY + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: A}\n")
    assert (1, "") == (refused.code, refused.out)
    assert "metadata.name: Invalid value" in refused.err


def test_a_canary_file_needs_a_phase_and_a_document_of_its_own(canary: Callable[..., Result]) -> None:
    unsaid = rendered(canary, CANARY.replace("phase: deploy", "# none"))
    assert (1, "") == (unsaid.code, unsaid.out)
    assert "where does the release stand?" in unsaid.err
    listed = {"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(CANARY), {"kind": "ConfigMap"}]}
    inside = rendered(canary, yaml.safe_dump(listed))
    assert (1, "") == (inside.code, inside.out)
    assert "give it a document of its own" in inside.err


def test_the_releases_asked_for_are_rendered_for(canary: Callable[..., Result]) -> None:
    phase = CANARY.replace("phase: deploy", "phase: 25%")
    assert "    - name: default" in rendered(canary, phase).out
    older = rendered(canary, phase, "--gateway-api=v1.0")
    assert (0, False) == (older.code, "    - name: default" in older.out)


def test_findings_that_do_not_fail_go_to_standard_error(canary: Callable[..., Result]) -> None:
    result = rendered(canary, "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\n")
    assert (0, True) == (result.code, result.out.startswith("apiVersion: example.com/v1"))
    assert "not checked: no schema for Thing" in result.err


def test_the_same_object_twice_is_refused_where_the_user_can_take_it_out(
    canary: Callable[..., Result],
) -> None:
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: my-app}\nspec: {ports: [{port: 80}]}\n"
    twice = rendered(canary, f"{service}---\n{service}")
    assert (1, "") == (twice.code, twice.out)
    assert "standard input:8:12: metadata.name: the same object as in standard input:3:12" in twice.err
    own = rendered(canary, CANARY.replace("phase: x", "phase: deploy")).out
    route = own[own.rindex("---") :].replace("---", "", 1)
    beside = rendered(canary, f"{CANARY}\n---\n{route}")
    assert (1, "") == (beside.code, beside.out)
    assert "makes it" in beside.err


def test_the_same_canary_file_twice_is_refused(canary: Callable[..., Result]) -> None:
    result = canary("post-render", stdin=f"{CANARY}---\n{CANARY}".encode())
    assert (1, "") == (result.code, result.out)
    assert "the same object as in canary file" in result.err
