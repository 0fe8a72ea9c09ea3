"""ingress-nginx: a pair of Ingresses, of which one has the canary's annotations → HTTPRoutes, testers and phases.

A request is decided by header, then by cookie, then by weight; paths are joined where host, path and type are the same.
Source: https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#canary, and in the
controller rootfs/etc/nginx/lua/balancer.lua and mergeAlternativeBackends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from kubectl_canary.api import re2
from kubectl_canary.api.equality import same
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.importers.imported import Gateway, Imported, errors_in, loss, refusal
from kubectl_canary.reading.adopted.objects import at, name_of, of_kind, pod_labels, selects
from kubectl_canary.reading.adopted.problems import listed
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass
from kubectl_canary.release.adoption import DEPLOYMENT, SERVICE
from kubectl_canary.release.application import GATEWAY_API
from kubectl_canary.release.companions import SCALERS, SELECTORS, is_scaler_of
from kubectl_canary.release.phases import PhaseSpec, default, percent
from kubectl_canary.release.selectors import selects as selector_selects

NAME = "ingress-nginx"
INGRESS = ("networking.k8s.io/v1", "Ingress")
PREFIX = "nginx.ingress.kubernetes.io/"
CANARY = f"{PREFIX}canary"
WEIGHT, TOTAL = f"{CANARY}-weight", f"{CANARY}-weight-total"
HEADER, VALUE, PATTERN = f"{CANARY}-by-header", f"{CANARY}-by-header-value", f"{CANARY}-by-header-pattern"
COOKIE = f"{CANARY}-by-cookie"
OF_CANARY = (WEIGHT, TOTAL, HEADER, VALUE, PATTERN, COOKIE)
TRUE = ("1", "t", "T", "TRUE", "true", "True")  # as Go's strconv.ParseBool
ALWAYS = "always"
# what a canary Ingress may say beside the canary's own annotations; nginx reads nothing else of it
BESIDE_CANARY = ("load-balance", "upstream-hash-by", "affinity", "affinity-mode", "affinity-canary-behavior")
REGULAR = (f"{PREFIX}use-regex", f"{PREFIX}rewrite-target")  # with one of them, paths are regular expressions
PATHS = {"Exact": "Exact", "Prefix": "PathPrefix", "ImplementationSpecific": "PathPrefix"}
REDIRECTS = (f"{PREFIX}ssl-redirect", f"{PREFIX}force-ssl-redirect")
LEAST_TOTAL, MOST_RULES = 100, 16
COUNTERPARTS = {
    "proxy-read-timeout": "an HTTPRoute has `timeouts`",
    "proxy-send-timeout": "an HTTPRoute has `timeouts`",
    "ssl-redirect": "a route at the http listener with a RequestRedirect does that",
    "force-ssl-redirect": "a route at the http listener with a RequestRedirect does that",
    "permanent-redirect": "a rule with a RequestRedirect does that",
    "enable-cors": "an HTTPRoute has a `CORS` filter",
    "affinity": "what holds clients at a pod holds them at a version: shares become others than are asked for",
}
# what each field becomes, and what does not become any: the page in docs is made from these
FIELDS = {
    "spec.rules[].host": "`hostnames`; hosts with the same paths share an HTTPRoute, others get one each",
    "spec.rules[].http.paths[]": (
        "a rule with a match: `Exact` is `Exact`, `Prefix` and `ImplementationSpecific` are `PathPrefix`"
    ),
    "backend.service of the other Ingress": "`backendRefs`; a port's name becomes its number",
    "backend.service of the canary's Ingress": (
        "nothing: the release makes a Service and a Deployment of its own for the canary, with the image "
        "that this one runs"
    ),
    "canary-weight, canary-weight-total": "a phase of that share among the usual ones",
    "canary-by-header, canary-by-header-value": (
        "`testers: {header, value}`, with the value `always` where none is said"
    ),
    "canary-by-header-pattern": "`testers: {header, match: RegularExpression}`",
    "canary-by-cookie": "`testers: {cookie, value: always}`, where no header is said",
}
LOSSES = {
    "alone": (
        "A path of the canary's that no other Ingress has: nginx ignores it. Where it has no other path, "
        "it is refused."
    ),
    "annotation": (
        "Any other annotation of nginx's. Where the Gateway API has something like it, that is said."
    ),
    "api-version": "Refused: an Ingress of an API that clusters no longer have.",
    "backend": "Refused: a backend that is no Service.",
    "canary-differs": "The canary's pods differ in more than their images.",
    "canary-unknown": "The canary's Deployment is not among the manifests, or one of several: its image is unknown.",
    "cookie": "Testers are known by one thing, and the header is asked for first.",
    "default-backend": "Requests that no rule takes.",
    "header-pattern": (
        "A pattern that is none of RE2, or stands beside a value, which nginx ignores. nginx finds one "
        "anywhere in the value."
    ),
    "never": "A header or cookie with the value `never` kept a request from the canary.",
    "path-type": "nginx finds an ImplementationSpecific path before any letter: `/a` also takes `/ab`.",
    "paths": "Refused: more paths of a host than a route has rules.",
    "port": "Refused: a port's name that no Service among the manifests has.",
    "regular-paths": (
        "Refused: with `use-regex` or `rewrite-target` all paths of the host are regular expressions of "
        "nginx."
    ),
    "services": (
        "Refused: Ingresses of several Services, or of one whose manifest is not there. A release is of one."
    ),
    "several": "Refused: two canaries of one path, of which nginx takes one, or two that split differently.",
    "tls": "The certificate is the Gateway's: it names the Secret, and has a listener for the hosts.",
    "tls-redirect": "nginx sends http to https by itself where there is a certificate.",
    "weight": (
        "A share that is no number of hundredths of a percent; or, refused, a weight that is no number."
    ),
    "weight-total": "nginx takes a total below 100 as 100.",
}


@dataclass(frozen=True)
class Place:
    """A path of an Ingress: where its requests come in, and the Service that they go to; `at` is where it stands."""

    ingress: Manifest
    at: Path
    host: str
    path: str
    type: str
    service: str
    port: int | str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What nginx joins the places of two Ingresses by."""
        return self.ingress.text("metadata", "namespace"), self.host, self.path, self.type

    def __str__(self) -> str:
        return f"{self.host or '*'}{self.path} ({self.type})"


def is_here(manifests: Sequence[Manifest]) -> bool:
    """Whether this importer knows any of these objects."""
    return any(known.text("kind") == INGRESS[1] for known in manifests)


def imported(manifests: Sequence[Manifest], gateway: Gateway) -> Imported:
    """The release that the Ingresses among manifests are of.

    Raises Refused with everything that has no counterpart and cannot be left out.
    """
    ingresses = [known for known in manifests if known.text("kind") == INGRESS[1]]
    canaries = [known for known in ingresses if _annotations(known).get(CANARY) in TRUE]
    mains = [known for known in ingresses if known not in canaries]
    findings = [*_unreadable(ingresses), *_several(canaries)]
    _refuse(findings)
    pairs, lost = _paired(mains, canaries)
    findings += lost
    service = _only_service(manifests, pairs, mains, findings)
    routes, governed = _routes(mains, pairs, service, (manifests, gateway), findings)
    settings = _annotations(canaries[0]) if canaries else {}
    testers = _testers(canaries[0], settings, findings) if canaries else False
    phases = (
        _phases(canaries[0], settings, bool(testers), findings) if canaries else default(has_testers=False)
    )
    _refuse(findings)
    own, deployment = _of_canary(manifests, [canary.service for canary, _ in pairs], service, findings)
    if canaries and deployment is None:
        message = (
            f"which Deployment is behind Service {pairs[0][0].service} is not to be seen in the manifests"
        )
        hint = "write its image into `spec.canary`"
        findings.append(loss(f"{NAME}-canary-unknown", canaries[0], pairs[0][0].at, message, hint))
    findings += _others(mains, canaries)
    left = [known for known in manifests if known not in ingresses and known not in own]
    steps = tuple(_steps(mains, canaries, own))
    source = tuple(known.title for known in (*mains, *canaries))
    return Imported(
        source, tuple(left), routes, service, governed, deployment, testers, phases, tuple(findings), steps
    )


def _refuse(findings: Sequence[Finding]) -> None:
    if errors := errors_in(findings):
        raise Refused("cannot be imported", errors)


def _annotations(manifest: Manifest) -> dict[str, str]:
    return dict(at(manifest.value, "metadata", "annotations") or {})


def _at(annotation: str) -> Path:
    return ("metadata", "annotations", annotation)


# --- what nothing can be made of --------------------------------------------


def _unreadable(ingresses: Sequence[Manifest]) -> Iterator[Finding]:
    """Ingresses whose paths are no paths, and backends that are no Services."""
    for ingress in ingresses:
        if ingress.text("apiVersion") != INGRESS[0]:
            message = f"it is of {ingress.text('apiVersion')}, and clusters have {INGRESS[0]}"
            hint = "import what the cluster has: kubectl get ingress -o yaml"
            yield refusal(f"{NAME}-api-version", ingress, ("apiVersion",), message, hint)
        for annotation in REGULAR:
            if annotation in _annotations(ingress):
                message = (
                    f"with {annotation.removeprefix(PREFIX)} its paths are regular expressions of nginx, and match "
                    "otherwise than those of a route"
                )
                hint = "write its HTTPRoute by hand, and take it out of what is imported"
                yield refusal(f"{NAME}-regular-paths", ingress, _at(annotation), message, hint)
        for path, backend in _backends(ingress):
            if not isinstance(at(backend, "service", "name"), str):
                message = "its backend is no Service"
                yield refusal(f"{NAME}-backend", ingress, path, message, "take it out of what is imported")


def _several(canaries: Sequence[Manifest]) -> Iterator[Finding]:
    """Canary Ingresses of which nginx takes one alone, or that say different things."""
    taken: dict[tuple[str, str, str, str], Manifest] = {}
    for canary in canaries:
        for place in _places(canary):
            if place.key in taken:
                message = (
                    f"{taken[place.key].title} is a canary of {place} already, and nginx takes one alone"
                )
                yield refusal(
                    f"{NAME}-several", canary, place.at, message, "take the one that it ignores out"
                )
            taken[place.key] = canary
        if _settings(canary) != _settings(canaries[0]):
            message = (
                f"it splits otherwise than {canaries[0].title}, and a canary file has one course of shares"
            )
            yield refusal(
                f"{NAME}-several", canary, ("metadata", "annotations"), message, "import one at a time"
            )


def _settings(canary: Manifest) -> dict[str, str]:
    return {key: text for key, text in _annotations(canary).items() if key in OF_CANARY}


# --- which paths belong together --------------------------------------------


def _backends(ingress: Manifest) -> Iterator[tuple[Path, Any]]:
    """The backends of paths, each with its place."""
    for number, rule in enumerate(at(ingress.value, "spec", "rules") or ()):
        for index, path in enumerate(at(rule, "http", "paths") or ()):
            yield ("spec", "rules", number, "http", "paths", index, "backend"), at(path, "backend")


def _places(ingress: Manifest) -> Iterator[Place]:
    for number, rule in enumerate(at(ingress.value, "spec", "rules") or ()):
        for index, path in enumerate(at(rule, "http", "paths") or ()):
            service = at(path, "backend", "service") or {}
            port = at(service, "port", "number") or at(service, "port", "name") or ""
            where: Path = ("spec", "rules", number, "http", "paths", index)
            type_ = at(path, "pathType") or "ImplementationSpecific"
            host = at(rule, "host") or ""
            yield Place(ingress, where, host, at(path, "path") or "/", type_, str(service.get("name")), port)


Pair = tuple[Place, Place]  # of the canary's Ingress, and of the other


def _paired(mains: Sequence[Manifest], canaries: Sequence[Manifest]) -> tuple[list[Pair], list[Finding]]:
    """The paths that nginx splits, and what of the canary's it ignores."""
    known = {place.key: place for main in mains for place in _places(main)}
    pairs: list[Pair] = []
    lost: list[Finding] = []
    for canary in canaries:
        for place in _places(canary):
            main = known.get(place.key)
            if main is None:
                message = f"no other Ingress has {place}, so that nginx ignores it, too"
                lost.append(loss(f"{NAME}-alone", canary, place.at, message))
            else:
                pairs.append((place, main))
    if canaries and not pairs:
        message = "no other Ingress has its host, path and type: what is it a canary of?"
        hint = "import the Ingress of the version that runs together with it"
        lost.append(refusal(f"{NAME}-alone", canaries[0], ("spec", "rules"), message, hint))
    return pairs, lost


def _only_service(
    manifests: Sequence[Manifest], pairs: Sequence[Pair], mains: Sequence[Manifest], findings: list[Finding]
) -> str:
    """The Service of the version that runs: the one that is split, else the only one that has requests."""
    places = [main for _, main in pairs] or [place for main in mains for place in _places(main)]
    names = list(dict.fromkeys(place.service for place in places))
    if len(names) > 1:
        place = next(place for place in places if place.service != names[0])
        message = f"requests go to the Services {listed(names)}, and one release is of one"
        hint = "import the Ingresses of one Service at a time"
        findings.append(refusal(f"{NAME}-services", place.ingress, place.at, message, hint))
    if not names and mains:
        message = "it has no path with a Service"
        findings.append(refusal(f"{NAME}-services", mains[0], ("spec",), message))
    canary = {place.service for place, _ in pairs}
    if len(canary) > 1:
        place = pairs[-1][0]
        message = f"requests go to the Services {listed(sorted(canary))}, and a release has one canary"
        findings.append(refusal(f"{NAME}-services", place.ingress, place.at, message))
    _refuse(findings)
    if not any(name_of(known) == names[0] for known in of_kind(manifests, *SERVICE)):
        place = places[0]
        message = f"Service {names[0]} is not among the manifests"
        hint = "name a folder with it and its Deployment too, or pipe `kubectl get ingress,service,deployment -o yaml`"
        findings.append(refusal(f"{NAME}-services", place.ingress, place.at, message, hint))
    _refuse(findings)
    return names[0]


# --- the routes -------------------------------------------------------------


def _routes(
    mains: Sequence[Manifest],
    pairs: Sequence[Pair],
    service: str,
    surroundings: tuple[Sequence[Manifest], Gateway],
    findings: list[Finding],
) -> tuple[tuple[dict[str, Any], ...], dict[str, list[int]]]:
    """An HTTPRoute for each list of paths that hosts have, and the rules of each that are split."""
    split = {main.key for _, main in pairs}
    routes, governed = [], {}
    for main in mains:
        findings += _inexact(main)
        by_paths: dict[tuple[Any, ...], list[Place]] = {}
        for host, places in _by_host(main).items():
            key = tuple((place.path, place.type, place.service, place.port) for place in places)
            by_paths.setdefault(key, []).append(replace(places[0], host=host))
        for number, hosts in enumerate(by_paths.values()):
            places = _by_host(main)[hosts[0].host]
            name = name_of(main) if number == 0 else f"{name_of(main)}-{number + 1}"
            rules = [_rule(place, surroundings[0], findings) for place in places]
            if len(rules) > MOST_RULES:
                message = f"an HTTPRoute has {MOST_RULES} rules, and these are {len(rules)} paths"
                findings.append(
                    refusal(f"{NAME}-paths", main, hosts[0].at[:3], message, "divide the Ingress")
                )
            routes.append(
                _route(main, name, [place.host for place in hosts if place.host], rules, surroundings[1])
            )
            mine = [index for index, place in enumerate(places) if place.key in split]
            if split and mine != [index for index, place in enumerate(places) if place.service == service]:
                governed[name] = mine
    return tuple(routes), governed


def _by_host(ingress: Manifest) -> dict[str, list[Place]]:
    found: dict[str, list[Place]] = {}
    for place in _places(ingress):
        found.setdefault(place.host, []).append(place)
    return found


def _route(
    main: Manifest, name: str, hosts: Sequence[str], rules: Sequence[dict[str, Any]], gateway: Gateway
) -> dict[str, Any]:
    metadata = at(main.value, "metadata") or {}
    namespace = {"namespace": metadata["namespace"]} if metadata.get("namespace") else {}
    labels = {"labels": metadata["labels"]} if metadata.get("labels") else {}
    parent = {"name": gateway.name, **({"namespace": gateway.namespace} if gateway.namespace else {})}
    return {
        "apiVersion": GATEWAY_API,
        "kind": "HTTPRoute",
        "metadata": {"name": name, **namespace, **labels},
        "spec": {
            "parentRefs": [parent],
            **({"hostnames": list(hosts)} if hosts else {}),
            "rules": list(rules),
        },
    }


def _rule(place: Place, manifests: Sequence[Manifest], findings: list[Finding]) -> dict[str, Any]:
    match = {"path": {"type": PATHS.get(place.type, "PathPrefix"), "value": place.path}}
    return {
        "matches": [match],
        "backendRefs": [{"name": place.service, "port": _port(place, manifests, findings)}],
    }


def _port(place: Place, manifests: Sequence[Manifest], findings: list[Finding]) -> int:
    """The number of the port, which a route names."""
    if isinstance(place.port, int):
        return place.port
    for service in of_kind(manifests, *SERVICE):
        for port in at(service.value, "spec", "ports") or ():
            if name_of(service) == place.service and at(port, "name") == place.port:
                return int(port["port"])
    message = f"Service {place.service} has no port `{place.port}` among the manifests"
    hint = "import the Service too, or write the port's number into the Ingress"
    findings.append(
        refusal(f"{NAME}-port", place.ingress, (*place.at, "backend", "service", "port"), message, hint)
    )
    return 0


def _inexact(main: Manifest) -> Iterator[Finding]:
    """What of an Ingress a route has otherwise."""
    for place in _places(main):
        if place.type == "ImplementationSpecific" and place.path != "/":
            message = f"nginx finds `{place.path}` before any letter, a PathPrefix before `/` alone"
            yield loss(
                f"{NAME}-path-type", main, place.at, message, "say Prefix, and see whether that is meant"
            )
    if at(main.value, "spec", "defaultBackend"):
        message = "requests that no rule takes went there, and a route has nothing of the kind"
        hint = "add a rule for `/` to the route of each host"
        yield loss(f"{NAME}-default-backend", main, ("spec", "defaultBackend"), message, hint)
    for number, entry in enumerate(at(main.value, "spec", "tls") or ()):
        hosts, secret = at(entry, "hosts") or (), at(entry, "secretName")
        message = f"https is the Gateway's: a listener for {listed(hosts) or 'its hosts'}"
        message += f" with the Secret {secret}" if secret else ""
        yield loss(f"{NAME}-tls", main, ("spec", "tls", number), message, "`certificateRefs` of the listener")
    redirect = next((known for known in REDIRECTS if known in _annotations(main)), None)
    if at(main.value, "spec", "tls") and redirect is None:
        message = "nginx sends http to https where there is a certificate, without being told"
        yield loss(f"{NAME}-tls-redirect", main, ("spec", "tls"), message, COUNTERPARTS["ssl-redirect"])


# --- who is sent to the canary ----------------------------------------------


def _testers(canary: Manifest, said: dict[str, str], findings: list[Finding]) -> dict[str, str] | bool:
    """What testers send: the header before the cookie, as nginx asks."""
    by_header = _by_header(canary, said, findings) if said.get(HEADER) else None
    cookie = said.get(COOKIE)
    if by_header is None and cookie:
        findings.append(_never(canary, COOKIE, f"the cookie {cookie}"))
        return {"cookie": cookie, "value": ALWAYS}
    if cookie:
        message = f"testers are known by one thing: the cookie `{cookie}` no longer leads to the canary"
        findings.append(loss(f"{NAME}-cookie", canary, _at(COOKIE), message, "let them send the header"))
    return by_header or False


def _by_header(canary: Manifest, said: dict[str, str], findings: list[Finding]) -> dict[str, str] | None:
    header, value, pattern = said[HEADER], said.get(VALUE), said.get(PATTERN)
    if value:
        if pattern:
            message = "nginx ignores the pattern beside a value, too"
            findings.append(loss(f"{NAME}-header-pattern", canary, _at(PATTERN), message))
        return {"header": header, "value": value}
    if not pattern:
        findings.append(_never(canary, HEADER, f"the header {header}"))
        return {"header": header, "value": ALWAYS}
    if problem := re2.problem(pattern):
        message = f"the pattern is none of RE2, which gateways have: {problem}"
        findings.append(
            loss(f"{NAME}-header-pattern", canary, _at(PATTERN), message, "testers: write others by hand")
        )
        return None
    message = "nginx finds the pattern anywhere in the value, testers match the whole: it stands between `.*`"
    findings.append(loss(f"{NAME}-header-pattern", canary, _at(PATTERN), message))
    return {"header": header, "match": "RegularExpression", "value": f".*(?:{pattern}).*"}


def _never(canary: Manifest, annotation: str, what: str) -> Finding:
    message = f"{what} with `never` kept a request from the canary, which testers cannot say"
    return loss(f"{NAME}-never", canary, _at(annotation), message, "those requests are split like all others")


def _phases(
    canary: Manifest, said: dict[str, str], has_testers: bool, findings: list[Finding]
) -> tuple[PhaseSpec, ...]:
    """The usual phases, and among them the share that the canary has now."""
    usual = default(has_testers)
    share = _share(canary, said, findings)
    if not 0 < share < 1:
        return usual
    now = PhaseSpec(percent(share), share, pause=600)
    return (
        *(known for known in usual if known.weight < share),
        now,
        *(known for known in usual if known.weight > share),
    )


def _share(canary: Manifest, said: dict[str, str], findings: list[Finding]) -> Fraction:
    """The share of requests that nginx sends to the canary by weight."""
    weight = _number(canary, said, WEIGHT, 0, findings)
    total = _number(canary, said, TOTAL, LEAST_TOTAL, findings)
    if total < LEAST_TOTAL:
        message = f"nginx counts to {LEAST_TOTAL} at least: the share is {weight} %"
        findings.append(loss(f"{NAME}-weight-total", canary, _at(TOTAL), message))
    share = max(Fraction(0), min(Fraction(1), Fraction(weight, max(total, LEAST_TOTAL))))
    rounded = Fraction(round(share * 10_000), 10_000)
    if rounded != share:
        message = f"{weight} of {total} is not a number of hundredths of a percent: {percent(rounded)} is next to it"
        findings.append(loss(f"{NAME}-weight", canary, _at(WEIGHT), message))
    return rounded


def _number(
    canary: Manifest, said: dict[str, str], annotation: str, otherwise: int, findings: list[Finding]
) -> int:
    text = said.get(annotation)
    if text is None:
        return otherwise
    if not re.fullmatch(r"[-+]?[0-9]{1,9}", str(text)):
        message = f"`{text}` is not a number"
        findings.append(refusal(f"{NAME}-weight", canary, _at(annotation), message, "nginx refuses it, too"))
        return otherwise
    return int(text)


# --- the canary that is there -----------------------------------------------


def _of_canary(
    manifests: Sequence[Manifest], names: Sequence[str], stable: str, findings: list[Finding]
) -> tuple[list[Manifest], Manifest | None]:
    """What is there for the canary alone, and its Deployment; a release makes these itself."""
    services = [
        known
        for known in of_kind(manifests, *SERVICE)
        if name_of(known) in names and name_of(known) != stable
    ]
    deployments = [
        known
        for known in of_kind(manifests, *DEPLOYMENT)
        if any(selects(service.value, pod_labels(known.value)) for service in services)
    ]
    kept = [known for known in of_kind(manifests, *DEPLOYMENT) if known not in deployments]
    around = [known for known in manifests if _is_around(known, deployments, kept)]
    own = [*services, *deployments, *around]
    if len(deployments) == 1:
        findings += _different(deployments[0], kept)
        return own, deployments[0]
    return own, None


def _is_around(known: Manifest, deployments: Sequence[Manifest], others: Sequence[Manifest]) -> bool:
    """Whether an object scales or guards the pods of some Deployments, and no others."""
    kind = known.text("kind")
    if kind in SCALERS:
        return any(is_scaler_of(known.value, name_of(deployment)) for deployment in deployments)
    if kind not in SELECTORS:
        return False
    selector = at(known.value, "spec", SELECTORS[kind]) or {}
    caught = [
        any(selector_selects(selector, pod_labels(one.value)) for one in group)
        for group in (deployments, others)
    ]
    return caught == [True, False]


def _different(canary: Manifest, others: Sequence[Manifest]) -> Iterator[Finding]:
    """That the canary's pods have other things than an image, which a release of an image does not bring."""
    pods = [_pod(known) for known in others if images(known).keys() == images(canary).keys()]
    if pods and not any(same(pod, _pod(canary)) for pod in pods):
        message = "its pods have more otherwise than their images, and that is not imported"
        hint = "write it into the new version's manifests, or into `spec.canary`"
        yield loss(f"{NAME}-canary-differs", canary, ("spec", "template", "spec"), message, hint)


def images(deployment: Manifest) -> dict[str, str]:
    """The images of a Deployment by container."""
    containers = at(deployment.value, "spec", "template", "spec", "containers") or ()
    return {str(known.get("name")): str(known.get("image")) for known in containers}


def _pod(deployment: Manifest) -> dict[str, Any]:
    """What a Deployment's pods are, without images."""
    pod = at(deployment.value, "spec", "template", "spec") or {}
    containers = [
        {key: value for key, value in known.items() if key != "image"}
        for known in pod.get("containers") or ()
    ]
    return {**pod, "containers": containers}


# --- what else is said, and the way over ------------------------------------


def _others(mains: Sequence[Manifest], canaries: Sequence[Manifest]) -> Iterator[Finding]:
    """Annotations of nginx's that have no counterpart."""
    for ingress in (*mains, *canaries):
        for annotation, text in _annotations(ingress).items():
            name = annotation.removeprefix(PREFIX)
            is_read = ingress in mains or name in BESIDE_CANARY
            if (
                not annotation.startswith(PREFIX)
                or annotation == CANARY
                or annotation in OF_CANARY
                or not is_read
            ):
                continue
            message = f"{name}: {text!r} is nginx's own"
            yield loss(f"{NAME}-annotation", ingress, _at(annotation), message, COUNTERPARTS.get(name, ""))


def _steps(mains: Sequence[Manifest], canaries: Sequence[Manifest], own: Sequence[Manifest]) -> Iterator[str]:
    """The way from nginx to the Gateway; no request is lost, since both serve until nobody asks nginx any more."""
    for canary in canaries:
        said = _annotations(canary)
        gone = " ".join(f"{known}-" for known in (HEADER, VALUE, PATTERN, COOKIE) if known in said)
        yield (
            f"Send everybody to the version that runs: kubectl annotate --overwrite ingress/{name_of(canary)}"
            f"{_namespace(canary)} {WEIGHT}=0{f' {gone}' if gone else ''}"
        )
    if canaries:
        things = " ".join(f"{known.text('kind').lower()}/{name_of(known)}" for known in (*canaries, *own))
        yield (
            "Once its requests have drained, take away what nginx's canary was, since the release makes objects of its "
            f"own: kubectl delete {things}{_namespace(canaries[0])}"
        )
    hosts = list(dict.fromkeys(place.host for main in mains for place in _places(main) if place.host))
    yield "Apply the routes beside the Ingresses: both serve then: kubectl apply -f {into}"
    yield (
        f"Ask the Gateway at its own address, e.g. curl --resolve {hosts[0] if hosts else 'HOST'}:80:ADDRESS "
        f"http://{hosts[0] if hosts else 'HOST'}/"
    )
    named = listed(hosts) or "the hosts"
    yield f"Let DNS name the Gateway's address for {named}, and wait until the old answer has expired"
    gone = " ".join(f"ingress/{name_of(main)}" for main in mains)
    yield f"Once nginx gets no more requests: kubectl delete {gone}{_namespace(mains[0])}"
    yield "Start the release: {start}"


def _namespace(manifest: Manifest) -> str:
    namespace = manifest.text("metadata", "namespace")
    return f" -n {namespace}" if namespace else ""
