"""Random canary files that are valid, and the pieces they are made of."""

from __future__ import annotations

import copy
import functools
import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from kubectl_canary.release.phases import percent
from kubectl_canary.release.plan import Phase

LABEL = st.from_regex(r"[a-z]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
SHARES = st.integers(1, 10_000).map(lambda number: Fraction(number, 10_000))
PORT = st.integers(1, 65535)


NAMES = ("look", "b from header-only", "c from 5%", "One day", "x.1_2")
PAUSES = st.sampled_from(["0s", "90s", "5m", "1h30m"])
GATES = st.lists(
    st.fixed_dictionaries(
        {"query": st.sampled_from(["up", "sum(up)"]), "min": st.just(0.5)},
        optional={"passes": st.integers(1, 3), "window": st.sampled_from(["1m", "10m"])},
    )
    | st.fixed_dictionaries({"command": st.just(["./smoke.sh"])}),
    min_size=1,
    max_size=2,
    unique_by=lambda gate: str(gate.get("query")),
)
REPLICAS = st.integers(1, 20)
OF_A_PHASE = st.fixed_dictionaries({}, optional={"pause": PAUSES, "gates": GATES, "replicas": REPLICAS})
RECEIVERS = st.sampled_from(["recorder", "recorder:8080"])
METHODS = st.just("all") | st.lists(st.sampled_from(["GET", "HEAD", "POST"]), min_size=1, unique=True)
STANDARD = ("v1.0", "v1.1", "v1.2", "v1.3", "v1.4", "v1.5", "v1.6", "v1.7")
WITH_PARENTS_PORTS, WITH_MANY_MATCHES = STANDARD.index("v1.1"), STANDARD.index("v1.2")
WITH_TIMEOUTS, WITH_MIRROR_SHARES, WITH_RETRIES = (STANDARD.index(one) for one in ("v1.2", "v1.3", "v1.7"))


@st.composite
def phases(draw: st.DrawFn, testers: bool, release: int) -> list[Any]:
    """Phases in order, some with names, pods, pauses and gates; `release` is a number in STANDARD."""
    amounts = SHARES if release >= WITH_MIRROR_SHARES else st.just(Fraction(1))
    mirrors = sorted(draw(st.sets(amounts, max_size=2)))
    weights = sorted(draw(st.sets(SHARES, min_size=1, max_size=6)))
    found: list[Any] = [f"mirror {percent(share)}" for share in mirrors]
    if mirrors and draw(st.booleans()):
        to = {"share": percent(mirrors[0]), "to": draw(RECEIVERS)}
        mirror = to if draw(st.booleans()) else percent(mirrors[0])
        found[0] = {"mirror": mirror, "methods": draw(METHODS)}
    if testers and draw(st.booleans()):
        found.append("header-only")
    names = iter(draw(st.permutations(NAMES)))
    for share in weights:
        more = draw(OF_A_PHASE)
        named = {"name": next(names)} if len(found) < len(NAMES) and draw(st.integers(0, 3)) == 0 else {}
        found.append({"weight": percent(share), **named, **more} if named or more else percent(share))
    return found


@functools.cache  # a strategy that is made anew is validated anew: a third of all the time
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


HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "set": st.just([{"name": "a", "value": "b"}]),
        "remove": st.just(["c"]),
        "add": st.just([{"name": "d", "value": "e"}]),
    },
).filter(bool)
FILTERS = st.lists(
    st.one_of(
        HEADERS.map(lambda headers: {"type": "RequestHeaderModifier", "requestHeaderModifier": headers}),
        HEADERS.map(lambda headers: {"type": "ResponseHeaderModifier", "responseHeaderModifier": headers}),
        st.just({"type": "URLRewrite", "urlRewrite": {"hostname": "inside.example.com"}}),
        st.just(
            {
                "type": "URLRewrite",
                "urlRewrite": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/"}},
            }
        ),
    ),
    max_size=3,
    unique_by=lambda one: one["type"],
)
REWRITE = {
    "type": "URLRewrite",
    "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}},
}
TIMEOUTS = st.fixed_dictionaries(
    {"request": st.sampled_from(["10s", "1m"])}, optional={"backendRequest": st.just("5s")}
)
RETRIES = st.fixed_dictionaries({}, optional={"attempts": st.integers(0, 3), "codes": st.just([503])})
# what the canary has otherwise than stable
OWN = st.fixed_dictionaries(
    {},
    optional={
        "replicas": REPLICAS,
        "container": st.just({"env": [{"name": "NEW_FLAG", "value": "on"}], "workingDir": None}),
        "pod": st.just({"terminationGracePeriodSeconds": 5}),
        "podMetadata": st.just({"labels": {"team": "b"}, "annotations": {"example.com/a": "b"}}),
    },
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


TESTERS = st.sampled_from(
    [
        {"header": "x-tester", "value": "yes"},
        {"header": "x-tester", "value": "yes|no", "match": "RegularExpression"},
        {"header": "x-tester", "value": "y.*", "match": "Prefix"},
        {"query": "tester", "value": "yes"},
        {"query": "tester", "value": "y.s", "match": "RegularExpression"},
        {"cookie": "tester.1", "value": "y.s"},
    ]
)


TLS = LABEL | st.fixed_dictionaries({"secret": LABEL}, optional={"only": st.booleans()})
CREATE = st.fixed_dictionaries({"className": LABEL}, optional={"tls": TLS}) | st.fixed_dictionaries(
    {"className": LABEL, "tls": TLS, "redirect": st.booleans()}
)
GATEWAY = st.fixed_dictionaries(
    {"name": LABEL}, optional={"create": CREATE, "namespace": LABEL}
) | st.fixed_dictionaries({"name": LABEL, "sectionName": LABEL})
SERVICE = st.fixed_dictionaries({}, optional={"port": st.just(8443), "ports": PORTS})
DEPLOYMENT = st.fixed_dictionaries({}, optional={"minReadySeconds": st.integers(0, 9)})
DRAIN = st.fixed_dictionaries({}, optional={"drain": PAUSES})
RELEASES = st.just(len(STANDARD) - 1) | st.integers(0, len(STANDARD) - 1)


@functools.cache
def routes(release: int) -> st.SearchStrategy[dict[str, Any]]:
    """What a canary file says of its route; `release` is a number in STANDARD."""
    route = st.fixed_dictionaries(
        {"gateway": GATEWAY},
        optional={
            "hostnames": st.lists(LABEL.map("{}.example.com".format), min_size=1, max_size=3),
            # up to v1.1 a rule has at most 8, and a mirror copies each once a method
            "matches": MATCHES if release >= WITH_MANY_MATCHES else MATCHES.map(lambda matches: matches[:2]),
            "filters": FILTERS,
            **({"timeouts": TIMEOUTS} if release >= WITH_TIMEOUTS else {}),
            **({"retry": RETRIES} if release >= WITH_RETRIES else {}),
            "parents": st.just(
                [
                    {"name": "b.b", "sectionName": "b"},
                    {
                        "name": "b.b",
                        "sectionName": "c",
                        **({"port": 81} if release >= WITH_PARENTS_PORTS else {}),
                    },
                ]
            ),
        },
    )
    # a prefix is replaced in a rule with one match
    prefix = {"path": {"type": "PathPrefix", "value": "/shop"}}
    rewritten = st.fixed_dictionaries(
        {"gateway": GATEWAY, "matches": st.just([prefix]), "filters": st.just([REWRITE])}
    )
    return route | rewritten


@st.composite
def canary_files(draw: st.DrawFn) -> dict[str, Any]:
    """A release in the middle of anything."""
    testers = draw(st.booleans())
    release = draw(RELEASES)
    spec: dict[str, Any] = {
        "image": "registry.example.com/app",
        "stable": {"tag": draw(TAG), "replicas": draw(st.integers(1, 1000))},
        "canary": {"tag": draw(TAG), **draw(OWN)},
        "container": draw(containers()),
        "service": draw(SERVICE),
        "deployment": draw(DEPLOYMENT),
        "route": draw(routes(release)),
        "testers": draw(TESTERS) if testers else False,
        "phases": draw(phases(testers, release)),
        **draw(DRAIN),
        **({"gatewayAPI": {"version": STANDARD[release]}} if release < len(STANDARD) - 1 else {}),
    }
    return {
        "apiVersion": "kubectl-canary/v1alpha1",
        "kind": "Canary",
        "metadata": {"name": draw(LABEL), "namespace": draw(LABEL)},
        "spec": spec,
    }


THIRD = st.fixed_dictionaries(
    {"name": st.sampled_from(["legacy", "other"]), "port": st.just(80)},
    optional={
        "weight": st.integers(0, 100),
        "kind": st.just("ServiceImport"),
        "namespace": st.just("elsewhere"),
    },
)


@st.composite
def touched(draw: st.DrawFn, route: dict[str, Any]) -> dict[str, Any]:
    """A route of ours as it may be in a cluster: rules of others around, third backends, annotations."""
    made = copy.deepcopy(route)
    rules = made["spec"]["rules"]
    for backend in draw(st.lists(THIRD, max_size=2, unique_by=str)):
        rules[-1]["backendRefs"].insert(draw(st.integers(0, len(rules[-1]["backendRefs"]))), backend)
    if draw(st.booleans()):
        rules[-1]["timeouts"] = {"request": "3s"}
    foreign = [
        {
            "matches": [{"path": {"type": "Exact", "value": f"/theirs/{number}"}}],
            "backendRefs": [{"name": "other", "port": 80}],
        }
        for number in range(draw(st.integers(0, 3)))
    ]
    front = draw(st.integers(0, len(foreign)))
    made["spec"]["rules"] = [*foreign[:front], *rules, *foreign[front:]]
    made["metadata"].setdefault("annotations", {})["example.com/a~b"] = "theirs"
    return made


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
