"""Services that get copies in the canary's place: what of them cannot be, each said at the phases that name them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubectl_canary.findings import Finding, Path
from kubectl_canary.records import dataclass
from kubectl_canary.release import adoption, grants, overlay, routes
from kubectl_canary.release.application import SERVICE_API, Adopted, Application, Given, Receiver
from kubectl_canary.release.overlay import ReleaseOnRoute
from kubectl_canary.release.phases import PhaseSpec


@dataclass(frozen=True)
class Said:
    """What is to be said of a receiver, whichever phase names it."""

    message: str
    hint: str = ""
    is_error: bool = True


def findings(application: Application, specs: Sequence[PhaseSpec]) -> Iterator[Finding]:
    """Errors, and warnings of Services that are not in the adopted manifests."""
    for index, phase in enumerate(specs):
        path: Path = ("spec", "phases", index)
        for said in _said(application, phase.to) if phase.to is not None else ():
            message = f"`{phase.name}` {said.message}"
            if said.is_error:
                yield Finding("phases", "error", path, message, hint=said.hint)
            else:
                yield Finding("unknown-service", "warning", path, message, hint=said.hint)


def _said(application: Application, receiver: Receiver) -> Iterator[Said]:
    own = list(_own(application, receiver))
    if own:
        yield from own
        return
    yield from _taken(application, receiver)
    if application.adopted is not None:
        yield from _of_service(application, application.adopted, receiver)
        yield from _without_grant(application, application.adopted, receiver)


def _own(application: Application, receiver: Receiver) -> Iterator[Said]:
    """Services of the release's own, and a port that nobody knows."""
    for service in application.services:
        if receiver.name == service.names.canary:
            yield Said(f"mirrors to {receiver.name}, which is the canary", "leave `to` out: `mirror 20%`")
        if receiver.name == service.names.stable:
            message = f"mirrors to {receiver.name}, which answers these requests already"
            yield Said(message, "name another Service")
        if service.is_pool and receiver.port is None:
            message = (
                f"mirrors to {receiver.name}, and InferencePool {service.names.stable} has no port to go by"
            )
            yield Said(message, f"write the port: `to: {receiver.name}:8080`")


def _taken(application: Application, receiver: Receiver) -> Iterator[Said]:
    """Rules of the user's that mirror to the same Service."""
    for title in dict.fromkeys(_mirroring(application, receiver)):
        message = f"mirrors to {receiver.name}, as {title} does already: nobody could tell the two apart"
        yield Said(message, "name another Service, or take that mirror out for the release")


def _mirroring(application: Application, receiver: Receiver) -> Iterator[str]:
    """The governed rules that do, and those that send to the same Services."""
    adopted, rule = application.adopted, application.route.rule
    if adopted is None:
        rendered = {"metadata": {"name": application.route.name}, "spec": {"rules": [rule]}}
        if _mirrors_to(ReleaseOnRoute(application, rendered), rule, receiver):
            yield "`spec.route.filters`"
        return
    for release in _releases(application, (*adopted.stable, *adopted.new)):
        for number, rule in enumerate(routes.users_rules(release.document)):
            is_ours = any(map(release.side_of, routes.backends(rule)))
            if is_ours and _mirrors_to(release, rule, receiver):
                yield f"rule {number} of {release.title}"


def _mirrors_to(release: ReleaseOnRoute, rule: routes.Rule, receiver: Receiver) -> bool:
    targets = (release.receiver_of(routes.mirrored_to(filter_)) for filter_ in rule.get("filters") or [])
    return any(target is not None and target.name == receiver.name for target in targets)


def _releases(application: Application, given: Sequence[Given]) -> Iterator[ReleaseOnRoute]:
    """The routes among some documents that the release shapes."""
    for document in given:
        if overlay.located(document.value, application) in application.routes:
            yield ReleaseOnRoute(application, document.value)


def _of_service(application: Application, adopted: Adopted, receiver: Receiver) -> Iterator[Said]:
    """Whether the manifests have the Service, and it the port. Stable's are there while the release lasts."""
    there = {**adoption.by_key(application, adopted.new), **adoption.by_key(application, adopted.stable)}
    service = there.get((*adoption.SERVICE, application.namespace, receiver.name))
    if service is None:
        message = f"mirrors to Service {receiver.name}, which the manifests do not have"
        yield Said(message, "copies reach it only if it is in the cluster already", is_error=False)
        return
    ports = [port.get("port") for port in (service.value.get("spec") or {}).get("ports") or ()]
    for port in sorted(_ports(application, adopted, receiver) - {*ports}):
        message = f"mirrors to port {port} of Service {receiver.name}, whose ports are {ports}"
        yield Said(
            message, f"write the port that is meant: `to: {receiver.name}:{ports[0] if ports else 8080}`"
        )


def _ports(application: Application, adopted: Adopted, receiver: Receiver) -> set[int]:
    """The ports that copies of the governed rules' requests are sent to."""
    refs = (
        overlay.copied_to(release, rule, receiver)
        for release in _releases(application, adopted.stable)
        for rule in release.governed()
    )
    return {ref["port"] for ref in refs}


def _without_grant(application: Application, adopted: Adopted, receiver: Receiver) -> Iterator[Said]:
    """Routes in other namespaces that nobody lets send to the Service."""
    granting = [
        known.value
        for key, known in adoption.by_key(application, (*adopted.stable, *adopted.new)).items()
        if grants.is_grant(known.value) and key[2] == application.namespace
    ]
    for route in application.routes:
        is_let = any(grants.lets_in(grant, route, SERVICE_API, receiver.name) for grant in granting)
        if route.namespace != application.namespace and not is_let:
            message = f"mirrors from {route.title} in {route.namespace} to Service {receiver.name} in"
            hint = "put that grant beside it in the manifests"
            yield Said(f"{message} {application.namespace}, and no ReferenceGrant lets it", hint)
