"""ingress-nginx: a pair of Ingresses, of which one has the canary's annotations → HTTPRoutes, testers and phases.

A request is decided by header, then by cookie, then by weight; paths are joined where host, path and type are the same.
Source: https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#canary, and in the
controller rootfs/etc/nginx/lua/balancer.lua and mergeAlternativeBackends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction

from kubectl_canary.api import re2, verdict
from kubectl_canary.api.catalog import Target
from kubectl_canary.api.equality import same
from kubectl_canary.errors import UsageError
from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.importers.belongings import (
    deletion,
    deployments_of,
    is_around,
    namespace_of,
    pod_of,
    senders,
    why_not_written,
)
from kubectl_canary.integrations.importers.imported import (
    BROUGHT,
    HOLD_BACK,
    OF_ALL,
    Imported,
    Neighbour,
    Wish,
    loss,
    phase_of,
    refusal,
    refuse,
)
from kubectl_canary.integrations.importers.ingress_nginx_routes import NAME, Pair, Place, backends, keys
from kubectl_canary.integrations.importers.ingress_nginx_routes import places as places_of
from kubectl_canary.integrations.importers.ingress_nginx_routes import routes as routes_of
from kubectl_canary.reading.adopted.objects import OTHER_WORKLOADS, at, name_of, of_kind, pod_labels, selects
from kubectl_canary.reading.adopted.problems import listed
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import replace
from kubectl_canary.release.adoption import DEPLOYMENT, SERVICE
from kubectl_canary.release.phases import PhaseSpec, default, percent
from kubectl_canary.reports.programs import said as said_as

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
CLASS, DEFAULT_CLASS = "kubernetes.io/ingress.class", "ingressclass.kubernetes.io/is-default-class"
TRACKED = ("kubectl.kubernetes.io/", "meta.helm.sh/")  # of the tools that applied it
BESIDE_CANARY = ("load-balance", "upstream-hash-by", "affinity", "affinity-mode", "affinity-canary-behavior")
BOOLEAN = (f"{PREFIX}use-regex",)
REGULAR = (*BOOLEAN, f"{PREFIX}rewrite-target")  # with one of them, paths are regular expressions
REDIRECTS = (f"{PREFIX}ssl-redirect", f"{PREFIX}force-ssl-redirect")
LEAST_TOTAL = 100
OPEN = "once DNS names the Gateway nobody is kept out: it needs a policy of its own"
COUNTERPARTS = {
    "affinity": "what holds clients at a pod holds them at a version: shares become others than are asked for",
    "app-root": "a rule for the path `/` with a RequestRedirect does that",
    "enable-cors": "an HTTPRoute has a `CORS` filter",
    "mirror-target": "an HTTPRoute has a `RequestMirror` filter",
    "proxy-read-timeout": "an HTTPRoute has `timeouts`",
    "proxy-send-timeout": "an HTTPRoute has `timeouts`",
    "ssl-redirect": "a route at the http listener with a RequestRedirect does that",
    "force-ssl-redirect": "a route at the http listener with a RequestRedirect does that",
    "upstream-vhost": "an HTTPRoute has `URLRewrite` with a hostname",
    "whitelist-source-range": OPEN,
    "denylist-source-range": OPEN,
    "cert-manager.io/": "annotate the Gateway: the Certificate that belongs to the Ingress goes with it",
    "external-dns.alpha.kubernetes.io/": "let external-dns read HTTPRoutes first: the record goes with the Ingress",
}
# without what these do, requests come to others, or none
NEEDED = {
    "from-to-www-redirect": "the other hostname comes in by it, which a route with a RequestRedirect does",
    "permanent-redirect": "no request comes to its pods, which a rule with a RequestRedirect does",
    "temporal-redirect": "no request comes to its pods, which a rule with a RequestRedirect does",
    "server-alias": "hosts that no rule names come in by it",
    "ssl-passthrough": "connections are handed on without looking into them, which a TLSRoute does",
}

# what each field becomes, and what does not become any: the page in docs is made from these
FIELDS = {
    "spec.rules[].host": "`hostnames`; hosts with the same paths share an HTTPRoute, as far as one has room",
    "spec.rules[].http.paths[]": (
        "a match of the rule to the same port of the same Service, which is split as a whole; "
        "`Exact` is `Exact`, `Prefix` and `ImplementationSpecific` are `PathPrefix`"
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
    "both": "Refused: another Service selects the canary's pods: shares are others, or its requests would be lost.",
    "canary-differs": "The canary's pods differ in more than their images, or its Service in its ports.",
    "canary-unknown": "The canary's Deployment is not among the manifests, or one of several: its image is unknown.",
    "class": "An Ingress of another class, which stays as it is. Refused where it is not clear which class is nginx's.",
    "cookie": "Testers are known by one thing, and the header is asked for first.",
    "default-backend": "Requests that no rule takes. Refused where an Ingress has nothing else.",
    "header-pattern": (
        "A pattern that is none of RE2, or stands beside a value, which nginx ignores. nginx finds one "
        "anywhere in the value."
    ),
    "invalid": "Refused: an Ingress that no cluster would take.",
    "namespace": "Refused: the two Ingresses are in two namespaces.",
    "needed": "Refused: redirects of all requests, `server-alias`, `ssl-passthrough`, and pods not asked by HTTP.",
    "never": "A header or cookie with the value `never` kept a request from the canary.",
    "not-written": "Pods, ReplicaSets, Endpoints, Secrets and what has an owner: no file of yours has them.",
    "path-type": "nginx finds an ImplementationSpecific path before any letter: `/a` also takes `/ab`.",
    "port": "Refused: a port's name that no Service among the manifests has.",
    "regular-paths": (
        "Refused: with `use-regex` or `rewrite-target` all paths of the host are regular expressions of "
        "nginx."
    ),
    "services": (
        "Refused: Ingresses of several Services, or of one whose manifest is not there. A release is of one."
    ),
    "several": "Refused: two Ingresses with one path, of which nginx takes one, or canaries that split differently.",
    "tls": "The certificate is the Gateway's: it names the Secret, and has a listener for the hosts.",
    "tls-redirect": "nginx sends http to https by itself where there is a certificate.",
    "weight": (
        "A share that is no number of hundredths of a percent; or, refused, a weight that is no number."
    ),
    "weight-total": "nginx takes a total below 100 as 100.",
}


def is_here(manifests: Sequence[Manifest]) -> bool:
    """Whether this importer knows any of these objects."""
    return any(known.text("kind") == INGRESS[1] for known in manifests)


def imported(manifests: Sequence[Manifest], wish: Wish) -> Imported:
    """The release that the Ingresses among manifests are of, those of a class where it is named.

    Raises Refused with everything that has no counterpart and cannot be left out; UsageError without a Gateway.
    """
    if wish.gateway is None:
        raise UsageError("which Gateway do the routes attach to?", "give --gateway production-gw")
    every = [known for known in manifests if known.text("kind") == INGRESS[1]]
    refuse([*_invalid(every)])
    ingresses, findings = _of_class(every, manifests, wish.ingress_class)
    canaries = [known for known in ingresses if _annotations(known).get(CANARY) in TRUE]
    mains = [known for known in ingresses if known not in canaries]
    findings += [*_unreadable(ingresses), *_several(mains, canaries)]
    refuse(findings)
    places = {id(known): places_of(known, manifests, findings) for known in ingresses}
    refuse(findings)
    pairs, lost = _paired([places[id(known)] for known in mains], [places[id(known)] for known in canaries])
    findings += lost if pairs or not canaries else _all_ignored(canaries[0], lost)
    findings += _default_backend(canaries)
    every_place = [place for main in mains for place in places[id(main)]]
    service = _only_service(manifests, pairs, (mains, every_place), findings)
    refuse(findings)
    for main in mains:
        findings += _inexact(main, places[id(main)])
    routes, governed = routes_of(mains, places, pairs, (manifests, wish.gateway))
    testers, phases = _course(canaries, findings)
    stable = deployments_of(service, manifests)
    own, deployment = _of_canary(manifests, pairs, (service, stable), findings)
    refuse(findings)
    if pairs and deployment is None:
        findings.append(_unknown(pairs[0][0]))
    findings += _others(mains, canaries)
    left = [known for known in manifests if known not in every and known not in own]
    findings += [*_not_written(left)]
    kept = tuple(known for known in left if not why_not_written(known))
    steps = tuple(_steps(mains, canaries, own, (stable, every_place)))
    source = tuple(known.title for known in (*mains, *canaries))
    names = tuple(dict.fromkeys(name_of(known) for known in stable))
    return Imported(
        source,
        kept,
        routes,
        name_of(service),
        names,
        governed,
        deployment,
        testers,
        tuple(map(phase_of, phases)),
        tuple(findings),
        steps,
    )


def _annotations(manifest: Manifest) -> dict[str, str]:
    return dict(at(manifest.value, "metadata", "annotations") or {})


def _at(annotation: str) -> Path:
    return ("metadata", "annotations", annotation)


# --- what nothing can be made of --------------------------------------------


def _invalid(ingresses: Sequence[Manifest]) -> Iterator[Finding]:
    """Ingresses that no cluster would take."""
    for ingress in ingresses:
        if ingress.text("apiVersion") != INGRESS[0]:
            message = f"it is of {ingress.text('apiVersion') or 'no API'}, and clusters have {INGRESS[0]}"
            hint = "import what the cluster has: kubectl get ingress -o yaml"
            yield refusal(f"{NAME}-api-version", ingress, ("apiVersion",), message, hint)
            continue
        for finding in verdict.judge(ingress.value, Target()) or ():
            yield refusal(f"{NAME}-invalid", ingress, finding.path, finding.message, finding.hint)


def _classes(
    ingresses: Sequence[Manifest], manifests: Sequence[Manifest], wanted: str | None
) -> dict[int, str]:
    """The class of each Ingress: of one that names none the default of the manifests, else the wanted one."""
    by_default = [
        name_of(known)
        for known in manifests
        if known.text("kind") == "IngressClass" and _annotations(known).get(DEFAULT_CLASS) == "true"
    ]
    otherwise = next(iter(by_default), wanted or "")
    return {
        id(known): known.text("spec", "ingressClassName") or _annotations(known).get(CLASS, otherwise)
        for known in ingresses
    }


def _of_class(
    ingresses: Sequence[Manifest], manifests: Sequence[Manifest], wanted: str | None
) -> tuple[list[Manifest], list[Finding]]:
    """The Ingresses of nginx's class: the one that is named, else the canary's, else the only one."""
    class_of = _classes(ingresses, manifests, wanted)
    canaries = [known for known in ingresses if _annotations(known).get(CANARY) in TRUE]
    classes = list(dict.fromkeys(class_of[id(known)] for known in (canaries or ingresses)))
    every = list(dict.fromkeys(class_of.values()))
    if wanted is None and (len(classes) > 1 or ("" in every and len(every) > 1)):
        named = listed([known or "none" for known in every])
        hint = f"say which is nginx's, and that of those without: --ingress-class {next(filter(None, every))}"
        odd = next(known for known in ingresses if class_of[id(known)] != every[0])
        message = f"the Ingresses are of the classes {named}"
        return [], [refusal(f"{NAME}-class", odd, ("spec",), message, hint)]
    chosen = wanted if wanted is not None else next(iter(classes), "")
    taken = [known for known in ingresses if class_of[id(known)] == chosen]
    others = [known for known in ingresses if known not in taken]
    if not taken:
        message, hint = f"none of the Ingresses is of class {chosen}", "leave --ingress-class out"
        return [], [refusal(f"{NAME}-class", ingresses[0], ("spec",), message, hint)]
    message = f"it is of class {{}}, and not of {chosen or 'none'}: it stays as it is, and is not imported"
    return taken, [
        loss(f"{NAME}-class", known, ("spec",), message.format(class_of[id(known)] or "none"))
        for known in others
    ]


def _unreadable(ingresses: Sequence[Manifest]) -> Iterator[Finding]:
    """Ingresses that do what a route does not, and without which requests would come to others."""
    for ingress in ingresses:
        said = _annotations(ingress)
        for annotation in REGULAR:
            if annotation in said and (annotation not in BOOLEAN or said[annotation] in TRUE):
                message = (
                    f"with {annotation.removeprefix(PREFIX)} its paths are regular expressions of nginx, and match "
                    "otherwise than those of a route"
                )
                hint = "write its HTTPRoute by hand, and take it out of what is imported"
                yield refusal(f"{NAME}-regular-paths", ingress, _at(annotation), message, hint)
        for name, why in NEEDED.items():
            if f"{PREFIX}{name}" in said:
                hint = "write its route by hand, and take it out of what is imported"
                yield refusal(f"{NAME}-needed", ingress, _at(f"{PREFIX}{name}"), f"{name}: {why}", hint)
        protocol = said.get(f"{PREFIX}backend-protocol", "HTTP")
        if protocol not in ("HTTP", "AUTO_HTTP"):
            message = f"its pods are asked by {protocol}, and an HTTPRoute asks by HTTP"
            hint = "write its route by hand, a GRPCRoute or one with a BackendTLSPolicy"
            yield refusal(f"{NAME}-needed", ingress, _at(f"{PREFIX}backend-protocol"), message, hint)
        if at(ingress.value, "spec", "defaultBackend") and not at(ingress.value, "spec", "rules"):
            message = "it has no rule: it takes what no other Ingress does, of every host"
            hint = "write a route without hostnames by hand, and take it out of what is imported"
            yield refusal(f"{NAME}-default-backend", ingress, ("spec", "defaultBackend"), message, hint)
        for path, backend in backends(ingress):
            if not isinstance(at(backend, "service", "name"), str):
                message = "its backend is no Service"
                yield refusal(f"{NAME}-backend", ingress, path, message, "take it out of what is imported")


def _several(mains: Sequence[Manifest], canaries: Sequence[Manifest]) -> Iterator[Finding]:
    """Ingresses with the same path, of which nginx takes one alone, and canaries that say different things."""
    for group, what in ((mains, "has"), (canaries, "is a canary of")):
        taken: dict[tuple[str, str, str], Manifest] = {}
        for ingress in group:
            for path, key in keys(ingress):
                if key in taken:
                    message = f"{taken[key].title} {what} {key[0] or '*'}{key[1]} already, and nginx takes one alone"
                    yield refusal(
                        f"{NAME}-several", ingress, path, message, "take the one that it ignores out"
                    )
                taken[key] = ingress
    for canary in canaries:
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


def _paired(
    mains: Sequence[Sequence[Place]], canaries: Sequence[Sequence[Place]]
) -> tuple[list[Pair], list[Finding]]:
    """The paths that nginx splits, and what of the canary's it ignores."""
    known = {place.key: place for places in mains for place in places}
    pairs: list[Pair] = []
    lost: list[Finding] = []
    for place in (place for places in canaries for place in places):
        main = known.get(place.key)
        if main is None:
            message = f"no other Ingress has {place}, so that nginx ignores it, too"
            lost.append(loss(f"{NAME}-alone", place.ingress, place.at, message))
        elif namespace_of(place.ingress) != namespace_of(main.ingress):
            message = f"{main.ingress.title} is of another namespace, and a release is in one"
            hint = "write metadata.namespace where it is left out"
            lost.append(refusal(f"{NAME}-namespace", place.ingress, ("metadata",), message, hint))
        elif place.service == main.service:
            message = (
                f"it sends to Service {main.service}, as {main.ingress.title} does, so that nginx ignores it"
            )
            lost.append(loss(f"{NAME}-alone", place.ingress, place.at, message))
        else:
            pairs.append((place, main))
    return pairs, lost


def _all_ignored(canary: Manifest, lost: Sequence[Finding]) -> list[Finding]:
    """That nginx splits nothing, each reason as a refusal."""
    hint = "import the Ingress of the version that runs together with it"
    nothing = refusal(f"{NAME}-alone", canary, ("spec",), "it has no path: what is it a canary of?", hint)
    return [replace(finding, severity="error", hint=finding.hint or hint) for finding in lost] or [nothing]


def _only_service(
    manifests: Sequence[Manifest],
    pairs: Sequence[Pair],
    mains: tuple[Sequence[Manifest], Sequence[Place]],
    findings: list[Finding],
) -> Manifest:
    """The Service of the version that runs: the one that is split, else the only one that has requests.

    Raises Refused where there is no such one.
    """
    places = [main for _, main in pairs] or mains[1]
    if not places:
        message = "it has no path with a Service"
        findings += [refusal(f"{NAME}-services", main, ("spec",), message) for main in mains[0][:1]]
        refuse(findings)
    _refuse_two(places, "one release is of one", findings)
    _refuse_two([place for place, _ in pairs], "a release has one canary", findings)
    first = places[0]
    known = [
        service
        for service in of_kind(manifests, *SERVICE)
        if name_of(service) == first.service and namespace_of(service) == namespace_of(first.ingress)
    ]
    if not known:
        message = f"Service {first.service} is not among the manifests"
        hint = "name a folder with it and its Deployment too, or pipe all of them from the cluster"
        findings.append(refusal(f"{NAME}-services", first.ingress, first.at, message, hint))
    refuse(findings)
    findings += _without_pods(known[0], manifests)
    return known[0]


def _without_pods(service: Manifest, manifests: Sequence[Manifest]) -> Iterator[Finding]:
    """That a Service has no pods of a Deployment, which alone can be released."""
    if not at(service.value, "spec", "selector"):
        message = "it has no selector: which pods are its, nobody can tell"
        hint = "give it the selector of a Deployment"
        yield refusal(f"{NAME}-services", service, ("spec",), message, hint)
    elif not deployments_of(service, manifests):
        others = [known for known in manifests if known.text("kind") in OTHER_WORKLOADS]
        kinds = [known for known in others if selects(service.value, pod_labels(known.value))]
        why = (
            f"{kinds[0].title}: {OTHER_WORKLOADS[kinds[0].text('kind')]}"
            if kinds
            else "none is among the manifests"
        )
        message = f"no Deployment has its pods: {why}"
        hint = (
            "a release is of a Deployment; name a folder with it, or pipe it from the cluster with the others"
        )
        yield refusal(f"{NAME}-services", service, ("spec", "selector"), message, hint)


def _refuse_two(places: Sequence[Place], why: str, findings: list[Finding]) -> None:
    """Refuse places of several Services."""
    names = list(dict.fromkeys(place.service for place in places))
    if len(names) > 1:
        place = next(place for place in places if place.service != names[0])
        message = f"requests go to the Services {listed(names)}, and {why}"
        hint = "import the Ingresses of one Service at a time"
        findings.append(refusal(f"{NAME}-services", place.ingress, place.at, message, hint))


# --- the routes -------------------------------------------------------------


def _default_backend(ingresses: Sequence[Manifest]) -> Iterator[Finding]:
    for ingress in ingresses:
        if at(ingress.value, "spec", "defaultBackend"):
            message = "requests that no rule takes went there, and a route has nothing of the kind"
            hint = "add a rule for `/` to the route of each host"
            yield loss(f"{NAME}-default-backend", ingress, ("spec", "defaultBackend"), message, hint)


def _inexact(main: Manifest, places: Sequence[Place]) -> Iterator[Finding]:
    """What of an Ingress a route has otherwise."""
    for place in places:
        if place.type == "ImplementationSpecific" and place.path != "/":
            message = f"nginx finds `{place.path}` before any letter, a PathPrefix before `/` alone"
            yield loss(
                f"{NAME}-path-type", main, place.at, message, "say Prefix, and see whether that is meant"
            )
    yield from _default_backend([main])
    for number, entry in enumerate(at(main.value, "spec", "tls") or ()):
        hosts, secret = at(entry, "hosts") or [], at(entry, "secretName")
        message = f"https is the Gateway's: a listener for {listed(hosts) if hosts else 'its hosts'}"
        message += f" with the Secret {secret}" if secret else ""
        yield loss(f"{NAME}-tls", main, ("spec", "tls", number), message, "`certificateRefs` of the listener")
    redirect = next((known for known in REDIRECTS if known in _annotations(main)), None)
    if at(main.value, "spec", "tls") and redirect is None:
        message = "nginx sends http to https where there is a certificate, without being told"
        yield loss(f"{NAME}-tls-redirect", main, ("spec", "tls"), message, COUNTERPARTS["ssl-redirect"])


# --- who is sent to the canary ----------------------------------------------


def _course(
    canaries: Sequence[Manifest], findings: list[Finding]
) -> tuple[dict[str, str] | bool, tuple[PhaseSpec, ...]]:
    """What testers send, and the phases; all canaries say the same."""
    if not canaries:
        return False, default(has_testers=False)
    said = _annotations(canaries[0])
    testers = _testers(canaries[0], said, findings)
    return testers, _phases(canaries[0], said, bool(testers), findings)


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
    if share == 1:
        message = "everybody is on the canary, which the steps would take away"
        hint = "give the other Ingress its Service first: what serves everybody is what is released from"
        findings.append(refusal(f"{NAME}-weight", canary, _at(WEIGHT), message, hint))
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
    manifests: Sequence[Manifest],
    pairs: Sequence[Pair],
    running: tuple[Manifest, Sequence[Manifest]],
    findings: list[Finding],
) -> tuple[list[Manifest], Manifest | None]:
    """What is there for the canary alone, and its Deployment; a release makes these itself."""
    stable, of_stable = running
    names = {(namespace_of(place.ingress), place.service) for place, _ in pairs}
    services = [
        known for known in of_kind(manifests, *SERVICE) if (namespace_of(known), name_of(known)) in names
    ]
    deployments = [known for service in services for known in deployments_of(service, manifests)]
    findings += _used_elsewhere(manifests, [place.ingress for place, _ in pairs], services, deployments)
    kept = [known for known in of_kind(manifests, *DEPLOYMENT) if known not in deployments]
    own = [*services, *deployments, *(known for known in manifests if is_around(known, deployments, kept))]
    for service in services:
        findings += _other_service(service, stable)
    if len(deployments) != 1:
        return own, None
    findings += _different(deployments[0], of_stable)
    return own, deployments[0]


def _unknown(place: Place) -> Finding:
    """That the image of the canary is not to be seen."""
    message = f"which Deployment is behind Service {place.service} is not to be seen in the manifests"
    return loss(
        f"{NAME}-canary-unknown", place.ingress, place.at, message, "write its image into `spec.canary`"
    )


def _used_elsewhere(
    manifests: Sequence[Manifest],
    canaries: Sequence[Manifest],
    services: Sequence[Manifest],
    deployments: Sequence[Manifest],
) -> Iterator[Finding]:
    """What else sends requests to what the canary alone should have: it would be deleted under them."""
    hint = "give these requests a Service and a Deployment of their own first"
    for service in services:
        if not at(service.value, "spec", "selector"):
            message = "it has no selector: which pods are the canary's, nobody can tell"
            yield refusal(
                f"{NAME}-services", service, ("spec",), message, "give it the selector of a Deployment"
            )
        for known, where in senders(name_of(service), namespace_of(service), manifests):
            if known not in canaries:
                message = f"it sends requests to Service {name_of(service)}, which is the canary's"
                yield refusal(f"{NAME}-services", known, where, message, hint)
    for known in of_kind(manifests, *SERVICE):
        if known not in services and any(
            known_by in deployments for known_by in deployments_of(known, manifests)
        ):
            message = "it selects the canary's pods, too"
            yield refusal(f"{NAME}-both", known, ("spec", "selector"), message, hint)


def _other_service(canary: Manifest, stable: Manifest) -> Iterator[Finding]:
    """That the canary's Service has other ports, which a release does not bring."""
    if not same(at(canary.value, "spec", "ports"), at(stable.value, "spec", "ports")):
        message = f"its ports are others than those of Service {name_of(stable)}, and that is not imported"
        yield loss(
            f"{NAME}-canary-differs", canary, ("spec", "ports"), message, "write it into the new manifests"
        )


def _different(canary: Manifest, running: Sequence[Manifest]) -> Iterator[Finding]:
    """That the canary's pods have other things than an image, which a release of an image does not bring."""
    if running and not any(same(pod_of(known), pod_of(canary)) for known in running):
        message = "its pods have more otherwise than their images, and that is not imported"
        hint = "write it into the new version's manifests, or into `spec.canary`"
        yield loss(f"{NAME}-canary-differs", canary, ("spec", "template"), message, hint)


# --- what else is said ------------------------------------------------------


def _others(mains: Sequence[Manifest], canaries: Sequence[Manifest]) -> Iterator[Finding]:
    """Annotations that have no counterpart, or none by themselves."""
    for ingress in (*mains, *canaries):
        for annotation, text in _annotations(ingress).items():
            name = annotation.removeprefix(PREFIX)
            is_read = ingress in mains or name in BESIDE_CANARY
            if (
                annotation in (CANARY, *OF_CANARY, CLASS, *REGULAR)
                or not is_read
                or annotation.startswith(TRACKED)
            ):
                continue
            hint = COUNTERPARTS.get(name) or (OPEN if name.startswith("auth-") else "")
            hint = hint or next(
                (said for start, said in COUNTERPARTS.items() if annotation.startswith(start)), ""
            )
            message = f"{name}: {said_as(text)} is not said by a route"
            yield loss(f"{NAME}-annotation", ingress, _at(annotation), message, hint)


def _not_written(left: Sequence[Manifest]) -> Iterator[Finding]:
    for known in left:
        if why := why_not_written(known):
            yield loss(f"{NAME}-not-written", known, ("kind",), f"it is not among the files: {why}")


# --- the way over -----------------------------------------------------------


def _steps(
    mains: Sequence[Manifest],
    canaries: Sequence[Manifest],
    own: Sequence[Manifest],
    running: tuple[Sequence[Manifest], Sequence[Place]],
) -> Iterator[str]:
    """The way from nginx to the Gateway; no request is lost, since both serve until nobody asks nginx any more."""
    deployments, places = running
    yield HOLD_BACK
    if canaries:
        pods = ", ".join(
            f"{name_of(known)} ({at(known.value, 'spec', 'replicas') or 1})" for known in deployments
        )
        yield f"See that the pods of what runs are enough for all requests, and scale them where not: {pods}"
        yield f"Send everybody to them: {deletion(canaries)}"
    if own:
        yield (
            "Once the canary's last requests have been answered, take away what is its own, since the release makes "
            f"objects of these names: {deletion(own)}"
        )
    yield "See that the Gateway has listeners for the hosts below, and certificates where it needs them"
    yield "Apply the routes beside the Ingresses, and wait until the Gateway has accepted them: {apply}"
    hosts = list(dict.fromkeys(place.host for place in places if place.host))
    asked = (hosts[0] if hosts else "HOST").replace("*", "any")
    yield (
        f"Ask the Gateway at its own address, for each host: curl --resolve {asked}:80:ADDRESS http://{asked}/ "
        "(443 and https where it has a certificate)"
    )
    named = ", ".join(hosts) or "the hosts"
    yield f"Let DNS name the Gateway's address for {named}, and wait until the old answer has expired everywhere"
    yield f"Once nginx gets no more requests for them: {deletion(mains)}"
    yield BROUGHT
    yield "{start}"


INGRESS_NGINX = Neighbour(NAME, INGRESS[1], "ingress", FIELDS, LOSSES | OF_ALL, is_here, imported)
