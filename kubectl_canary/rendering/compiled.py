"""What the templates of the package print, without Jinja2; made from them by `python scripts/compile_templates.py`.

`TEXTS` are the templates that it was made from: it counts for those that are still the same.
"""
# ruff: noqa: E501  a template is one line here, however long
# fmt: off

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubectl_canary.reading import yamltext

TEXTS = {
    'deployment.yaml.j2': 'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n{% include "metadata.yaml.j2" %}\nspec:\n{% if replicas %}\n  replicas: {{ replicas | yaml }}\n{% endif %}\n  selector:\n    matchLabels: {{ selector | yaml }}\n{% if deployment %}\n  {{ deployment | yaml }}\n{% endif %}\n  template:\n    metadata:\n      labels: {{ pod_labels | yaml }}\n{% if pod_annotations %}\n      annotations: {{ pod_annotations | yaml }}\n{% endif %}\n    spec:\n      containers: {{ containers | yaml }}\n{% if pod %}\n      {{ pod | yaml }}\n{% endif %}\n',
    'gateway.yaml.j2': 'apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata:\n{% include "metadata.yaml.j2" %}\nspec:\n  gatewayClassName: {{ class_name | yaml }}\n  listeners: {{ listeners | yaml }}\n',
    'horizontalpodautoscaler.yaml.j2': 'apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata:\n{% include "metadata.yaml.j2" %}\nspec:\n  {{ spec | yaml }}\n',
    'httproute.yaml.j2': 'apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata:\n{% include "metadata.yaml.j2" %}\nspec:\n  parentRefs: {{ parents | yaml }}\n{% if hostnames %}\n  hostnames: {{ hostnames | yaml }}\n{% endif %}\n  rules: {{ rules | yaml }}\n',
    'metadata.yaml.j2': '  name: {{ name | yaml }}\n{% if namespace %}\n  namespace: {{ namespace | yaml }}\n{% endif %}\n  labels: {{ labels | yaml }}\n{% if annotations %}\n  annotations: {{ annotations | yaml }}\n{% endif %}\n',
    'poddisruptionbudget.yaml.j2': 'apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n{% include "metadata.yaml.j2" %}\nspec:\n  {{ spec | yaml }}\n',
    'service.yaml.j2': 'apiVersion: v1\nkind: Service\nmetadata:\n{% include "metadata.yaml.j2" %}\nspec:\n  selector: {{ selector | yaml }}\n  ports: {{ ports | yaml }}\n',
}


def deployment(names: Mapping[str, Any]) -> Iterator[str]:
    yield 'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n'
    yield from metadata(names)
    yield 'spec:\n'
    if names['replicas']:
        yield '  replicas:'
        yield yamltext.after_key(names['replicas'], 4)
        yield '\n'
    yield '  selector:\n    matchLabels:'
    yield yamltext.after_key(names['selector'], 6)
    yield '\n'
    if names['deployment']:
        yield '  '
        yield yamltext.block(names['deployment'], 2)
        yield '\n'
    yield '  template:\n    metadata:\n      labels:'
    yield yamltext.after_key(names['pod_labels'], 8)
    yield '\n'
    if names['pod_annotations']:
        yield '      annotations:'
        yield yamltext.after_key(names['pod_annotations'], 8)
        yield '\n'
    yield '    spec:\n      containers:'
    yield yamltext.after_key(names['containers'], 8)
    yield '\n'
    if names['pod']:
        yield '      '
        yield yamltext.block(names['pod'], 6)
        yield '\n'


def gateway(names: Mapping[str, Any]) -> Iterator[str]:
    yield 'apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata:\n'
    yield from metadata(names)
    yield 'spec:\n  gatewayClassName:'
    yield yamltext.after_key(names['class_name'], 4)
    yield '\n  listeners:'
    yield yamltext.after_key(names['listeners'], 4)
    yield '\n'


def horizontalpodautoscaler(names: Mapping[str, Any]) -> Iterator[str]:
    yield 'apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata:\n'
    yield from metadata(names)
    yield 'spec:\n  '
    yield yamltext.block(names['spec'], 2)
    yield '\n'


def httproute(names: Mapping[str, Any]) -> Iterator[str]:
    yield 'apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata:\n'
    yield from metadata(names)
    yield 'spec:\n  parentRefs:'
    yield yamltext.after_key(names['parents'], 4)
    yield '\n'
    if names['hostnames']:
        yield '  hostnames:'
        yield yamltext.after_key(names['hostnames'], 4)
        yield '\n'
    yield '  rules:'
    yield yamltext.after_key(names['rules'], 4)
    yield '\n'


def metadata(names: Mapping[str, Any]) -> Iterator[str]:
    yield '  name:'
    yield yamltext.after_key(names['name'], 4)
    yield '\n'
    if names['namespace']:
        yield '  namespace:'
        yield yamltext.after_key(names['namespace'], 4)
        yield '\n'
    yield '  labels:'
    yield yamltext.after_key(names['labels'], 4)
    yield '\n'
    if names['annotations']:
        yield '  annotations:'
        yield yamltext.after_key(names['annotations'], 4)
        yield '\n'


def poddisruptionbudget(names: Mapping[str, Any]) -> Iterator[str]:
    yield 'apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n'
    yield from metadata(names)
    yield 'spec:\n  '
    yield yamltext.block(names['spec'], 2)
    yield '\n'


def service(names: Mapping[str, Any]) -> Iterator[str]:
    yield 'apiVersion: v1\nkind: Service\nmetadata:\n'
    yield from metadata(names)
    yield 'spec:\n  selector:'
    yield yamltext.after_key(names['selector'], 4)
    yield '\n  ports:'
    yield yamltext.after_key(names['ports'], 4)
    yield '\n'


PRINTS = {
    'deployment.yaml.j2': deployment,
    'gateway.yaml.j2': gateway,
    'horizontalpodautoscaler.yaml.j2': horizontalpodautoscaler,
    'httproute.yaml.j2': httproute,
    'metadata.yaml.j2': metadata,
    'poddisruptionbudget.yaml.j2': poddisruptionbudget,
    'service.yaml.j2': service,
}
