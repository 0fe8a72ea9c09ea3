"""Prometheus queries about the versions of a release, by the metrics that gateways export.

What a query asks of a version is filled in: `{{ service }}` and `{{ deployment }}` are regular expressions (RE2), since
several workloads may be released together.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubectl_canary.expressions import regex
from kubectl_canary.records import dataclass

WINDOW, QUANTILE = "1m", 0.99
NAMES = ("service", "deployment", "namespace", "route", "window")
OF_A_VERSION = ("{{ service }}", "{{ deployment }}")
PLACE = regex(r"\{\{\s*([^{}]*?)\s*\}\}")


@dataclass(frozen=True)
class Metrics:
    """What a gateway exports of a backend: requests, those among them that failed, and seconds in buckets.

    `scale` is how many of its units of time are a second. `source` is where its metrics are described.
    """

    requests: str
    errors: str
    buckets: str
    scale: int
    source: str

    def query(self, metric: str, quantile: float) -> str:
        """The query of `error-rate`, `latency` (in seconds) or `request-rate` (a second)."""
        if metric == "error-rate":
            return f"({_rate(self.errors)} or vector(0)) / {_rate(self.requests)}"
        if metric == "request-rate":
            return _rate(self.requests)
        seconds = f"histogram_quantile({quantile:g}, sum by (le) (rate({self.buckets}[{{{{ window }}}}])))"
        return seconds if self.scale == 1 else f"{seconds} / {self.scale}"

    @property
    def volume(self) -> str:
        """The query of how many requests there were in the window."""
        return f"sum(increase({self.requests}[{{{{ window }}}}]))"


def _rate(selector: str) -> str:
    return f"sum(rate({selector}[{{{{ window }}}}]))"


def _selected(name: str, *labels: str) -> str:
    return f"{name}{{{','.join(labels)}}}"


CILIUM = (
    'reporter="client"',
    'destination_namespace="{{ namespace }}"',
    'destination_workload=~"{{ deployment }}"',
)
CONTOUR = ('envoy_cluster_name=~"{{ namespace }}_({{ service }})_[0-9]+"',)
ISTIO = (
    'reporter="source"',
    'destination_service_namespace="{{ namespace }}"',
    'destination_service_name=~"{{ service }}"',
)
LINKERD = (
    'backend_kind="Service"',
    'backend_namespace="{{ namespace }}"',
    'backend_name=~"{{ service }}"',
)
TRAEFIK = ('service=~"{{ namespace }}-({{ service }})-(http-[0-9]+|[0-9]+-grpc)@kubernetesgateway"',)

GATEWAYS: Mapping[str, Metrics] = {
    "cilium": Metrics(
        _selected("hubble_http_requests_total", *CILIUM),
        _selected("hubble_http_requests_total", *CILIUM, 'status=~"5.."'),
        _selected("hubble_http_request_duration_seconds_bucket", *CILIUM),
        1,
        "https://docs.cilium.io/en/stable/observability/metrics/",
    ),
    "contour": Metrics(
        _selected("envoy_cluster_upstream_rq_xx", *CONTOUR),
        _selected("envoy_cluster_upstream_rq_xx", *CONTOUR, 'envoy_response_code_class="5"'),
        _selected("envoy_cluster_upstream_rq_time_bucket", *CONTOUR),
        1000,
        "https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats",
    ),
    "istio": Metrics(
        _selected("istio_requests_total", *ISTIO),
        _selected("istio_requests_total", *ISTIO, 'response_code=~"5..|0"'),
        _selected("istio_request_duration_milliseconds_bucket", *ISTIO),
        1000,
        "https://istio.io/latest/docs/reference/config/metrics/",
    ),
    "linkerd": Metrics(
        _selected("outbound_http_route_backend_response_statuses_total", *LINKERD),
        _selected("outbound_http_route_backend_response_statuses_total", *LINKERD, 'http_status=~"5..|"'),
        _selected("outbound_http_route_backend_response_duration_seconds_bucket", *LINKERD),
        1,
        "https://linkerd.io/2/reference/proxy-metrics/",
    ),
    "traefik": Metrics(
        _selected("traefik_service_requests_total", *TRAEFIK),
        _selected("traefik_service_requests_total", *TRAEFIK, 'code=~"5.."'),
        _selected("traefik_service_request_duration_seconds_bucket", *TRAEFIK),
        1,
        "https://doc.traefik.io/traefik/reference/install-configuration/observability/metrics/",
    ),
}


def of(gateway: str) -> Metrics:
    """The metrics of a gateway. Raises KeyError for one that is not known."""
    return GATEWAYS[gateway]


def unknown(query: str) -> list[str]:
    """The names in a query that nothing fills in."""
    return [name for name in PLACE.findall(query) if name not in NAMES]


def tells_versions(query: str) -> bool:
    """Whether a query asks something else for stable than for the canary."""
    return any(name in ("service", "deployment") for name in PLACE.findall(query))


def filled(query: str, values: Mapping[str, str]) -> str:
    """A query with its names filled in."""
    return PLACE.sub(lambda place: values[place.group(1)], query)
