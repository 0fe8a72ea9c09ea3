"""What a release moves: Deployments with a version on each side, their Services, the governed rules, who tests it.

It is made from the canary file, and every name of an object is decided there once. What is here knows no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, Generic, NamedTuple, TypeVar

from kubectl_canary.api import formats
from kubectl_canary.api.catalog import Target
from kubectl_canary.records import dataclass, field
from kubectl_canary.release.testers import Testers
from kubectl_canary.routing.backends import BackendRef

Value = TypeVar("Value")

OWN_LABEL, OWNER = "app.kubernetes.io/managed-by", "kubectl-canary"
OWN_PREFIX = "kubectl-canary/"
GATEWAY_GROUP = "gateway.networking.k8s.io"
GATEWAY_API = f"{GATEWAY_GROUP}/v1"
HTTP_ROUTE, GRPC_ROUTE = REQUEST_KINDS = ("HTTPRoute", "GRPCRoute")
STREAM_KINDS = ("TLSRoute", "TCPRoute")  # they split connections, and see no request in them
ROUTE_KINDS = (*REQUEST_KINDS, *STREAM_KINDS)  # those whose rules a release may govern
Api = tuple[str, str]  # a kind and its group, as a backendRef names them
SERVICE_API: Api = ("Service", "")
IMPORT_API: Api = ("ServiceImport", "multicluster.x-k8s.io")  # a Service of several clusters, under its name
POOL_API: Api = ("InferencePool", "inference.networking.k8s.io")
HTTP, HTTPS = "http", "https"  # the listeners of a Gateway that we render


class Version(Enum):
    """Which of the release's two versions something runs."""

    OLD = "old"
    NEW = "new"


class Side(Enum):
    """Which of the two sets of pods something belongs to; its value is that of the label `version`."""

    STABLE = "stable"
    CANARY = "canary"


@dataclass(frozen=True)
class Sides(Generic[Value]):
    """The same thing of stable and of the canary, such as a name."""

    stable: Value
    canary: Value

    def of(self, side: Side) -> Value:
        """The one of a side."""
        return self.stable if side is Side.STABLE else self.canary

    def both(self) -> tuple[Value, Value]:
        """Stable's, then the canary's."""
        return self.stable, self.canary


@dataclass(frozen=True)
class Configuration:
    """What a version runs: its image with tag or digest, and how its pods are configured.

    `container` is the application's, `pod` is the rest of the pod's spec.
    """

    image: str
    container: dict[str, Any] = field(default_factory=dict)
    pod: dict[str, Any] = field(default_factory=dict)
    pod_labels: dict[str, str] = field(default_factory=dict)
    pod_annotations: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        """Everything of the version but its image."""
        labels, annotations = self.pod_labels, self.pod_annotations
        return {
            "container": self.container,
            "pod": self.pod,
            "podMetadata": {"labels": labels, "annotations": annotations},
        }

    @property
    def whole_pod(self) -> dict[str, Any]:
        """The pod's spec with the application's container among the others."""
        return {**self.pod, "containers": [self.container, *(self.pod.get("containers") or ())]}

    @property
    def port(self) -> int | None:
        """The port that the application listens on."""
        ports: Sequence[dict[str, Any]] = self.container.get("ports") or [{}]
        return self.container.get("port") or ports[0].get("containerPort")

    @property
    def container_name(self) -> str:
        """The name of the application's container."""
        return str(self.container.get("name", "app"))

    @property
    def called(self) -> str:
        """What people call this version: the tag, else the digest."""
        _, tag, digest = formats.split_image(self.image)
        return tag or digest


@dataclass(frozen=True)
class Service:
    """Both Services: their main port, which routes send to; `more` are further ones, as in a ServiceSpec.

    Without a target port it is the one that the version's container listens on. `apis` are the kinds under whose name
    routes send to it, that of its own document first. InferencePools in the place of Services are both the user's. The
    port is 0 where routes name none.
    """

    names: Sides[str]
    port: int
    target_port: int | str | None
    port_name: str | None = None
    app_protocol: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    more: tuple[dict[str, Any], ...] = ()
    apis: tuple[Api, ...] = (SERVICE_API,)

    @property
    def is_pool(self) -> bool:
        """Whether it is two InferencePools, whose ports no route names."""
        return self.apis == (POOL_API,)

    def is_named(self, api: Api, name: str, side: Side) -> bool:
        """Whether a kind and a name mean the Service of a side."""
        return api in self.apis and name == self.names.of(side)

    def is_sent(self, ref: BackendRef, side: Side) -> bool:
        """Whether a backendRef sends to a side. Source: HTTPBackendRef, port is required for a Service alone."""
        is_served = ref.kind != SERVICE_API[0] or ref.port in self.ports
        return is_served and self.is_named((ref.kind, ref.group), ref.name, side)

    @property
    def ports(self) -> tuple[int, ...]:
        """The numbers of all ports, the main one first."""
        return (self.port, *(port["port"] for port in self.more))


@dataclass(frozen=True)
class Workload:
    """The Deployments of both sides: their names, selectors and Services, what the versions run, who scales them.

    Without `new` no release is under way. `replicas` are those that the user gave. `deployment` holds what both
    Deployments have beside pods and replicas, such as `strategy`. `autoscaling` and `disruption_budget` are parts of
    their specs; `is_scaled_by_others` says that stable's replicas are nobody's here. `track` are the labels, with the
    canary's values, by which its pods differ from stable's where both are the user's.
    """

    names: Sides[str]
    selectors: Sides[dict[str, str]]
    service: Service
    old: Configuration
    new: Configuration | None
    replicas: Sides[int | None]
    deployment: dict[str, Any] = field(default_factory=dict)
    autoscaling: dict[str, Any] | None = None
    disruption_budget: dict[str, Any] | None = None
    is_scaled_by_others: bool = False
    track: dict[str, str] = field(default_factory=dict)

    def runs(self, version: Version) -> Configuration:
        """What a version runs; between releases there is only one."""
        return self.new if version is Version.NEW and self.new is not None else self.old

    @property
    def prints_replicas(self) -> bool:
        """Whether stable's replicas are ours to say."""
        return self.autoscaling is None and not self.is_scaled_by_others

    @property
    def stable_pods(self) -> int:
        """How many pods of stable the shares are planned for.

        Where others scale it, that is what the canary's own pods can take over.
        """
        minimum = (self.autoscaling or {}).get("minReplicas")
        canary = self.replicas.canary if self.is_scaled_by_others else None
        return self.replicas.stable or canary or minimum or 1


@dataclass(frozen=True)
class GatewayRef:
    """The Gateway that the route attaches to, by `listener` or by all; with `class_name` it is rendered too.

    `tls` is the Secret of the https listener. `https_only` is None where nobody says whether http serves the
    application as well. `redirect` is the name of the route that leads from http to https, None where none does.
    """

    name: str
    namespace: str | None = None
    listener: str | None = None
    class_name: str | None = None
    tls: str | None = None
    https_only: bool | None = None
    redirect: str | None = None

    @property
    def listeners(self) -> tuple[str, ...]:
        """The names of the listeners that a rendered Gateway has."""
        if not self.tls:
            return (HTTP,)
        return (HTTPS,) if self.https_only and self.redirect is None else (HTTP, HTTPS)


@dataclass(frozen=True)
class Route:
    """The HTTPRoute; `rule` holds what the user says of the governed rule, `parents` parentRefs beside the Gateway."""

    name: str
    gateway: GatewayRef
    hostnames: tuple[str, ...] = ()
    rule: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    parents: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Governed:
    """A rule whose requests the release splits, by its route and its name, or its number among the user's rules.

    Without either it is the only rule of that route which sends to a Service of the release. Without a namespace the
    route is in the release's.
    """

    route: str
    rule: str | int | None = None
    kind: str = HTTP_ROUTE
    namespace: str | None = None


class Engine(Enum):
    """What brings the commits of a release into the cluster."""

    ARGOCD = "argocd"
    FLUX = "flux"


@dataclass(frozen=True)
class GitOps:
    """What brings the commits of which branch into the cluster, as far as it is said; in at most how many seconds."""

    engine: Engine | None = None
    interval: int = 0
    branch: str = ""


class Located(NamedTuple):
    """What tells an object from all others of a cluster, in whichever version of its API."""

    kind: str
    namespace: str | None
    name: str

    @property
    def title(self) -> str:
        """`HTTPRoute shop`."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Given:
    """A document of the user's: its value, and its text where it stands in a file by itself.

    `laid_over` is the text that it had before something was laid over it.
    """

    value: dict[str, Any]
    text: str = ""
    laid_over: str = ""

    @property
    def source(self) -> str:
        """The text to write it into."""
        return self.text or self.laid_over


@dataclass(frozen=True)
class Adopted:
    """The user's own manifests: what runs before the release, and what should run after it.

    `per_track` names the ConfigMaps of which the canary has a copy. What is added to the `separated` routes has routes
    of its own.
    """

    stable: tuple[Given, ...]
    new: tuple[Given, ...]
    per_track: tuple[str, ...] = ()
    separated: frozenset[Located] = frozenset()


@dataclass(frozen=True)
class Receiver:
    """A Service of the release's namespace that gets copies in the canary's place.

    Without a port it is the one that the rule sends to.
    """

    name: str
    port: int | None = None

    @property
    def title(self) -> str:
        """`recorder`, `recorder:8080`."""
        return self.name if self.port is None else f"{self.name}:{self.port}"


@dataclass(frozen=True)
class Application:
    """What a release moves.

    `labels` and `annotations` are those of all its objects; `drain` is how many seconds requests get to end between
    a falling share and the pods that go; `target` names the releases that the cluster has; `receivers` get copies in
    some phase. `goes_back` says that the canary is left: every rule of its routes that reaches it is the release's.
    """

    name: str
    namespace: str | None
    labels: dict[str, str]
    annotations: dict[str, str]
    workloads: tuple[Workload, ...]
    route: Route
    governed: tuple[Governed, ...]
    testers: Testers | None
    target: Target
    drain: int
    adopted: Adopted | None = None
    receivers: tuple[Receiver, ...] = ()
    goes_back: bool = False
    gitops: GitOps = GitOps()

    @property
    def says_stable(self) -> str:
        """Where the user says what runs."""
        return "spec.stable" if self.adopted is None else "the manifests that spec.adopt names"

    @property
    def has_release(self) -> bool:
        """Whether there is a new version to release."""
        return any(workload.new is not None for workload in self.workloads)

    @property
    def services(self) -> tuple[Service, ...]:
        """The Services of all workloads."""
        return tuple(workload.service for workload in self.workloads)

    @property
    def routes(self) -> tuple[Located, ...]:
        """The routes that the release shapes, all of them in the same way."""
        return tuple(dict.fromkeys(map(self.route_of, self.governed)))

    def namespace_of(self, value: dict[str, Any]) -> str | None:
        """The namespace of an object: its own, or the release's where it says none."""
        namespace: str | None = value["metadata"].get("namespace") or self.namespace
        return namespace

    def route_of(self, governed: Governed) -> Located:
        """The route of a governed rule."""
        return Located(governed.kind, governed.namespace or self.namespace, governed.route)

    @property
    def separated(self) -> frozenset[Located]:
        """The routes beside which what the release adds has a route of its own."""
        return self.adopted.separated if self.adopted is not None else frozenset()

    @property
    def streams(self) -> tuple[str, ...]:
        """Of the routes those that split connections and see no request: `TCPRoute mail`."""
        return tuple(route.title for route in self.routes if route.kind in STREAM_KINDS)

    @property
    def prints_replicas(self) -> bool:
        """Whether the replicas of all Deployments are ours to say."""
        return all(workload.prints_replicas for workload in self.workloads)

    def images(self, version: Version) -> list[str]:
        """The images that a version runs, one a workload."""
        return [workload.runs(version).image for workload in self.workloads]

    def called(self, version: Version) -> str:
        """What people call a version: `v1.1.0`, or the names of each workload's where they differ."""
        return ", ".join(dict.fromkeys(workload.runs(version).called for workload in self.workloads))

    @property
    def title(self) -> str:
        """`my-app in production`."""
        return f"{self.name} in {self.namespace}" if self.namespace else self.name

    @property
    def names_rules(self) -> bool:
        """Whether rules of routes, of whichever kind, have names in the Gateway API that the cluster has."""
        return self.target.has(GATEWAY_API, HTTP_ROUTE, "spec", "rules", "name")

    @property
    def phase_annotation(self) -> str:
        """The annotation of a route that says in which phase of the release it is."""
        return f"{OWN_PREFIX}phase.{self.name}"

    @property
    def rules_annotation(self) -> str:
        """The annotation of a route that lists the rules which the release has added to it."""
        return f"{OWN_PREFIX}rules.{self.name}"
