"""`kubectl canary verify`."""

from __future__ import annotations

from kubectl_canary.commands import candidates
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import (
    ReleaseFlags,
    cluster_flags,
    flags_of,
    goal_flag,
    headers_flag,
    method_flag,
    release_flags,
)
from kubectl_canary.commands.parameters import argument, option
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class VerifyFlags:
    """The request, and the flags of `verify` itself."""

    url: str | None
    method: str | None
    headers: tuple[str, ...]
    mark: str | None
    stable: str | None
    canary: str | None
    phase: str | None
    requests: int | None
    rate: int
    resolve: tuple[str, ...]
    http: str | None
    grpc: bool
    ca_file: str | None
    insecure: bool
    output: str


@verb(
    "verify",
    "Send requests, and say whether stable and canary answer them as a phase says.\n\n"
    "Half of the requests come over new connections, half over some that are kept. Who has answered is read from what\n"
    "--by names. Exit code 0 says that the split is the phase's, 1 that it is not, 6 that these requests do not tell.\n"
    "It is failed where chance would do the same once in a thousand times, and passed where it is that sure that the\n"
    "share is right by 5 points, or by half the smaller share where that is less. Which share is right is simulated,\n"
    "for this request. Where the phase has testers, some of their requests are sent too. No redirect is followed, and\n"
    "no proxy used.",
    """
  # As spec.verify of the canary file says
  kubectl canary verify

  # The application says its version in a header of its answers
  kubectl canary verify http://app.example.com/ --by header:x-version

  # The same through a gateway whose name has no address yet
  kubectl canary verify http://app.example.com/ --by header:x-version --resolve app.example.com:80:203.0.113.7

  # The application says its version in JSON, and not as the image's tag
  kubectl canary verify https://app.example.com/info --by json:build.version --stable 1.0.0 --canary 1.1.0

  # By gRPC
  kubectl canary verify http://app.example.com/shop.Cart/Get --grpc --by header:x-version

  # In a pipeline, for the phase that was just applied
  kubectl canary verify --phase 25% --by header:x-version --requests 5000 --rate 500 -o json
""",
    runs_long=True,
)
@release_flags
@flags_of(
    VerifyFlags,
    argument("url", metavar="[URL]", candidates=candidates.addresses),
    method_flag("default GET, with --grpc POST"),
    headers_flag("A header of each request."),
    option(
        "--by",
        "mark",
        metavar="MARK",
        help="What in an answer tells the version: header:NAME, json:FIELD.FIELD, pattern:EXPRESSION or status.",
    ),
    option("--stable", metavar="VALUE", help="What stands there for stable's version (default its tag)."),
    option("--canary", metavar="VALUE", help="What stands there for the canary's (default its tag)."),
    goal_flag("--phase", "phase", help="The phase that is meant (default: where the cluster is)."),
    option(
        "--requests",
        least=1,
        most=10_000_000,
        metavar="NUMBER",
        help="How many to send (default: as many as tell a split that is right, at most 20000).",
    ),
    option(
        "--rate",
        least=0,
        default=100,
        metavar="NUMBER",
        help="How many a second at most (default 100); 0 for as many as can be.",
    ),
    option(
        "--resolve",
        multiple=True,
        metavar="HOST:PORT:ADDRESS[:PORT]",
        help="Where a host is instead, as for curl; several with commas. May be given several times.",
    ),
    option("--http", choices=("1.1", "2"), help="HTTP/1.1 (default) or HTTP/2."),
    option("--grpc", is_flag=True, help="Call the URL's method by gRPC, with an empty message."),
    option("--ca-file", metavar="FILE", help="Certificates to trust, as PEM."),
    option("--insecure", is_flag=True, help="Take every certificate."),
    option("-o", "--output", choices=("text", "json"), default="text", help="text (default) or json."),
)
@cluster_flags
def command(release_flags: ReleaseFlags, flags: VerifyFlags, cluster_flags: ClusterFlags) -> int:
    """Verify a split."""
    from kubectl_canary.commands.run import verify

    return verify.run(release_flags, flags, cluster_flags)
