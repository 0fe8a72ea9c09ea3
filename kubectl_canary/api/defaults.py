"""What the API server fills in: of built-in kinds, and how a document is without it.

The published schemas of built-in kinds name no defaults. These are those of the server's code that the objects of a
release meet, written as a schema, so that one walk knows both; defaults that depend on another field are left out.
"""

from __future__ import annotations

from typing import Any

from kubectl_canary.api.catalog import Schema, Target
from kubectl_canary.api.equality import same
from kubectl_canary.api.prepare import with_defaults


def _object(**fields: Any) -> Schema:
    """A schema with fields: a schema each, or the default itself."""
    return {
        "properties": {
            name: field if isinstance(field, dict) and FIELD & field.keys() else {"default": field}
            for name, field in fields.items()
        }
    }


def _list(items: Schema) -> Schema:
    return {"items": items}


FIELD = {"properties", "items", "default"}
MODE = 0o644  # of the files of a volume
PROBE = _object(
    timeoutSeconds=1,
    periodSeconds=10,
    successThreshold=1,
    failureThreshold=3,
    httpGet=_object(scheme="HTTP"),
    grpc=_object(service=""),
)
FIELD_OF_POD = _object(fieldRef=_object(apiVersion="v1"))
CONTAINER = _object(
    terminationMessagePath="/dev/termination-log",
    terminationMessagePolicy="File",
    resources={},
    ports=_list(_object(protocol="TCP")),
    env=_list(_object(valueFrom=FIELD_OF_POD)),
    livenessProbe=PROBE,
    readinessProbe=PROBE,
    startupProbe=PROBE,
)
ITEMS = _object(items=_list(FIELD_OF_POD))
VOLUME = _object(
    configMap=_object(defaultMode=MODE),
    secret=_object(defaultMode=MODE),
    downwardAPI={"properties": {"defaultMode": {"default": MODE}, **ITEMS["properties"]}},
    projected=_object(
        defaultMode=MODE,
        sources=_list(_object(serviceAccountToken=_object(expirationSeconds=3600), downwardAPI=ITEMS)),
    ),
    hostPath=_object(type=""),
)
POD = _object(
    restartPolicy="Always",
    dnsPolicy="ClusterFirst",
    schedulerName="default-scheduler",
    terminationGracePeriodSeconds=30,
    securityContext={},
    containers=_list(CONTAINER),
    initContainers=_list(CONTAINER),
    volumes=_list(VOLUME),
)
OPEN_PORTS = _object(ports=_list(_object(protocol="TCP")))
ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
BUILT_IN: dict[tuple[str, str], Schema] = {
    ("apps/v1", "Deployment"): _object(
        spec=_object(
            progressDeadlineSeconds=600,
            revisionHistoryLimit=10,
            strategy={"default": ROLLING},
            template=_object(spec=POD),
        )
    ),
    ("v1", "Service"): _object(
        spec=_object(
            type="ClusterIP",
            sessionAffinity="None",
            internalTrafficPolicy="Cluster",
            ipFamilyPolicy="SingleStack",
            ports=_list(_object(protocol="TCP")),
        )
    ),
    ("autoscaling/v2", "HorizontalPodAutoscaler"): _object(spec=_object(minReplicas=1)),
    ("networking.k8s.io/v1", "NetworkPolicy"): _object(
        spec=_object(ingress=_list(OPEN_PORTS), egress=_list(OPEN_PORTS))
    ),
}


def defaulted(value: dict[str, Any], target: Target) -> dict[str, Any]:
    """The document with what the server fills in, as far as that is known here and depends on no other field."""
    whole: dict[str, Any] = with_defaults(value, _schema(value, target))
    return whole


def _schema(value: dict[str, Any], target: Target) -> Schema:
    api = (str(value.get("apiVersion")), str(value.get("kind")))
    known = target.find(*api)
    return BUILT_IN.get(api) or (known.schema if known is not None and known.custom else {})


def undefaulted(value: dict[str, Any], target: Target) -> dict[str, Any]:
    """The document without what the server would fill in again; as it is where that would make another."""
    schema = _schema(value, target)
    short: dict[str, Any] = _without(value, schema)
    is_same = same(with_defaults(short, schema), with_defaults(value, schema))
    return short if is_same else value


def _without(value: Any, schema: Schema) -> Any:
    if isinstance(value, list):
        return [_without(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    properties: dict[str, Schema] = schema.get("properties", {})
    return {
        key: _without(child, properties.get(key, {}))
        for key, child in value.items()
        if not _is_default(child, properties.get(key, {}))
    }


def _is_default(value: Any, schema: Schema) -> bool:
    return "default" in schema and same(
        with_defaults(schema["default"], schema), with_defaults(value, schema)
    )
