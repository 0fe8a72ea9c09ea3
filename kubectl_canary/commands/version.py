"""`kubectl canary version`."""

from __future__ import annotations

from platform import python_version

from kubectl_canary import __version__
from kubectl_canary.api import catalog
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.parameters import option
from kubectl_canary.outside.output import write


@verb(
    "version",
    "Print the version, and the releases of Gateway API and Kubernetes that documents are checked against.",
    """
  # The version, for people
  kubectl canary version

  # The version, for programs
  kubectl canary version -o json
""",
)
@option("-o", "--output", choices=("json",), help="json.")
def command(output: str | None) -> int:
    """Print the version."""
    target = catalog.Target()
    facts = {
        "version": f"v{__version__}",
        "gatewayAPI": f"{target.gateway_api} ({target.channel})",
        "kubernetes": target.kubernetes,
        "python": python_version(),
    }
    if output == "json":
        from kubectl_canary.reports.programs import as_json

        write(as_json(facts))
        return 0
    names = {
        "version": "kubectl-canary",
        "gatewayAPI": "Gateway API",
        "kubernetes": "Kubernetes",
        "python": "Python",
    }
    write("".join(f"{names[key]} {value}\n" for key, value in facts.items()))
    return 0
