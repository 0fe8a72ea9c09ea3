"""Requests as they are typed behind flags, and what of a phase they meet."""

from __future__ import annotations

from kubectl_canary.errors import UsageError
from kubectl_canary.outside.output import say
from kubectl_canary.reading.release import Release
from kubectl_canary.release.application import HTTP, HTTPS, REQUEST_KINDS, Application, Route
from kubectl_canary.release.plan import Phase
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.objects import planned
from kubectl_canary.routing.requests import Header, Request, header_of, request_of

# what requests meet: ours, and what else is in adopted manifests
KINDS = ("Gateway", *REQUEST_KINDS)
ANYWHERE = "localhost"  # the host of a path alone, where the route takes every host


def documents(release: Release, generator: Generator, phase: Phase) -> list[dict[str, object]]:
    """The routes of a phase and the Gateways, as far as the release's files have them."""
    met = [item for item in planned(release.plan.application, phase) if item.part.kind in KINDS]
    return [document.value for document in generator.render(met)]


def request(url: str, method: str, headers: list[Header], application: Application) -> Request:
    """The request that is typed; what is assumed of it is said. Raises UsageError for what is none."""
    try:
        asked = request_of(url, method, headers, _base(application.route))
    except ValueError as error:
        hint = "write it as http://app.example.com/path, or /path for the route's first hostname"
        raise UsageError(f"`{url}` is not a URL: {error}", hint) from None
    if "://" not in url:
        say(f"`{url}` is taken as {asked.url}")
    return asked


def _base(route: Route) -> str:
    """What a path alone is a path of: https where the Gateway that we render serves the route by it alone."""
    hostnames = route.hostnames or (ANYWHERE,)
    gateway = route.gateway
    serving = [gateway.listener] if gateway.listener else list(gateway.listeners)
    scheme = HTTPS if gateway.class_name and HTTP not in serving else HTTP
    return f"{scheme}://{hostnames[0].replace('*', 'any')}"


def header(text: str) -> Header:
    """A header that is typed. Raises UsageError for what is none."""
    try:
        return header_of(text)
    except ValueError as error:
        hint = "write it as -H 'name: value', for example -H 'x-canary: true'"
        raise UsageError(f"`{text}` is not a header: {error}", hint) from None
