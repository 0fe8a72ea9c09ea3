"""`kubectl canary init`."""

from __future__ import annotations

from kubectl_canary.commands import candidates
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import cluster_flags as with_cluster_flags
from kubectl_canary.commands.flags import flags_of, written_file
from kubectl_canary.commands.parameters import option
from kubectl_canary.errors import UsageError
from kubectl_canary.records import dataclass
from kubectl_canary.release.testers import Carrier

PODS, PORT = {"least": 1, "most": 2_147_483_647}, {"least": 1, "most": 65_535}
CLUSTER = "cluster"  # what --from calls the cluster; a folder of that name is ./cluster
# what only an application without manifests has to say, what goes with manifests, and with those of a cluster
GREENFIELD = (
    "image",
    "tag",
    "replicas",
    "port",
    "service_port",
    "hosts",
    "gateway",
    "gateway_namespace",
    "gateway_class",
    "tls",
)
OF_MANIFESTS = ("deployments", "services", "routes", "canary_images")
OF_CLUSTER = ("into", "context", "kubeconfig", "as_user")


@dataclass(frozen=True)
class InitFlags:
    """The flags of `init`: what the file says, and where it is written."""

    image: str | None
    tag: str | None
    canary_tag: str | None
    name: str | None
    namespace: str | None
    replicas: int
    port: int
    service_port: int
    hosts: tuple[str, ...]
    gateway: str | None
    gateway_namespace: str | None
    gateway_class: str | None
    tls: str | None
    header: str | None
    query: str | None
    cookie: str | None
    file: str
    force: bool

    @property
    def sent(self) -> list[tuple[Carrier, str]]:
        """What testers send, by the flags that say it."""
        names: dict[Carrier, str | None] = {"header": self.header, "query": self.query, "cookie": self.cookie}
        return [(carrier, name) for carrier, name in names.items() if name is not None]


@dataclass(frozen=True)
class ManifestFlags:
    """The flags of `init --from`: where the manifests are, and what of them is released."""

    source: str | None
    deployments: tuple[str, ...]
    services: tuple[str, ...]
    routes: tuple[str, ...]
    canary_images: tuple[str, ...]
    into: str


@verb(
    "init",
    "Write a commented canary.yaml that renders as it is.",
    """
  # An application behind an existing Gateway
  kubectl canary init --image registry.example.com/my-app --tag v1.0.0 --port 8080 \\
      --host app.example.com --gateway production-gw -n production

  # With the Gateway, and the next version at once
  kubectl canary init --image registry.example.com/my-app --tag v1.0.0 --canary-tag v1.1.0 --port 8080 \\
      --host app.example.com --gateway production-gw --gateway-class istio --tls my-app-tls

  # Manifests that you have: a file, a folder, or a folder with a kustomization
  kubectl canary init --from k8s/ --canary-tag v1.1.0

  # What Helm renders
  helm template my-app ./chart | kubectl canary init --from - --canary-tag v1.1.0

  # What runs in a cluster, written into k8s/
  kubectl canary init --from cluster --deployment my-app -n production
""",
    asks_what_was_typed=True,
)
@flags_of(
    InitFlags,
    option("--image", help="The image, with or without tag."),
    option("--tag", help="The tag that runs now; not needed where --image has one."),
    option("--canary-tag", help="The tag to release."),
    option(
        "--name",
        help="The application's name (default: the last part of the image, or the Deployment's name).",
    ),
    option(
        "-n",
        "--namespace",
        candidates=candidates.namespaces,
        help="The namespace.",
    ),
    option("--replicas", default=3, show_default=True, help="The pods of the stable version.", **PODS),
    option(
        "--port", default=8080, show_default=True, help="The port that the application listens on.", **PORT
    ),
    option("--service-port", default=80, show_default=True, help="The port of the Services.", **PORT),
    option("--host", "hosts", multiple=True, help="A hostname. May be given several times."),
    option("--gateway", help="The Gateway's name."),
    option("--gateway-namespace", help="The Gateway's namespace, where it is another."),
    option("--gateway-class", help="Render the Gateway too, of this class."),
    option("--tls", help="The Secret with the certificate of the rendered Gateway's https listener."),
    option("--header", metavar="NAME", help="The testers' header (default: x-canary)."),
    option("--query", metavar="NAME", help="The testers' query parameter, instead of a header."),
    option("--cookie", metavar="NAME", help="The testers' cookie, instead of a header."),
    *written_file("Where to write; - prints."),
)
@flags_of(
    ManifestFlags,
    option(
        "--from",
        "source",
        metavar="DIR|FILE|-|cluster",
        takes_files=True,
        help="Release manifests that are there: a folder, a file, standard input, or what runs in the cluster.",
    ),
    option(
        "--deployment",
        "deployments",
        multiple=True,
        metavar="NAME",
        help="The Deployment to release, where there are several. Several that are given are released together.",
    ),
    option(
        "--service",
        "services",
        multiple=True,
        metavar="NAME",
        help="The Service, where several select the pods; of several Deployments, that of the one it selects.",
    ),
    option(
        "--route",
        "routes",
        multiple=True,
        metavar="NAME",
        help="The route to go through, instead of every one to the Service. May be given several times.",
    ),
    option(
        "--canary-image",
        "canary_images",
        multiple=True,
        metavar="[[DEPLOYMENT/]CONTAINER=]IMAGE",
        help="The image to release. May be given several times, for several containers.",
    ),
    option(
        "--into",
        default="k8s/",
        show_default=True,
        metavar="DIR",
        takes_files=True,
        help="Where --from cluster writes the manifests.",
    ),
    as_="manifests",
)
@with_cluster_flags
def command(
    flags: InitFlags, manifests: ManifestFlags, cluster_flags: ClusterFlags, typed: frozenset[str]
) -> int:
    """Write the file."""
    _refuse_two(flags)
    if manifests.source is None:
        from kubectl_canary.commands.run import init

        _refuse(typed, (*OF_MANIFESTS, *OF_CLUSTER), "goes with --from", "name the manifests: --from k8s/")
        return init.run(flags)
    from kubectl_canary.commands.run import init_from

    _refuse(typed, GREENFIELD, "does not go with --from", "leave it out: the manifests say this")
    if manifests.source != CLUSTER:
        _refuse(
            typed, OF_CLUSTER, "goes with --from cluster", "leave it out, or read the cluster: --from cluster"
        )
    return init_from.run(flags, manifests, cluster_flags)


def _refuse_two(flags: InitFlags) -> None:
    """Raises UsageError where testers send two things."""
    if len(flags.sent) > 1:
        both = " and ".join(f"--{carrier}" for carrier, _ in flags.sent)
        raise UsageError(both, "keep one: testers are known by one thing that they send")


def _refuse(typed: frozenset[str], names: tuple[str, ...], problem: str, cure: str) -> None:
    """Raises UsageError where one of these flags was typed."""
    for known in command.parameters:
        if known.field in names and known.field in typed:
            raise UsageError(f"{known.names[-1]} {problem}", cure)
