"""Random canary files that are valid, and the pieces they are made of."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from kubectl_canary.plan import Phase
from kubectl_canary.steps import percent

LABEL = st.from_regex(r"[a-z]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
SHARES = st.integers(1, 10_000).map(lambda number: Fraction(number, 10_000))
PORT = st.integers(1, 65535)


@st.composite
def phases(draw: st.DrawFn, testers: bool) -> list[Any]:
    mirrors = sorted(draw(st.sets(SHARES, max_size=2)))
    weights = sorted(draw(st.sets(SHARES, min_size=1, max_size=6)))
    found: list[Any] = [f"mirror {percent(share)}" for share in mirrors]
    if mirrors and draw(st.booleans()):
        methods = draw(
            st.just("all") | st.lists(st.sampled_from(["GET", "HEAD", "POST"]), min_size=1, unique=True)
        )
        found[0] = {"mirror": percent(mirrors[0]), "methods": methods}
    if testers and draw(st.booleans()):
        found.append("header-only")
    return [*found, *(percent(share) for share in weights)]


def containers() -> st.SearchStrategy[dict[str, Any]]:
    probe = st.fixed_dictionaries({"httpGet": st.fixed_dictionaries({"port": PORT | st.just("http")})})
    return st.fixed_dictionaries(
        {"port": PORT},
        optional={
            "args": st.lists(TEXT, max_size=3),
            "env": st.lists(st.fixed_dictionaries({"name": LABEL, "value": TEXT}), max_size=3),
            "readinessProbe": probe,
            "resources": st.just({"limits": {"cpu": 1, "memory": "1Gi"}}),
            "workingDir": TEXT,
        },
    )


MATCHES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "path": st.fixed_dictionaries(
                {"type": st.sampled_from(["PathPrefix", "Exact"]), "value": st.just("/api")}
            ),
            "method": st.sampled_from(["GET", "POST"]),
            "headers": st.just([{"name": "x-region", "value": "eu"}]),
        },
    ),
    min_size=1,
    max_size=3,
)


PORTS = st.lists(
    st.fixed_dictionaries(
        {"name": LABEL, "port": st.integers(1, 8000)},
        optional={"protocol": st.sampled_from(["TCP", "UDP"]), "targetPort": PORT},
    ),
    min_size=1,
    max_size=3,
    unique_by=(lambda port: port["name"], lambda port: port["port"]),
).filter(lambda ports: all(port["name"] != "http" and port["port"] != 80 for port in ports))


def pairs(phases: Sequence[Phase]) -> st.SearchStrategy[list[tuple[Phase, Phase]]]:
    """Some of the pairs of two different phases, in both orders."""
    found = list(itertools.permutations(phases, 2))
    return st.lists(st.sampled_from(found), min_size=1, max_size=6)


@st.composite
def canary_files(draw: st.DrawFn) -> dict[str, Any]:
    """A release in the middle of anything."""
    testers = draw(st.booleans())
    tls = LABEL | st.fixed_dictionaries({"secret": LABEL}, optional={"only": st.booleans()})
    create = st.fixed_dictionaries({"className": LABEL}, optional={"tls": tls}) | st.fixed_dictionaries(
        {"className": LABEL, "tls": tls, "redirect": st.booleans()}
    )
    gateway = st.fixed_dictionaries(
        {"name": LABEL}, optional={"create": create, "namespace": LABEL}
    ) | st.fixed_dictionaries({"name": LABEL, "sectionName": LABEL})
    route = st.fixed_dictionaries(
        {"gateway": gateway},
        optional={
            "hostnames": st.lists(LABEL.map("{}.example.com".format), min_size=1, max_size=3),
            "matches": MATCHES,
            "retry": st.fixed_dictionaries(
                {}, optional={"attempts": st.integers(0, 3), "codes": st.just([503])}
            ),
            "parents": st.just(
                [{"name": "b.b", "sectionName": "b"}, {"name": "b.b", "port": 81, "sectionName": "c"}]
            ),
        },
    )
    spec: dict[str, Any] = {
        "image": "registry.example.com/app",
        "stable": {"tag": draw(TAG), "replicas": draw(st.integers(1, 1000))},
        "canary": {"tag": draw(TAG)},
        "container": draw(containers()),
        "service": draw(st.fixed_dictionaries({}, optional={"port": st.just(8443), "ports": PORTS})),
        "deployment": draw(st.fixed_dictionaries({}, optional={"minReadySeconds": st.integers(0, 9)})),
        "route": draw(route),
        "testers": {"header": "x-tester", "value": "yes"} if testers else False,
        "phases": draw(phases(testers)),
    }
    return {
        "apiVersion": "kubectl-canary/v1alpha1",
        "kind": "Canary",
        "metadata": {"name": draw(LABEL), "namespace": draw(LABEL)},
        "spec": spec,
    }


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.just("5%"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "tag", "port"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A canary file with one value, somewhere, that may be anything."""
    value = copy.deepcopy(draw(canary_files()))
    node = value
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return value
        key = draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or draw(st.integers(0, 3)) == 0:
            node[key] = draw(JSON)
            return value
        node = node[key]
