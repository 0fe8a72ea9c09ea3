"""What an importer answers with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.importers import durations
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass
from kubectl_canary.release.phases import PhaseSpec


@dataclass(frozen=True)
class Gateway:
    """The Gateway that the routes attach to."""

    name: str
    namespace: str | None = None


@dataclass(frozen=True)
class Wish:
    """What the user says of an import: the Gateway that the routes attach to, and which Ingresses are nginx's."""

    gateway: Gateway | None = None
    ingress_class: str | None = None


LONGEST_NAME = 60  # of a gate
HOLD_BACK = (
    "Where Git or Helm brings these objects, hold that back until the end, as by suspending its sync: it would bring "
    "back what is deleted here, or delete what serves"
)
ONE_AT_A_TIME = (
    "name one alone, and what belongs to it: kubectl get KIND/NAME httproute/NAME service/NAME ... -o yaml"
)
BROUGHT = "Take out of Git or the chart what is gone, bring the new files in, and only then let it sync again"
OF_ALL = {
    "of-others": "What belongs to other applications: it stays as it is. A release's files are applied whole."
}
Governed = dict[tuple[str, str], list[int]]  # numbers of rules by the kind and the name of their route


@dataclass(frozen=True)
class Imported:
    """A release in the making.

    `manifests` are what goes on as it is, `made` what is made beside it, `routes` the HTTPRoutes. `service` is what
    the release is about, and `deployments` those whose pods it selects; `governed` has the numbers of the rules that
    the release shapes by the route, where that is not every rule to the Service. `canary` is the Deployment of
    the new version, where it is known. `testers`, `phases`, `gates` and `prometheus` are values of `spec`. `losses` is
    what cannot be said, `steps` the way from the running tool to the files, in order; `{apply}` in them is what
    applies the routes, `{start}` what starts the release, and what `file_of` answers with the file of an object.
    """

    source: tuple[str, ...]
    manifests: tuple[Manifest, ...]
    routes: tuple[dict[str, Any], ...]
    service: str
    deployments: tuple[str, ...]
    governed: Governed
    canary: Manifest | None
    testers: dict[str, str] | bool
    phases: tuple[dict[str, Any], ...]
    losses: tuple[Finding, ...]
    steps: tuple[str, ...]
    made: tuple[dict[str, Any], ...] = ()
    gates: tuple[dict[str, Any], ...] = ()
    prometheus: dict[str, Any] | None = None


@dataclass(frozen=True)
class Neighbour:
    """A tool whose releases are imported; the page in docs is made from its tables.

    `source` is the kind of object that a release is read from, `resource` what kubectl knows it by. `fields` says what
    becomes of each field, `losses` what does not become anything, by the rule's name without that of the tool.
    `imported` raises Refused with all that cannot be left out.
    """

    name: str
    source: str
    resource: str
    fields: dict[str, str]
    losses: dict[str, str]
    is_here: Callable[[Sequence[Manifest]], bool]
    imported: Callable[[Sequence[Manifest], Wish], Imported]

    @property
    def leads_alone(self) -> bool:
        """Whether it is a controller: two of them would lead one application against each other."""
        return self.source != "Ingress"


def file_of(known: Mapping[str, Any]) -> str:
    """What stands for the file of an object in a step."""
    return f"{{file {known['kind']}/{known['metadata']['name']}}}"


def phase_of(spec: PhaseSpec) -> dict[str, Any]:
    """A phase as a canary file has it."""
    return {"name": spec.name, "pause": durations.written(spec.pause)}


def with_names(gates: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Gates under names of their own: a canary file has one of each, and short ones."""
    taken: set[str] = set()
    for gate in gates:
        base = str(gate.get("name", "")).strip()[: LONGEST_NAME - len(" 99")]
        names = (base, *(f"{base} {number}" for number in range(2, len(gates) + 2)))
        name = next(known for known in names if known not in taken)
        taken.add(name)
        yield {**gate, "name": name} if base else gate
        taken.discard("")


def loss(rule: str, manifest: Manifest, path: Path, message: str, hint: str = "") -> Finding:
    """Something that cannot be said in the files, at its place."""
    return Finding(rule, "warning", path, f"{manifest.title}: {message}", manifest.where(path), hint)


def refusal(rule: str, manifest: Manifest, path: Path, message: str, hint: str = "") -> Finding:
    """Something without which nothing can be imported, at its place."""
    return Finding(rule, "error", path, f"{manifest.title}: {message}", manifest.where(path), hint)


def refuse(findings: Sequence[Finding]) -> None:
    """Raises Refused with the errors among findings, where there are any."""
    if any(finding.severity == "error" for finding in findings):
        raise refused(findings)


def refused(findings: Sequence[Finding]) -> Refused:
    """That nothing can be imported, with the errors among findings."""
    return Refused("cannot be imported", [finding for finding in findings if finding.severity == "error"])
