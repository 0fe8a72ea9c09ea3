"""`kubectl canary import`."""

from __future__ import annotations

from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import flags_of, written_file
from kubectl_canary.commands.parameters import argument, option
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class ImportFlags:
    """The flags of `import`: what is read, the Gateway that it comes to, and where it is written."""

    source: str
    gateway: str | None
    gateway_namespace: str | None
    ingress_class: str | None
    into: str
    file: str
    force: bool
    output: str


@verb(
    "import",
    "Write the canary file and the manifests of a release that another tool leads now: ingress-nginx by an Ingress\n"
    "with its canary's annotations, Flagger by a Canary, Argo Rollouts or OpenKruise by a Rollout. What cannot be\n"
    "said in files is listed, field by field, and so are the steps from one to the other without a lost request.\n"
    "No cluster is changed.",
    """
  # From manifests: a file, a folder, or a folder with a kustomization
  kubectl canary import k8s/ --gateway production-gw --into gateway/

  # From what runs in a cluster: nginx's Ingresses
  kubectl get ingress,httproute,service,deployment,hpa -n shop -o yaml | kubectl canary import - --gateway production-gw

  # Flagger's Canary; Rollouts are rollouts.argoproj.io,analysistemplate or rollouts.rollouts.kruise.io
  kubectl get canary,metrictemplate,httproute,service,deployment,hpa -n shop -o yaml | kubectl canary import -
""",
)
@argument("source", required=True, metavar="FILE|DIR|-", takes_files=True)
@flags_of(
    ImportFlags,
    option(
        "--gateway",
        help="The name of the Gateway that the routes attach to, where no route that is there names it.",
    ),
    option("--gateway-namespace", help="The Gateway's namespace, where it is another."),
    option(
        "--ingress-class",
        metavar="NAME",
        help="nginx's class, and that of Ingresses without one (default: that of the canary's Ingress).",
    ),
    option(
        "--into",
        default="gateway/",
        show_default=True,
        metavar="DIR",
        takes_files=True,
        help="Where the manifests are written.",
    ),
    *written_file("Where the canary file is written."),
    option(
        "-o",
        "--output",
        choices=("text", "json"),
        default="text",
        help="The report: text (default) or json.",
    ),
)
def command(flags: ImportFlags) -> int:
    """Write the release, and report what is left out."""
    from kubectl_canary.commands.run import importing

    return importing.run(flags)
