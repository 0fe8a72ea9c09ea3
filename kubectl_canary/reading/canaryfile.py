"""canary.yaml → an application and its phases, with every complaint at its line and column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kubectl_canary.api import builtin, catalog, formats, prepare, quick
from kubectl_canary.api.catalog import Target, newest
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Path, in_order
from kubectl_canary.reading import gates, testing, versions
from kubectl_canary.reading.adopted.file import Common, SetReader, adopting_findings
from kubectl_canary.reading.sources import Sources
from kubectl_canary.records import dataclass, replace
from kubectl_canary.release import engines, phases
from kubectl_canary.release.application import (
    GATEWAY_API,
    GATEWAY_GROUP,
    GRPC_ROUTE,
    HTTP,
    HTTPS,
    OWN_LABEL,
    OWN_PREFIX,
    REQUEST_KINDS,
    Application,
    Configuration,
    Engine,
    GatewayRef,
    GitOps,
    Governed,
    Route,
    Service,
    Side,
    Sides,
    Workload,
)
from kubectl_canary.release.gates import Prometheus
from kubectl_canary.release.phases import PhaseSpec, percent

# what kustomize, kpt and Helm note on the file as an object of theirs; nothing that is rendered should have it
TOOLS_PREFIXES = (
    "config.kubernetes.io/",
    "config.k8s.io/",
    "internal.config.kubernetes.io/",
    "kustomize.config.k8s.io/",
    "internal.kpt.dev/",
    "postrenderer.helm.sh/",
)
SIDE_LABELS = ("app", "version")
EXTERNAL = "external"  # a number of replicas that a scaler of others decides
LABELLED: tuple[Path, ...] = (
    ("metadata",),
    ("spec", "podMetadata"),
    ("spec", "canary", "podMetadata"),
    ("spec", "route"),
    ("spec", "service"),
)
CHANNEL = ("spec", "gatewayAPI", "channel")
NEW_RULE_KEYS = ("retry", "sessionPersistence")
RULE_KEYS = ("matches", "filters", "timeouts", *NEW_RULE_KEYS)
MAIN_PORT = 80
MAIN_PORT_NAME = "http"  # what a Service with several ports must have for each of them
LONGEST_NAME = 63 - len("-canary")
DRAIN = "30s"
# until a commit is seen: Argo CD's own default with its jitter, and what `gitops` prints for Flux
INTERVALS = {Engine.ARGOCD: "3m", Engine.FLUX: "1m", None: "0s"}


@dataclass(frozen=True)
class CanaryFile:
    """What a canary file says: the application, the user's phases, which of them it is in, and where gates ask."""

    application: Application
    phases: tuple[PhaseSpec, ...]
    phase: str | None
    prometheus: Prometheus | None


def parse(sources: Sources, namespace: str | None = None, read_sets: SetReader | None = None) -> CanaryFile:
    """The application and phases that the sources describe; `namespace` overrides theirs.

    `read_sets` reads the manifests that the file adopts. Raises Refused with every finding.
    """
    adopts = _get(sources.value, "spec", "adopt") is not None
    findings = [
        *_schema_findings(sources),
        *testing.findings(_get(sources.value, "spec")),
        *gates.findings(_get(sources.value, "spec")),
        *(_adopting_findings(sources.value) if adopts else _own_findings(sources.value)),
    ]
    findings = findings or ([] if adopts else list(versions.findings(sources.value)))
    if findings:
        located = [_located(finding, sources) for finding in findings]
        names = " + ".join(dict.fromkeys(document.file for document in sources.documents))
        raise Refused(f"{names} is not valid", in_order(located))
    if adopts:
        return _adopted(sources, namespace, read_sets)
    made = _build(sources.value, namespace)
    _refuse([*gates.misplaced(made.phases), *_receiver_findings(made, "error")], sources)
    return made


def _schema_findings(sources: Sources) -> Iterator[Finding]:
    if quick.accepts(sources.value, catalog.fitting(catalog.CANARY, sources.value)):
        return
    from kubectl_canary.api import schema

    for finding in schema.findings(sources.value, catalog.CANARY):
        yield _with_spelling(finding, sources) if finding.code in ("wrong-type", "not-a-string") else finding


def _with_spelling(finding: Finding, sources: Sources) -> Finding:
    """An unquoted scalar that YAML made a number or a boolean wants quotes, or the unit that is missing."""
    from kubectl_canary.api import schema

    spelling, value = sources.spelling(finding.path), _at(sources.value, finding.path)
    wanted = _wanted(finding, spelling) if spelling is not None else None
    if wanted is None or not isinstance(value, int | float):
        return finding
    return replace(finding, message=f"`{spelling}` is {schema.kind_of(value)} in YAML, and {wanted}")


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _wanted(finding: Finding, spelling: str) -> str | None:
    """What to write: the value in quotes, or with its unit. None where neither helps."""
    if finding.code == "not-a-string":
        return _with_unit(finding.path, spelling) or f'a string is expected; write "{spelling}"'
    return _with_unit(finding.path, spelling)


def _with_unit(path: Path, spelling: str) -> str | None:
    """What to write for a number where a time or a share is expected; None for every other place."""
    if path[:2] != ("spec", "phases") or len(path) not in (3, 4, 5):
        return None
    if path[3:] == ("pause",):
        is_whole = spelling.isascii() and spelling.isdigit()
        cure = f"`{spelling}s` or `{spelling}m`" if is_whole else "`90s` or `10m`"
        return f"a time is expected; write {cure}"
    if path[3:] in ((), ("weight",), ("mirror",), ("mirror", "share")):
        return f"a share is expected; write `{_as_share(spelling)}`"
    return None


def _as_share(spelling: str) -> str:
    """The number as a percentage, or one for example where it is none."""
    try:
        formats.percentage(f"{spelling}%")
    except ValueError:
        return "5%"
    return f"{spelling}%"


def _located(finding: Finding, sources: Sources) -> Finding:
    if finding.code in ("unknown-key", "missing"):
        return replace(finding, where=sources.where(finding.path))
    return replace(finding, where=sources.value_where(finding.path))


# --- what a schema cannot say ---------------------------------------------------


def _get(value: Any, *path: str | int) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _own_findings(value: Any) -> Iterator[Finding]:
    yield from _name_findings(value)
    yield from _image_findings(value)
    yield from _container_findings(value)
    yield from _port_findings(_get(value, "spec", "service"))
    yield from _deployment_findings(_get(value, "spec", "deployment"))
    yield from _scaling_findings(_get(value, "spec"))
    yield from _route_findings(value)
    yield from _listener_findings(_get(value, "spec", "route", "gateway"))
    yield from _parent_findings(value)
    yield from _new_field_findings(_get(value, "spec"))
    yield from _wave_findings(_get(value, "spec"))
    for path in LABELLED:
        yield from _label_findings(_get(value, *path), path)
    specs, wrong = _phases(value)
    yield from wrong or _copy_findings(_get(value, "spec"), specs)


def _phases(value: Any) -> tuple[Sequence[PhaseSpec], Sequence[Finding]]:
    """The user's phases, and what is wrong with them; none of either where the file has none."""
    items = _get(value, "spec", "phases")
    if not isinstance(items, list):
        return (), ()
    return phases.parse(items, _get(value, "spec", "testers") is not False)


def _adopting_findings(value: Any) -> Iterator[Finding]:
    """What a schema cannot say of a file that adopts manifests."""
    yield from _name_findings(value)
    spec = _get(value, "spec")
    if isinstance(spec, dict):
        yield from adopting_findings(spec)
    yield from _phases(value)[1]


def _error(path: Path, message: str) -> Finding:
    return Finding("canary", "error", path, message)


def _missing(path: Path, message: str) -> Finding:
    return Finding("canary", "error", path, f"missing: {message}", code="missing")


def _name_findings(value: Any) -> Iterator[Finding]:
    name = _get(value, "metadata", "name")
    if not isinstance(name, str):
        return
    if LONGEST_NAME < len(name) <= 63:
        message = (
            f"{len(name)} characters; `{name}-canary` may have at most 63, so the name at most {LONGEST_NAME}"
        )
        yield _error(("metadata", "name"), message)
    if name[:1].isdigit():
        yield _error(
            ("metadata", "name"), f"`{name}` starts with a digit; a Service's name starts with a letter"
        )


def _image_findings(value: Any) -> Iterator[Finding]:
    spec = _get(value, "spec")
    places = [("spec", "image"), ("spec", "container", "image")]
    repositories = [path for path in places if _get(value, *path) is not None]
    if len(repositories) == 2:
        yield _error(repositories[1], "given here and in `spec.image`; leave one of them out")
    for side in ("stable", "canary"):
        version = _get(spec, side)
        if not isinstance(version, dict):
            continue
        if "tag" in version and "image" in version:
            yield _error(("spec", side, "image"), "`tag` and `image` both; `image` is the whole reference")
        if "tag" not in version and "image" not in version:
            yield _missing(("spec", side, "tag"), "which version is it?")
        if "tag" in version and not repositories:
            yield _missing(("spec", "image"), "the image that the tags belong to")


def _container_findings(value: Any) -> Iterator[Finding]:
    container = _get(value, "spec", "container") or {}
    name = _get(container, "name") or "app"
    for group in ("containers", "initContainers"):
        sidecars = _get(value, "spec", "pod", group)
        for index, sidecar in enumerate(sidecars if isinstance(sidecars, list) else ()):
            if _get(sidecar, "name") == name:
                message = f"`{name}` is the application's container already; give this one another name"
                yield _error(("spec", "pod", group, index, "name"), message)
    if (
        _get(container, "port") is None
        and not _get(container, "ports")
        and not _get(value, "spec", "service", "targetPort")
    ):
        yield _missing(("spec", "container", "port"), "the port that the application listens on")


def _port_findings(service: Any) -> Iterator[Finding]:
    """Names and numbers that stand twice among the ports of a Service."""
    ports = _get(service, "ports")
    main = {
        "name": _get(service, "portName") or MAIN_PORT_NAME,
        "port": _get(service, "port") or MAIN_PORT,
    }
    holders = dict.fromkeys(_port_keys(main), "the main port")
    for index, port in enumerate(ports if isinstance(ports, list) else ()):
        for key in _port_keys(port):
            field_name, text = key
            if key in holders:
                message = f"`{text}` is the {field_name} of {holders[key]} already; give this one another"
                cure = ", or the main port by `portName`" if text == MAIN_PORT_NAME else ""
                yield _error(("spec", "service", "ports", index, field_name), message + cure)
            holders.setdefault(key, f"ports[{index}]")


def _port_keys(port: Any) -> list[tuple[str, str]]:
    """What no other port of the Service may have: the name, and the number with the protocol."""
    protocol = _get(port, "protocol") or "TCP"
    keys = {"name": _get(port, "name"), "port": _get(port, "port")}
    suffix = {"name": "", "port": f"/{protocol}"}
    return [(key, f"{text}{suffix[key]}") for key, text in keys.items() if isinstance(text, str | int)]


def _deployment_findings(fields: Any) -> Iterator[Finding]:
    """What the server's code holds against the fields, at their place in this file."""
    if not isinstance(fields, dict) or not fields or not _fits({"spec": {"deployment": fields}}):
        return
    template = {"metadata": {"labels": {"app": "app"}}, "spec": {"containers": []}}
    spec = {**fields, "selector": {"matchLabels": {"app": "app"}}, "template": template}
    for path, message in builtin.field_errors({"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec}):
        if path[1] in fields:
            yield _error(("spec", "deployment", *path[1:]), message)


def _scaling_findings(spec: Any) -> Iterator[Finding]:
    """Two owners of replicas, or none that we know a number of."""
    scaling, canary = _get(spec, "autoscaling"), _get(spec, "canary")
    if _get(spec, "stable", "replicas") == EXTERNAL:
        if scaling is not None:
            message = (
                "`external` and `spec.autoscaling`: two would scale the same pods; leave one of them out"
            )
            yield _error(("spec", "stable", "replicas"), message)
        if isinstance(canary, dict) and not isinstance(canary.get("replicas"), int):
            message = (
                "where others scale stable, say how many pods the canary has, as many as stable may need"
            )
            yield _missing(("spec", "canary", "replicas"), message)
    least, most = _get(scaling, "minReplicas"), _get(scaling, "maxReplicas")
    if isinstance(least, int) and isinstance(most, int) and least > most:
        yield _error(("spec", "autoscaling", "minReplicas"), f"{least} is more than maxReplicas, {most}")
    for side in ("stable", "canary"):
        replicas = _get(spec, side, "replicas")
        if isinstance(replicas, int) and isinstance(most, int) and replicas > most:
            yield _error(
                ("spec", side, "replicas"), f"{replicas} is more than spec.autoscaling.maxReplicas, {most}"
            )
    replicas = _get(spec, "stable", "replicas")
    if isinstance(replicas, int) and isinstance(least, int) and replicas < least:
        message = f"{replicas} is less than spec.autoscaling.minReplicas, {least}: shares would be planned for too few"
        yield _error(("spec", "stable", "replicas"), message)
    budget = _get(spec, "disruptionBudget")
    if isinstance(budget, dict) and len({"minAvailable", "maxUnavailable"} & budget.keys()) != 1:
        yield _error(("spec", "disruptionBudget"), "say either `minAvailable` or `maxUnavailable`")


def _fits(part: dict[str, Any]) -> bool:
    """Whether a part of `spec` has the shape that its schema asks for."""
    whole = catalog.fitting(catalog.CANARY, part)["properties"]["spec"]
    schema = {key: operand for key, operand in whole.items() if key not in ("if", "else")}
    if quick.accepts(part["spec"], schema):
        return True
    from kubectl_canary.api.schema import validator_of

    return not any(validator_of(schema).iter_errors(part["spec"]))


def _route_findings(value: Any) -> Iterator[Finding]:
    yield from testing.matched(_get(value, "spec"))
    gateway = _get(value, "spec", "route", "gateway")
    foreign = _get(gateway, "namespace") not in (None, _get(value, "metadata", "namespace"))
    if _get(gateway, "create") and foreign and not _get(value, "metadata", "namespace"):
        message = "a Gateway in another namespace must know from where it lets routes attach"
        yield _missing(("metadata", "namespace"), message)


def _listener_findings(fields: Any) -> Iterator[Finding]:
    """A listener that the rendered Gateway has not, or that has something else to do."""
    if not isinstance(_get(fields, "create"), dict):
        return
    path: Path = ("spec", "route", "gateway")
    gateway, section = _gateway({"name": "", **fields}, ""), _get(fields, "sectionName")
    if _get(fields, "create", "tls") is not None and not gateway.tls:
        return  # the schema has said so
    if gateway.redirect is not None and not gateway.tls:
        message = "redirects to https, and there is no https listener; name its certificate by `tls`"
        yield _error((*path, "create", "redirect"), message)
    elif section is not None and section not in gateway.listeners:
        names = " and ".join(f"`{name}`" for name in gateway.listeners)
        message = f"the Gateway that `create` renders has no listener `{section}`; it has {names}"
        yield _error((*path, "sectionName"), message)
    elif section == HTTP and gateway.redirect is not None:
        message = f"`{HTTP}` redirects to https; leave `sectionName` out, and the route attaches to `{HTTPS}`"
        yield _error((*path, "sectionName"), message)


def warnings(gateway: GatewayRef) -> Iterator[Finding]:
    """What a Gateway may be and is probably not meant."""
    is_said = gateway.https_only is not None or gateway.redirect is not None or gateway.listener is not None
    if gateway.class_name and gateway.tls and not is_said:
        message = "plain http serves the application too"
        hint = f"say `tls: {{secret: {gateway.tls}, only: true}}`, or `redirect: true` beside it"
        path: Path = ("spec", "route", "gateway", "create", "tls")
        yield Finding("plain-http", "warning", path, message, hint=hint)


def _parent_findings(value: Any) -> Iterator[Finding]:
    """Parents that stand twice, or of which not both say which listener, which the API server refuses."""
    route, own_namespace = _get(value, "spec", "route"), _get(value, "metadata", "namespace")
    parents = _get(route, "parents")
    # the standard channel's rule knows no ports
    marks = ("sectionName", "port") if _get(value, *CHANNEL) == "experimental" else ("sectionName",)
    seen: list[tuple[Any, list[Any], str]] = []
    for index, parent in enumerate(
        [_bound(_get(route, "gateway")), *(parents if isinstance(parents, list) else ())]
    ):
        path: Path = ("spec", "route", "parents", index - 1)
        key, section = _parent_key(parent, own_namespace), [_get(parent, mark) for mark in marks]
        others = [(other, place) for name, other, place in seen if name == key]
        same = next((place for other, place in others if other == section), None)
        if same is not None and any(section):
            yield _error(path, f"the same parent and listener as `{same}`; leave it out")
        elif others and not all(any(known) for known in (section, *(other for other, _ in others))):
            message = f"the same parent as `{others[0][1]}`, and not both say which listener"
            yield _error(path, f"{message}; give both a `sectionName`, or leave this one out")
        if _get(parent, "kind") == "Service" and _get(parent, "group") != "":
            yield _error((*path, "kind"), 'a Service is of the core group; write `group: ""` beside it')
        seen.append((key, section, f"parents[{index - 1}]" if index else "gateway"))


def _bound(gateway: Any) -> Any:
    """The Gateway with the listener that a redirect binds the route to."""
    redirects = _get(gateway, "create", "redirect") is True
    return {"sectionName": HTTPS, **gateway} if redirects else gateway


def _parent_key(parent: Any, own_namespace: Any) -> tuple[Any, ...]:
    group = _get(parent, "group")
    return (
        GATEWAY_GROUP if group is None else group,
        _get(parent, "kind") or "Gateway",
        _get(parent, "namespace") or own_namespace,
        _get(parent, "name"),
    )


def _new_field_findings(spec: Any) -> Iterator[Finding]:
    """Fields of the governed rule that not every release of the Gateway API has, held against the target."""
    if not isinstance(spec, dict) or not _fits({"spec": {"gatewayAPI": spec.get("gatewayAPI", {})}}):
        return
    target = _target(spec.get("gatewayAPI", {}))
    for key in NEW_RULE_KEYS:
        setting = _get(spec, "route", key)
        if not isinstance(setting, dict) or not _fits(
            {"spec": {"route": {"gateway": {"name": "a"}, key: setting}}}
        ):
            continue
        kind = target.find(GATEWAY_API, "HTTPRoute")
        schema = kind.schema["properties"]["spec"]["properties"]["rules"]["items"] if kind else {}
        fields = {name: field for name, field in schema.get("properties", {}).items() if name == key}
        rule = {"properties": fields, "additionalProperties": False}
        unknown: list[Path] = []
        ready = prepare.prepared({key: setting}, rule, unknown)
        for path in unknown:
            yield _error(("spec", "route", *path), _lacking(target, path))
        if not unknown and not quick.accepts(ready, rule):
            from kubectl_canary.api import explain

            for path, message in explain.field_errors(ready, rule):
                yield _error(("spec", "route", *path), message)


def _lacking(target: Target, path: Path) -> str:
    having = catalog.having(GATEWAY_API, "HTTPRoute", "spec", "rules", *map(str, path))
    have = f"{having} have it; say by `spec.gatewayAPI` which the cluster has" if having else "leave it out"
    return f"Gateway API {target.gateway_api} ({target.channel}) has no `{path[-1]}` here; {have}"


def _copy_findings(spec: Any, specs: Sequence[PhaseSpec]) -> Iterator[Finding]:
    """Phases that mirror some methods only: each match is copied once a method, and a rule takes so many."""
    matches = _get(spec, "route", "matches")
    known = [match for match in matches if isinstance(match, dict)] if isinstance(matches, list) else [{}]
    for index, phase in enumerate(specs):
        methods = phase.methods if phase.mirror else ()
        copies = sum(match.get("method", method) == method for match in known for method in methods)
        most = _most_matches(spec) if copies > 1 else None
        if most is not None and copies > most:
            listed = ", ".join(methods)
            message = (
                f"mirroring {listed} takes {copies} matches, and a rule may have {most}; "
                "mirror `methods: all`, or fewer methods"
            )
            yield _error(("spec", "phases", index), message)


def _most_matches(spec: Any) -> int | None:
    """How many matches a rule may have in the target's release; None where the file names no release that is one."""
    release = _get(spec, "gatewayAPI") or {}
    if not _fits({"spec": {"gatewayAPI": release}}):
        return None
    kind = _target(release).find(GATEWAY_API, "HTTPRoute")
    if kind is None:
        return None
    rule = kind.schema["properties"]["spec"]["properties"]["rules"]["items"]
    most: int = rule["properties"]["matches"]["maxItems"]
    return most


def _wave_findings(spec: Any) -> Iterator[Finding]:
    """A wave of the route's that would hold in every phase, though only one of each phase's is right."""
    path: Path = ("spec", "route", "annotations", engines.WAVE)
    if _get(spec, "gitops", "engine") == Engine.ARGOCD.value and _get(spec, *path[1:]) is not None:
        yield _error(
            path, f"`{engines.WAVE}` is set by `gitops.engine`, otherwise in each phase; leave it out"
        )


def _label_findings(metadata: Any, path: Path) -> Iterator[Finding]:
    for group in ("labels", "annotations"):
        entries = _get(metadata, group)
        for key, text in entries.items() if isinstance(entries, dict) else ():
            here = (*path, group, key)
            if key == OWN_LABEL or key.startswith(OWN_PREFIX) or (group == "labels" and key in SIDE_LABELS):
                yield _error(here, f"`{key}` is set by kubectl canary; leave it out")
            try:
                formats.label_key(key)
                if group == "labels" and isinstance(text, str):
                    formats.label_value(text)
            except ValueError as error:
                yield _error(here, str(error))


# --- building -------------------------------------------------------------------


def _common(value: dict[str, Any], namespace: str | None) -> Common:
    metadata, spec = value["metadata"], value["spec"]
    return Common(
        name=metadata["name"],
        namespace=namespace or metadata.get("namespace"),
        testers=testing.testers_of(spec),
        target=_target(spec.get("gatewayAPI", {})),
        drain=formats.seconds(spec.get("drain", DRAIN)),
        gitops=_gitops(spec.get("gitops", {})),
    )


def _gitops(said: dict[str, str]) -> GitOps:
    engine = Engine(said["engine"]) if "engine" in said else None
    return GitOps(engine, formats.seconds(said.get("interval", INTERVALS[engine])), said.get("branch", ""))


def _adopted(sources: Sources, namespace: str | None, read_sets: SetReader | None) -> CanaryFile:
    if read_sets is None:
        message = "the manifests that a file adopts are not read here"
        finding = replace(_error(("spec", "adopt"), message), where=sources.where(("spec", "adopt")))
        raise Refused(f"{finding.where.file} adopts manifests", [finding])
    from kubectl_canary.reading import adoption

    common = _common(sources.value, namespace)
    made = _with_phases(adoption.application(sources, common, read_sets(sources)), sources.value["spec"])
    findings = [
        *gates.misplaced(made.phases),
        *_method_findings(made),
        *_stream_findings(made, sources.value["spec"]),
    ]
    _refuse([*findings, *_receiver_findings(made, "error")], sources)
    sources.notes += _lost_testers(made, sources)
    sources.notes += _placed(_receiver_findings(made, "warning"), sources)
    return made


def _refuse(findings: Sequence[Finding], sources: Sources) -> None:
    if findings:
        placed = _placed(findings, sources)
        raise Refused(f"{placed[0].where.file} cannot be released", placed)


def _placed(findings: Iterable[Finding], sources: Sources) -> list[Finding]:
    return [replace(finding, where=sources.where(finding.path)) for finding in findings]


def _receiver_findings(file: CanaryFile, severity: str) -> list[Finding]:
    if not file.application.receivers:
        return []
    from kubectl_canary.reading import receivers

    found = receivers.findings(file.application, file.phases)
    return [finding for finding in found if finding.severity == severity]


def _method_findings(file: CanaryFile) -> Iterator[Finding]:
    """Phases that mirror some HTTP methods, where a route knows none."""
    calls = [route.title for route in file.application.routes if route.kind == GRPC_ROUTE]
    for index, phase in enumerate(file.phases):
        if calls and phase.mirror and phase.methods:
            listed = ", ".join(phase.methods)
            message = f"`{phase.name}` mirrors {listed}, and {calls[0]} has calls without HTTP methods"
            share = percent(phase.mirror)
            copies = share if phase.to is None else f"{{share: {share}, to: {phase.to.title}}}"
            hint = f"write {{mirror: {copies}, methods: all}}, or leave the phase out, since calls may change things"
            yield replace(_error(("spec", "phases", index), message), hint=hint)


def _stream_findings(file: CanaryFile, spec: dict[str, Any]) -> Iterator[Finding]:
    """Testers, and phases that need a request, where a route splits connections."""
    if not file.application.streams:
        return
    if spec.get("testers"):
        yield _needing_requests(file, ("spec", "testers"), "testers need", "them")
    for index, phase in enumerate(file.phases):
        if not phase.weight:
            yield _needing_requests(file, ("spec", "phases", index), f"`{phase.name}` needs", "the phase")


def _needing_requests(file: CanaryFile, path: Path, needing: str, it: str) -> Finding:
    stream = file.application.streams[0]
    message = f"{needing} requests, and {stream} splits connections without looking into them"
    others = ", or name the other routes alone by `adopt.routes`" if _sees_requests(file) else ""
    hint = f"leave {it} out, and the release goes by shares alone{others}"
    return replace(_error(path, message), hint=hint)


def _lost_testers(file: CanaryFile, sources: Sources) -> Iterator[Finding]:
    """A header that testers are known by where a file says nothing, and not beside a route without requests."""
    streams, path = file.application.streams, ("spec", "adopt")
    if streams and _sees_requests(file) and "testers" not in sources.value["spec"]:
        message = f"no header leads testers to the canary: {streams[0]} splits connections without looking into them"
        hint = "write `testers: false`, or name the other routes alone by `adopt.routes`"
        yield Finding("adopt", "warning", path, message, sources.where(path), hint)


def _sees_requests(file: CanaryFile) -> bool:
    return any(route.kind in REQUEST_KINDS for route in file.application.routes)


def _with_phases(application: Application, spec: dict[str, Any]) -> CanaryFile:
    items, has_testers = spec.get("phases"), application.testers is not None
    named = phases.parse(items, has_testers)[0] if items else phases.default(has_testers)
    specs = gates.gated(named, spec)
    receivers = dict.fromkeys(phase.to for phase in specs if phase.to is not None)
    application = replace(application, receivers=tuple(receivers))
    return CanaryFile(application, tuple(specs), spec.get("phase"), gates.prometheus(spec.get("prometheus")))


def _build(value: dict[str, Any], namespace: str | None) -> CanaryFile:
    metadata, spec = value["metadata"], value["spec"]
    common, route = _common(value, namespace), _route(spec["route"], metadata["name"])
    application = Application(
        **vars(common),
        labels=metadata.get("labels", {}),
        annotations={
            key: text
            for key, text in metadata.get("annotations", {}).items()
            if not key.startswith(TOOLS_PREFIXES)
        },
        workloads=(_workload(spec, common.name),),
        route=route,
        governed=(Governed(route.name),),
    )
    return _with_phases(application, spec)


def _sides(name: str) -> Sides[str]:
    return Sides(f"{name}-{Side.STABLE.value}", f"{name}-{Side.CANARY.value}")


def _workload(spec: dict[str, Any], name: str) -> Workload:
    repository = spec.get("container", {}).get("image", spec.get("image"))
    stable, canary = spec["stable"], spec.get("canary") or {}
    return Workload(
        names=_sides(name),
        selectors=Sides(*({"app": name, "version": side.value} for side in Side)),
        service=_service(spec.get("service", {}), name),
        old=_configuration(stable, repository, spec),
        new=_configuration(canary, repository, versions.of_canary(spec)) if canary else None,
        replicas=Sides(_number(stable), _number(canary)),
        deployment=spec.get("deployment", {}),
        autoscaling=spec.get("autoscaling"),
        disruption_budget=spec.get("disruptionBudget"),
        is_scaled_by_others=stable.get("replicas") == EXTERNAL,
    )


def _number(side: dict[str, Any]) -> int | None:
    """The replicas that a side is given; None where it is given none, or others decide."""
    return side["replicas"] if side.get("replicas", EXTERNAL) != EXTERNAL else None


def _target(fields: dict[str, str]) -> Target:
    return Target(fields.get("version", newest("gatewayAPI")), fields.get("channel", "standard"))


def _configuration(version: dict[str, Any], repository: str | None, spec: dict[str, Any]) -> Configuration:
    container = {key: value for key, value in spec.get("container", {}).items() if key != "image"}
    metadata = spec.get("podMetadata", {})
    return Configuration(
        image=version.get("image", f"{repository}:{version.get('tag')}"),
        container=container,
        pod=dict(spec.get("pod", {})),
        pod_labels=metadata.get("labels", {}),
        pod_annotations=metadata.get("annotations", {}),
    )


def _service(fields: dict[str, Any], name: str) -> Service:
    return Service(
        names=_sides(name),
        port=fields.get("port", MAIN_PORT),
        target_port=fields.get("targetPort"),
        port_name=fields.get("portName", MAIN_PORT_NAME if "ports" in fields else None),
        app_protocol=fields.get("appProtocol"),
        labels=fields.get("labels", {}),
        annotations=fields.get("annotations", {}),
        more=tuple(fields.get("ports", ())),
    )


def _gateway(fields: dict[str, Any], route: str) -> GatewayRef:
    tls, redirects = _get(fields, "create", "tls"), _get(fields, "create", "redirect") is True
    return GatewayRef(
        name=fields["name"],
        namespace=fields.get("namespace"),
        listener=fields.get("sectionName", HTTPS if redirects else None),
        class_name=_get(fields, "create", "className"),
        tls=tls if isinstance(tls, str) else _get(tls, "secret"),
        https_only=_get(tls, "only"),
        redirect=f"{route}-redirect" if redirects else None,
    )


def _route(fields: dict[str, Any], name: str) -> Route:
    route = fields.get("name", f"{name}-canary-route")
    return Route(
        name=route,
        gateway=_gateway(fields["gateway"], route),
        hostnames=tuple(fields.get("hostnames", ())),
        rule={key: fields[key] for key in RULE_KEYS if key in fields},
        labels=fields.get("labels", {}),
        annotations=fields.get("annotations", {}),
        parents=tuple(fields.get("parents", ())),
    )
