"""Reading a canary file: what is wrong is said all at once, with its place, in these words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import SEED, Result

from kubectl_canary.api import catalog
from kubectl_canary.commands import inputs

VALID = """\
apiVersion: kubectl-canary/v1alpha1
kind: Canary
metadata: {name: my-app, namespace: production}
spec:
  image: registry.example.com/my-app
  stable: {tag: v1.0.0, replicas: 3}
  canary: {tag: v1.1.0}
  container: {port: 8080}
  route: {gateway: {name: gw}}
  phase: deploy
"""
Canary = Callable[..., Result]
Write = Callable[[str], Path]


def phases(text: str) -> tuple[str, str]:
    return "  phase: deploy", f"  phases: {text}\n  phase: deploy"


# what is changed in VALID, and every complaint about it
WRONG: dict[str, tuple[list[tuple[str, str]], list[str]]] = {
    "wrong kind and version": (
        [("kind: Canary", "kind: Canry"), ("v1alpha1", "v2")],
        [
            "canary.yaml:1:13: apiVersion: found `kubectl-canary/v2` (a string), expected `kubectl-canary/v1alpha1`",
            "canary.yaml:2:7: kind: found `Canry` (a string), expected `Canary`",
        ],
    ),
    "unknown keys": (
        [("{tag: v1.1.0}", "{tagg: v1.1.0}"), ("{port: 8080}", "{port: 8080, readinesProbe: {}}")],
        [
            "canary.yaml:7:3: spec.canary.tag: missing: which version is it?",
            "canary.yaml:7:12: spec.canary.tagg: unknown key; did you mean `tag`?",
            "canary.yaml:8:27: spec.container.readinesProbe: unknown key; did you mean `readinessProbe`?",
        ],
    ),
    "a duplicate key": (
        [("  canary: {tag: v1.1.0}", "  canary: {tag: v1.1.0}\n  canary: {tag: v1.2.0}")],
        ["canary.yaml:8:3: spec.canary: `canary` stands here again; it was already given in line 7"],
    ),
    "shares that do not rise": (
        [phases("[25%, 5%]")],
        ["canary.yaml:10:17: spec.phases[1]: 5% after 25%: shares must rise; write them in order"],
    ),
    "shares out of range": (
        [phases("[0%, 150%, 1.234%]")],
        [
            "canary.yaml:10:12: spec.phases[0]: `0%` is out of range; a share is more than 0% and at most 100%",
            "canary.yaml:10:16: spec.phases[1]: `150%` is out of range; a share is more than 0% and at most 100%",
            "canary.yaml:10:22: spec.phases[2]: `1.234%` is not a percentage such as `5%` or `0.25%`, "
            "with up to two decimals",
        ],
    ),
    "the same phase twice": (
        [phases("[header-only, header-only, 5%, 5.0 %]")],
        [
            "canary.yaml:10:25: spec.phases[1]: `header-only` stands here again; each phase may come once",
            "canary.yaml:10:42: spec.phases[3]: `5%` stands here again; each phase may come once",
        ],
    ),
    "phases out of place": (
        [phases("[header-only, mirror 5%, 5%, deploy, heder-only, foo, 7]")],
        [
            "canary.yaml:10:25: spec.phases[1]: `mirror 5%` after `header-only`: mirrors come first, "
            "since stable answers everything in them",
            "canary.yaml:10:40: spec.phases[3]: `deploy` is always there; leave it out",
            "canary.yaml:10:48: spec.phases[4]: unknown phase `heder-only`; did you mean `header-only`?",
            "canary.yaml:10:60: spec.phases[5]: unknown phase `foo`; write `mirror 20%`, `header-only` or `5%`",
            "canary.yaml:10:65: spec.phases[6]: `7` is an integer in YAML, and a share is expected; write `7%`",
        ],
    ),
    "shares that stand again under other names": (
        [
            phases(
                "[{name: a, mirror: 20%}, {name: b, mirror: 20%}, {name: c, weight: 5%}, {name: d, weight: 5%}]"
            )
        ],
        [
            "canary.yaml:10:36: spec.phases[1]: mirror 20% after mirror 20%: shares must rise; write them in order",
            "canary.yaml:10:83: spec.phases[3]: 5% after 5%: shares must rise; write them in order",
        ],
    ),
    "a share under the name of a fixed phase": (
        [phases("[{name: deploy, weight: 5%}, {name: promoted, mirror: 20%}]")],
        [
            "canary.yaml:10:12: spec.phases[0]: `deploy` is always there; leave it out",
            "canary.yaml:10:40: spec.phases[1]: `promoted` is always there; leave it out",
        ],
    ),
    "two ways to say one version": (
        [("{tag: v1.1.0}", "{tag: v1.1.0, image: registry.example.com/my-app:v1.1.0}")],
        ["canary.yaml:7:32: spec.canary.image: `tag` and `image` both; `image` is the whole reference"],
    ),
    "containers with the application's name": (
        [
            (
                "{port: 8080}",
                "{port: 8080}\n  pod: {containers: [{name: app, image: a}], initContainers: [{name: app, image: b}]}",
            )
        ],
        [
            "canary.yaml:9:29: spec.pod.containers[0].name: `app` is the application's container already; "
            "give this one another name",
            "canary.yaml:9:70: spec.pod.initContainers[0].name: `app` is the application's container already; "
            "give this one another name",
        ],
    ),
    "a long form that contradicts itself": (
        [
            phases(
                "[{name: 5%, weight: 6%}, {weight: 7%, mirror: 1%}, {pause: 5m}, {weight: 8%, pause: 5 min}]"
            )
        ],
        [
            "canary.yaml:10:12: spec.phases[0]: the phase is called `5%` and does `6%`",
            "canary.yaml:10:36: spec.phases[1]: `weight` and `mirror` in one phase; "
            "in a mirror phase stable answers everything",
            "canary.yaml:10:62: spec.phases[2]: neither `name`, `weight` nor `mirror`: what should this phase do?",
            "canary.yaml:10:95: spec.phases[3].pause: `5 min` is not a time such as `90s`, `10m` or `1h30m`",
        ],
    ),
    "a name too long once -canary is added": (
        [("my-app,", f"{'a' * 57},")],
        [
            f"canary.yaml:3:18: metadata.name: 57 characters; `{'a' * 57}-canary` may have at most 63, "
            "so the name at most 56"
        ],
    ),
    "names that are no DNS names": (
        [("my-app,", "My_app,"), ("production", "prod.uction"), ("{name: gw}", "{name: gw.}")],
        [
            "canary.yaml:3:18: metadata.name: `My_app` is not a DNS label: `M` is not allowed; write it in lower case",
            "canary.yaml:3:37: metadata.namespace: `prod.uction` is not a DNS label: `.` is not allowed",
            "canary.yaml:9:27: spec.route.gateway.name: `gw.` is not a DNS name: "
            "each part must start and end with a letter or digit",
        ],
    ),
    "a name that starts with a digit": (
        [("my-app,", "1-app,")],
        [
            "canary.yaml:3:18: metadata.name: `1-app` starts with a digit; a Service's name starts with a letter"
        ],
    ),
    "hostnames that no request has": (
        [("{gateway:", "{hostnames: [app_example.com, 10.0.0.1, 'a:80'], gateway:")],
        [
            "canary.yaml:9:23: spec.route.hostnames[0]: `app_example.com` is not a DNS name: `_` is not allowed",
            "canary.yaml:9:40: spec.route.hostnames[1]: `10.0.0.1` is an IP address or has a port; "
            "a hostname is a DNS name alone",
            "canary.yaml:9:50: spec.route.hostnames[2]: `a:80` is an IP address or has a port; "
            "a hostname is a DNS name alone",
        ],
    ),
    "a port out of range": (
        [("8080", "70000"), ("  route:", "  service: {port: 0}\n  route:")],
        [
            "canary.yaml:8:21: spec.container.port: `70000` is out of range; allowed is 1 to 65535",
            "canary.yaml:9:19: spec.service.port: `0` is out of range; allowed is 1 to 65535",
        ],
    ),
    "no port": (
        [("{port: 8080}", "{name: web}")],
        ["canary.yaml:8:3: spec.container.port: missing: the port that the application listens on"],
    ),
    "a tag with spaces": (
        [("{tag: v1.1.0}", "{tag: v1 1}")],
        ["canary.yaml:7:17: spec.canary.tag: `v1 1` is not an image tag: ' ' is not allowed"],
    ),
    "tags that YAML reads as something else": (
        [("tag: v1.0.0", "tag: on"), ("{tag: v1.1.0}", "{tag: 1234e56}")],
        [
            'canary.yaml:6:17: spec.stable.tag: `on` is true in YAML, and a string is expected; write "on"',
            "canary.yaml:7:17: spec.canary.tag: `1234e56` is a number in YAML, and a string is expected; "
            'write "1234e56"',
        ],
    ),
    "images": (
        [
            ("my-app\n", "my-app:v1\n"),
            ("{tag: v1.1.0}", "{image: My-app}"),
            ("{port: 8080}", "{port: 1, image: a}"),
        ],
        [
            "canary.yaml:5:10: spec.image: `registry.example.com/my-app:v1` has a tag or digest; "
            "leave it out here, it belongs to `stable` and `canary`",
            "canary.yaml:7:19: spec.canary.image: `My-app` is not an image name: `M` is not allowed; "
            "write it in lower case",
            "canary.yaml:8:31: spec.container.image: given here and in `spec.image`; leave one of them out",
        ],
    ),
    "what a container cannot have": (
        [("{port: 8080}", "{port: 8080, env: [{nam: A}], ports: [{containerPort: x}]}")],
        [
            "canary.yaml:8:33: spec.container.env[0].name: missing",
            "canary.yaml:8:34: spec.container.env[0].nam: unknown key; did you mean `name`?",
            "canary.yaml:8:68: spec.container.ports[0].containerPort: found `x` (a string), expected an integer",
        ],
    ),
    "a sidecar with the application's name": (
        [("  route:", "  pod: {containers: [{name: app}]}\n  route:")],
        [
            "canary.yaml:9:29: spec.pod.containers[0].name: `app` is the application's container already; "
            "give this one another name"
        ],
    ),
    "a match on the testers' header": (
        [("{gateway:", "{matches: [{headers: [{name: X-Canary, value: a}]}], gateway:")],
        [
            "canary.yaml:9:39: spec.route.matches[0].headers[0].name: the testers' header `x-canary` "
            "is matched already; let the testers use another"
        ],
    ),
    "labels": (
        [("production}", "production, labels: {app: x, 'a b': c, d: 'e f'}}")],
        [
            "canary.yaml:3:63: metadata.labels.app: `app` is set by kubectl canary; leave it out",
            "canary.yaml:3:73: metadata.labels.a b: `a b` is not a key's name: "
            "1 to 63 letters, digits, `-`, `_` and `.`",
            "canary.yaml:3:79: metadata.labels.d: `e f` is not a label's value: "
            "at most 63 letters, digits, `-`, `_` and `.`",
        ],
    ),
    "labels and annotations of the route and the Services": (
        [
            (
                "{gateway:",
                "{labels: {version: x, a: 'b c'}, annotations: {kubectl-canary/phase: 5%, d: 1}, gateway:",
            ),
            ("  phase:", "  service: {labels: {app: x}, annotations: {'é': e}}\n  phase:"),
        ],
        [
            "canary.yaml:9:29: spec.route.labels.version: `version` is set by kubectl canary; leave it out",
            "canary.yaml:9:35: spec.route.labels.a: `b c` is not a label's value: "
            "at most 63 letters, digits, `-`, `_` and `.`",
            "canary.yaml:9:79: spec.route.annotations.kubectl-canary/phase: `kubectl-canary/phase` is set by "
            "kubectl canary; leave it out",
            'canary.yaml:9:86: spec.route.annotations.d: `1` is an integer in YAML, and a string is expected; write "1"',
            "canary.yaml:10:27: spec.service.labels.app: `app` is set by kubectl canary; leave it out",
            "canary.yaml:10:50: spec.service.annotations.é: `é` is not a key's name: "
            "1 to 63 letters, digits, `-`, `_` and `.`",
        ],
    ),
    "further ports of the Services": (
        [
            (
                "  phase:",
                "  service:\n    ports:\n      - {port: 9090}\n      - {name: http, port: 80}\n"
                "      - {name: m, port: 81, protocol: UPD}\n      - {name: M, port: 0, targetPort: 70000}\n"
                "      - {name: q, port: 80, protocol: UDP}\n      - {name: q, port: 80, protocol: UDP}\n  phase:",
            ),
        ],
        [
            "canary.yaml:12:9: spec.service.ports[0].name: missing",
            "canary.yaml:13:16: spec.service.ports[1].name: `http` is the name of the main port "
            "already; give this one another, or the main port by `portName`",
            "canary.yaml:13:28: spec.service.ports[1].port: `80/TCP` is the port of the main port "
            "already; give this one another",
            "canary.yaml:14:39: spec.service.ports[2].protocol: found `UPD` (a string), expected `TCP` "
            "or `UDP` or `SCTP`; did you mean `UDP`?",
            "canary.yaml:15:16: spec.service.ports[3].name: `M` is not a DNS label: `M` is not allowed;"
            " write it in lower case",
            "canary.yaml:15:25: spec.service.ports[3].port: `0` is out of range; allowed is 1 to 65535",
            "canary.yaml:15:40: spec.service.ports[3].targetPort: 70000 is not a port; allowed are 1 to"
            " 65535",
            "canary.yaml:17:16: spec.service.ports[5].name: `q` is the name of ports[4] already; give "
            "this one another",
            "canary.yaml:17:25: spec.service.ports[5].port: `80/UDP` is the port of ports[4] already; "
            "give this one another",
        ],
    ),
    "parents": (
        [
            (
                "{gateway: {name: gw}}",
                "\n    gateway: {name: gw}\n    parents:\n      - {name: gw, namespace: production}\n"
                "      - {name: gw, sectionName: https}\n      - {name: b, port: 80}\n      - {name: b, port: 80}\n"
                "      - {name: c, sectionName: x}\n      - {name: c, sectionName: x}\n      - {name: my-app, kind: Service}\n      - {nam: c, port: 0}\n",
            ),
        ],
        [
            "canary.yaml:12:9: spec.route.parents[0]: the same parent as `gateway`, and not both say "
            "which listener; give both a `sectionName`, or leave this one out",
            "canary.yaml:13:9: spec.route.parents[1]: the same parent as `gateway`, and not both say "
            "which listener; give both a `sectionName`, or leave this one out",
            "canary.yaml:15:9: spec.route.parents[3]: the same parent as `parents[2]`, and not both say"
            " which listener; give both a `sectionName`, or leave this one out",
            "canary.yaml:17:9: spec.route.parents[5]: the same parent and listener as `parents[4]`; "
            "leave it out",
            "canary.yaml:18:30: spec.route.parents[6].kind: a Service is of the core group; write "
            '`group: ""` beside it',
            "canary.yaml:19:9: spec.route.parents[7].name: missing",
            "canary.yaml:19:10: spec.route.parents[7].nam: unknown key; did you mean `name`?",
            "canary.yaml:19:24: spec.route.parents[7].port: `0` is out of range; allowed is 1 to 65535",
        ],
    ),
    "a listener that the rendered Gateway has not": (
        [("{name: gw}", "{name: gw, sectionName: https, create: {className: istio}}")],
        [
            "canary.yaml:9:44: spec.route.gateway.sectionName: the Gateway that `create` renders has no"
            " listener `https`; it has `http`"
        ],
    ),
    "a listener of two that is called otherwise": (
        [("{name: gw}", "{name: gw, sectionName: web, create: {className: istio, tls: a}}")],
        [
            "canary.yaml:9:44: spec.route.gateway.sectionName: the Gateway that `create` renders has no"
            " listener `web`; it has `http` and `https`"
        ],
    ),
    "a listener beside https alone": (
        [
            (
                "{name: gw}",
                "{name: gw, sectionName: http, create: {className: istio, tls: {secret: a, only: true}}}",
            )
        ],
        [
            "canary.yaml:9:44: spec.route.gateway.sectionName: the Gateway that `create` renders has no"
            " listener `http`; it has `https`"
        ],
    ),
    "the listener that redirects": (
        [("{name: gw}", "{name: gw, sectionName: http, create: {className: istio, tls: a, redirect: true}}")],
        [
            "canary.yaml:9:44: spec.route.gateway.sectionName: `http` redirects to https; leave "
            "`sectionName` out, and the route attaches to `https`"
        ],
    ),
    "the listener that a redirect binds the route to, again": (
        [
            (
                "{name: gw}",
                "{name: gw, create: {className: istio, tls: a, redirect: true}}, parents: [{name: gw, sectionName: https}]",
            )
        ],
        ["canary.yaml:9:94: spec.route.parents[0]: the same parent and listener as `gateway`; leave it out"],
    ),
    "a redirect to https without a certificate": (
        [("{name: gw}", "{name: gw, create: {className: istio, redirect: true}}")],
        [
            "canary.yaml:9:68: spec.route.gateway.create.redirect: redirects to https, and there is no "
            "https listener; name its certificate by `tls`"
        ],
    ),
    "certificates": (
        [
            (
                "{name: gw}",
                "{name: gw, create: {className: istio, tls: {name: A, only: 1}, redirect: on, port: 80}}",
            )
        ],
        [
            "canary.yaml:9:58: spec.route.gateway.create.tls.secret: missing",
            "canary.yaml:9:64: spec.route.gateway.create.tls.name: unknown key; known are `secret`, `only`",
            "canary.yaml:9:79: spec.route.gateway.create.tls.only: found `1` (an integer), expected "
            "true or false",
            "canary.yaml:9:97: spec.route.gateway.create.port: unknown key; known are `className`, "
            "`tls`, `redirect`",
        ],
    ),
    "a certificate's name": (
        [("{name: gw}", "{name: gw, create: {className: istio, tls: A}}")],
        [
            "canary.yaml:9:63: spec.route.gateway.create.tls: `A` is not a DNS name: `A` is not "
            "allowed; write it in lower case"
        ],
    ),
    "session persistence in the standard channel": (
        [("{gateway:", "{sessionPersistence: {cookie: {name: a}}, gateway:")],
        [
            "canary.yaml:9:31: spec.route.sessionPersistence: Gateway API v1.7 (standard) has no "
            "`sessionPersistence` here; v1.1 to v1.7 (experimental) have it; say by `spec.gatewayAPI` "
            "which the cluster has"
        ],
    ),
    "session persistence as it was called before": (
        [
            ("{gateway:", "{sessionPersistence: {sessionName: a, cookieConfig: {}}, gateway:"),
            ("  phase:", "  gatewayAPI: {channel: experimental}\n  phase:"),
        ],
        [
            "canary.yaml:9:45: spec.route.sessionPersistence.sessionName: Gateway API v1.7 "
            "(experimental) has no `sessionName` here; v1.1 to v1.6 (experimental) have it; say by "
            "`spec.gatewayAPI` which the cluster has",
            "canary.yaml:9:62: spec.route.sessionPersistence.cookieConfig: Gateway API v1.7 "
            "(experimental) has no `cookieConfig` here; v1.1 to v1.6 (experimental) have it; say by "
            "`spec.gatewayAPI` which the cluster has",
        ],
    ),
    "session persistence without what it needs": (
        [
            ("{gateway:", "{sessionPersistence: {cookie: {lifetimeType: Permanent}}, gateway:"),
            ("  phase:", "  gatewayAPI: {channel: experimental}\n  phase:"),
        ],
        [
            "canary.yaml:9:31: spec.route.sessionPersistence: Invalid value: AbsoluteTimeout must be "
            "specified when cookie lifetimeType is Permanent"
        ],
    ),
    "retries that the release has not": (
        [
            ("{gateway:", "{retry: {attempts: 2}, gateway:"),
            ("  phase:", "  gatewayAPI: {version: v1.6}\n  phase:"),
        ],
        [
            "canary.yaml:9:18: spec.route.retry: Gateway API v1.6 (standard) has no `retry` here; v1.7 "
            "(standard) and v1.2 to v1.7 (experimental) have it; say by `spec.gatewayAPI` which the "
            "cluster has"
        ],
    ),
    "retries": (
        [("{gateway:", "{retry: {attempts: x, codes: [200], backof: 1s}, gateway:")],
        [
            "canary.yaml:9:29: spec.route.retry.attempts: found `x` (a string), expected an integer",
            "canary.yaml:9:40: spec.route.retry.codes[0]: `200` is out of range; allowed is 400 to 599",
            "canary.yaml:9:46: spec.route.retry.backof: unknown key; did you mean `backoff`?",
        ],
    ),
    "retries of one code twice": (
        [("{gateway:", "{retry: {codes: [503, 503]}, gateway:")],
        ["canary.yaml:9:32: spec.route.retry.codes[1]: Duplicate value: 503"],
    ),
    "numbers without their unit": (
        [
            phases(
                "[{name: a, weight: 5, pause: 10}, 20, {weight: 30%, pause: 0}, {weight: 0, pause: 1.5}, 500, true]"
            )
        ],
        [
            "canary.yaml:10:30: spec.phases[0].weight: `5` is an integer in YAML, and a share is "
            "expected; write `5%`",
            "canary.yaml:10:40: spec.phases[0].pause: `10` is an integer in YAML, and a time is "
            "expected; write `10s` or `10m`",
            "canary.yaml:10:45: spec.phases[1]: `20` is an integer in YAML, and a share is expected; "
            "write `20%`",
            "canary.yaml:10:70: spec.phases[2].pause: `0` is an integer in YAML, and a time is "
            "expected; write `0s` or `0m`",
            "canary.yaml:10:83: spec.phases[3].weight: `0` is an integer in YAML, and a share is "
            "expected; write `5%`",
            "canary.yaml:10:93: spec.phases[3].pause: `1.5` is a number in YAML, and a time is "
            "expected; write `90s` or `10m`",
            "canary.yaml:10:99: spec.phases[4]: `500` is an integer in YAML, and a share is expected; "
            "write `5%`",
            "canary.yaml:10:104: spec.phases[5]: `true` is true in YAML, and a share is expected; write `5%`",
        ],
    ),
    "a gate that nothing passes": (
        [phases("[{name: 5%, gates: [{query: up, min: 2, max: 1.5}, {query: q, min: 1, max: 1}]}]")],
        [
            "canary.yaml:10:48: spec.phases[0].gates[0].min: at least 2 and at most 1.5: no value is "
            "both; exchange the two"
        ],
    ),
    "a port that is 0": (
        [("port: 8080", "port: 0")],
        ["canary.yaml:8:21: spec.container.port: `0` is out of range; allowed is 1 to 65535"],
    ),
    "testers": (
        [("  phase: deploy", "  testers: true\n  phase: deploy")],
        ["canary.yaml:10:12: spec.testers: found `true`, expected `false` or a mapping"],
    ),
    "header-only without testers": (
        [("  phase: deploy", "  testers: false\n  phases: [header-only, 5%]\n  phase: deploy")],
        ["canary.yaml:11:12: spec.phases[0]: `header-only` needs `spec.testers`, and it is `false`"],
    ),
    "an unknown declared phase": (
        [("phase: deploy", "phase: 6%")],
        [
            "canary.yaml:10:10: spec.phase: unknown phase `6%`; did you mean `5%`? phases are: before, deploy, "
            "header-only, 5%, 25%, 50%, 100%, promote-roll, promote-return, promoted; "
            "ways back: rollback, rollback-promotion (with --from), rolled-back. "
            "A release that is at `6%` needs it in spec.phases until it is over"
        ],
    ),
    "a declared phase without a version to release": (
        [("  canary: {tag: v1.1.0}\n", "")],
        [
            "canary.yaml:9:10: spec.phase: without spec.canary there is only the phase `before`, not `deploy`; "
            "add spec.canary.tag or --canary-tag, the version to release"
        ],
    ),
    "how pods are changed": (
        [
            (
                "  route:",
                "  deployment: {strategy: {type: OnDelete}, minReadySeconds: -1, maxSurge: 1}\n  route:",
            )
        ],
        [
            "canary.yaml:9:65: spec.deployment.maxSurge: unknown key; known are `minReadySeconds`, "
            "`progressDeadlineSeconds`, `revisionHistoryLimit`, `strategy`",
        ],
    ),
    "how pods cannot be changed": (
        [("  route:", "  deployment: {strategy: {type: OnDelete}, minReadySeconds: -1}\n  route:")],
        [
            'canary.yaml:9:33: spec.deployment.strategy.type: Unsupported value: "OnDelete": supported values: '
            '"Recreate", "RollingUpdate"',
            "canary.yaml:9:61: spec.deployment.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
        ],
    ),
    "not YAML": ([("  image:", "   image:")], ["canary.yaml:6:3: did not find expected key"]),
    "a tab": ([("  image:", "\timage:")], ["canary.yaml:5:1: found character that cannot start any token"]),
    "a list": ([(VALID, "- a\n")], ["canary.yaml:1:1: expected a mapping"]),
    "two documents": (
        [(VALID, f"{VALID}---\n{VALID}")],
        ["canary.yaml:12:1: a second document; a canary file has one, this has 2"],
    ),
    "nothing": ([(VALID, "")], ["canary.yaml:1:1: there is nothing in it"]),
    "a comment": ([(VALID, "# later\n")], ["canary.yaml:1:1: there is nothing in it"]),
    "an unknown alias": (
        [("my-app,", "*name,")],
        ["canary.yaml:3:18: `*name` names no anchor that ends before it"],
    ),
    "a control character": (
        [("my-app,", "my\x07app,")],
        ["canary.yaml:3:20: control characters are not allowed"],
    ),
    "deep nesting": (
        [("{port: 8080}", "[" * 200 + "]" * 200)],
        ["canary.yaml:8:113: nested deeper than 100 levels"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_explained_with_its_place(name: str, canary: Canary, canary_yaml: Write) -> None:
    changes, complaints = WRONG[name]
    text = VALID
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    canary_yaml(text)
    result = canary("render")
    lines = result.err.splitlines()
    assert (1, "") == (result.code, result.out)
    assert lines[0] == "error: canary.yaml is not valid, nothing was printed"
    assert lines[2:-2] == complaints
    assert lines[-1] == "See 'kubectl canary render --help'."


@pytest.mark.parametrize(
    ("release", "count", "methods", "most"),
    [
        ("v1.7", 21, "safe", None), ("v1.7", 22, "safe", 64), ("v1.7", 64, "all", None),
        ("v1.1", 2, "safe", None), ("v1.1", 3, "safe", 8), ("v1.2", 21, "safe", None),
    ],
)  # fmt: skip
def test_a_mirror_of_some_methods_must_fit_into_a_rule(
    canary: Canary, canary_yaml: Write, release: str, count: int, methods: str, most: int | None
) -> None:
    matches = ", ".join(f"{{path: {{value: /p{number}}}}}" for number in range(count))
    copied = "mirror 20%" if methods == "safe" else "{name: mirror 20%, methods: all}"
    text = VALID.replace("route: {", f"route: {{matches: [{matches}], ")
    text = text.replace(*phases(f"[{copied.replace('20%', '100%')}, 5%]"))
    canary_yaml(f"{text}  gatewayAPI: {{version: {release}}}\n")
    result = canary("render", "--phase", "mirror 100%")
    assert (most is None) is (result.code == 0), result.err
    refusal = f"mirroring GET, HEAD, OPTIONS takes {3 * count} matches, and a rule may have {most}; mirror"
    assert (most is None) is (refusal not in result.err)


def test_a_missing_file_says_how_to_get_one(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = canary("render")
    assert (4, "") == (result.code, result.out)
    assert result.err.startswith(
        "error: canary.yaml does not exist\n`kubectl canary init` writes one; -f names another\n"
    )


def test_a_folder_is_no_file(canary: Canary, tmp_path: Path) -> None:
    result = canary("render", "-f", tmp_path)
    assert (2, "") == (result.code, result.out)
    assert f"error: {tmp_path} is a folder\n" in result.err


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xfea\x00", "1:1: byte 0xff is not UTF-8; save the file as UTF-8"),
        (b"a: b\nc: \xe9\n", "2:4: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        (b"a" * 3_000_001, "1:1: larger than 3,000,000 bytes"),
        (b"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
         b"d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n",
         "5:50: more than 200,000 values, counting aliases"),
    ],
)  # fmt: skip
def test_what_is_no_text_or_too_much_is_refused(
    canary: Canary, tmp_path: Path, data: bytes, message: str
) -> None:
    (tmp_path / "canary.yaml").write_bytes(data)
    result = canary("render", "-f", tmp_path / "canary.yaml")
    assert (1, "") == (result.code, result.out)
    assert f"canary.yaml:{message}\n" in result.err


def test_windows_line_ends_and_a_byte_order_mark_are_fine(
    canary: Canary, canary_yaml: Write, tmp_path: Path
) -> None:
    canary_yaml(VALID)
    plain = canary("render")
    (tmp_path / "canary.yaml").write_bytes(b"\xef\xbb\xbf" + VALID.replace("\n", "\r\n").encode())
    assert plain == canary("render")


def test_standard_input_is_a_file_too(canary: Canary, canary_yaml: Write) -> None:
    canary_yaml(VALID)
    assert canary("render").out == canary("render", "-f", "-", stdin=VALID.encode()).out
    wrong = canary("render", "-f", "-", stdin=b"kind: Canary\n")
    assert "standard input:1:1: spec: missing" in wrong.err


def test_several_files_are_merged_in_order(canary: Canary, canary_yaml: Write, tmp_path: Path) -> None:
    canary_yaml(VALID)
    (tmp_path / "prod.yaml").write_text("spec: {stable: {replicas: 9}, phases: [50%], testers: false}\n")
    (tmp_path / "last.yaml").write_text("metadata: {namespace: null}\nspec: {testers: null}\n")
    loaded = inputs.load(["canary.yaml", "prod.yaml", "last.yaml"])
    assert [phase.name for phase in loaded.plan.phases][1:4] == ["deploy", "50%", "100%"]
    assert loaded.plan.phases[0].stable_replicas == 9
    assert loaded.plan.application.namespace is None
    assert loaded.plan.application.testers is not None
    (tmp_path / "bad.yaml").write_text("spec:\n  stable: {replicas: many}\n")
    result = canary("render", "-f", "canary.yaml", "-f", "bad.yaml")
    assert (
        "bad.yaml:2:22: spec.stable.replicas: found `many`, expected an integer or `external`" in result.err
    )


def test_set_follows_the_schema_so_that_a_tag_stays_a_string(canary: Canary, canary_yaml: Write) -> None:
    canary_yaml(VALID)
    tagged = canary("render", "--set", "spec.canary.tag=1234e56", "--set", "spec.stable.replicas=5")
    assert "image: registry.example.com/my-app:1234e56\n" in tagged.out
    assert "replicas: 5\n" in tagged.out
    assert tagged.out == canary("render", "--canary-tag", "1234e56", "--set", "spec.stable.replicas=5").out
    nested = canary(
        "render", "--set", r"spec.pod.nodeSelector.kubernetes\.io/os=linux", "--set", "spec.phases=[7%]"
    )
    assert "kubernetes.io/os: linux\n" in nested.out
    listed = canary(
        "render", "--set", "spec.container.env[0].name=A", "--set", "spec.container.env[0].value=on"
    )
    assert 'value: "on"\n' in listed.out


@pytest.mark.parametrize(
    ("setting", "code", "message"),
    [
        ("spec.canary.tg=1", 2, "error: --set spec.canary.tg=1: no such path in a canary file\ndid you mean `tag`?"),
        ("spec.canary.tag", 2, "error: --set spec.canary.tag: not of the form path=value"),
        ("spec.phases[3]=5%", 2, "error: --set spec.phases[3]=5%: the list has 0 items, so [3] would leave a gap"),
        ("spec.stable.replicas=x", 1,
         "--set spec.stable.replicas=x: spec.stable.replicas: found `x`, expected an integer or `external`"),
        ("spec.canary.tag=", 1, "--set spec.canary.tag=: spec.canary.tag: `` is not an image tag"),
        ("metadata.labels.a.b=c", 2, "no such path in a canary file\na dot in a key is written `\\.`: metadata.labels.a\\.b\n"),
        ("spec.phases.x=5%", 2, "no such path in a canary file\nthis is a list; its first item is spec.phases[0]\n"),
        ("spec.phase.x=5%", 2, "no such path in a canary file\n\nSee"),
        ("spec.service.x=5", 2, "known here: annotations, appProtocol, labels, port, portName, ports, targetPort\n"),
        ("spec.phases=[", 2, "error: --set spec.phases=[: did not find expected node content"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(
    canary: Canary, canary_yaml: Write, setting: str, code: int, message: str
) -> None:
    canary_yaml(VALID)
    result = canary("render", "--set", setting)
    assert (code, "") == (result.code, result.out)
    assert message in result.err


def test_an_empty_canary_tag_is_the_flags_fault(canary: Canary, canary_yaml: Write) -> None:
    canary_yaml(VALID)
    result = canary("render", "--canary-tag", "")
    assert (1, "") == (result.code, result.out)
    assert "--canary-tag '': spec.canary.tag: `` is not an image tag" in result.err
    assert "--set" not in result.err


def test_an_empty_canary_is_no_canary(canary: Canary, canary_yaml: Write) -> None:
    between = VALID.replace("  phase: deploy\n", "")
    canary_yaml(between.replace("  canary: {tag: v1.1.0}\n", ""))
    steady = canary("render")
    assert steady.code == 0
    canary_yaml(between.replace("canary: {tag: v1.1.0}", "canary:"))
    assert steady == canary("render")
    assert canary("render", "--phase", "5%", "--canary-tag", "v1.1.0").code == 0
    canary_yaml(between)
    assert (
        steady == canary("render", "--set", "spec.canary=null") == canary("render", "--set", "spec.canary=")
    )


def test_the_namespace_flag_has_the_last_word(canary: Canary, canary_yaml: Write) -> None:
    canary_yaml(VALID)
    assert canary("render", "-n", "staging").out == canary("render").out.replace("production", "staging")
    wrong = canary("render", "-n", "Sta ging")
    assert (2, "") == (wrong.code, wrong.out)


def test_without_a_canary_the_file_is_the_steady_state(canary: Canary, canary_yaml: Write) -> None:
    canary_yaml(VALID.replace("  canary: {tag: v1.1.0}\n", "").replace("  phase: deploy\n", ""))
    steady = canary("render")
    assert (0, 3) == (steady.code, steady.out.count("kind: ") - steady.out.count("    kind: "))
    asked = canary("render", "--phase", "5%")
    assert (2, "") == (asked.code, asked.out)
    assert "error: without spec.canary there is only the phase `before`, not `5%`\n" in asked.err
    assert "add spec.canary.tag or --canary-tag, the version to release\n" in asked.err
    assert canary("render", "--phase", "5%", "--canary-tag", "v1.1.0").code == 0


def test_a_release_that_does_not_say_where_it_stands_is_not_guessed(
    canary: Canary, canary_yaml: Write
) -> None:
    canary_yaml(VALID.replace("  phase: deploy\n", ""))
    result = canary("render")
    assert (1, "") == (result.code, result.out)
    assert "canary.yaml:4:1: spec.phase: missing: where does the release stand? One of `before`" in result.err


def test_replicas_below_what_a_share_needs_are_a_finding(canary: Canary, canary_yaml: Write) -> None:
    canary_yaml(VALID.replace("{tag: v1.1.0}", "{tag: v1.1.0, replicas: 2}"))
    result = canary("render")
    assert result.code == 0
    assert (
        "canary.yaml:7:25: warning: spec.canary.replicas: `100%` runs 2 pods of the canary; the share needs 3; "
        "leave `replicas` out, and they follow the shares\n"
    ) in result.err
    canary_yaml(VALID.replace("  phase: deploy", "  phases: [{weight: 50%, replicas: 1}]\n  phase: deploy"))
    warned = canary("plan").err
    assert "`50%` runs 1 pod of the canary, which `100%` starts with; the share needs 3" in warned


def test_a_file_that_may_not_be_read_is_the_worlds_fault(canary: Canary, tmp_path: Path) -> None:
    loop = tmp_path / "canary.yaml"
    loop.symlink_to(loop)
    result = canary("render", "-f", loop)
    assert (4, "") == (result.code, result.out)
    assert f"error: cannot read {loop}: " in result.err


def test_every_field_that_is_given_is_rendered() -> None:
    """Nothing of the large case's container and pod gets lost on its way."""
    import yaml

    case = SEED.parents[2] / "tests/cases/large"
    given = yaml.safe_load((case / "canary.yaml").read_text())["spec"]
    pod = next(
        document["spec"]["template"]["spec"]
        for document in yaml.safe_load_all((case / "expected/01-deploy.yaml").read_text())
        if document["kind"] == "Deployment"
    )
    main, *sidecars = pod.pop("containers")
    assert sidecars == given["pod"].pop("containers")
    assert pod == given["pod"]
    assert main | {"image": None} == given["container"] | {"image": None}


def test_a_release_of_what_runs_already_is_a_finding(canary: Canary, canary_yaml: Write) -> None:
    canary_yaml(VALID)
    result = canary("render", "--canary-tag", "v1.0.0")
    assert 0 == result.code
    assert (
        "canary.yaml:7:3: warning: spec.canary: the canary is registry.example.com/my-app:v1.0.0, as stable is: "
        "this releases nothing\n" == result.err
    )


def test_retries_and_sessions_are_the_testers_too(canary: Canary, canary_yaml: Write) -> None:
    fields = "retry: {attempts: 2}, sessionPersistence: {cookie: {name: a}}, "
    text = VALID.replace("{gateway:", f"{{{fields}gateway:")
    canary_yaml(text.replace("  phase:", "  gatewayAPI: {channel: experimental}\n  phase:"))
    rendered = canary("render", "--phase", "5%", "--only", "route").out
    sticky = (
        "      sessionPersistence:\n        cookie:\n          name: a\n          lifetimeType: Session\n"
    )
    assert rendered.count("      retry:\n        attempts: 2\n") == rendered.count(sticky) == 2


def test_a_field_that_no_release_has_is_not_said_to_be_in_any() -> None:
    kind = ("gateway.networking.k8s.io/v1", "HTTPRoute", "spec")
    assert catalog.having(*kind, "rules", "nothing") == ""
    assert (
        catalog.having(*kind, "rules", "sessionPersistence", "sessionName") == "v1.1 to v1.6 (experimental)"
    )


@pytest.mark.parametrize(
    ("gateway", "warned"),
    [
        ("create: {className: istio}", False),
        ("create: {className: istio, tls: my-tls}", True),
        ("create: {className: istio, tls: {secret: my-tls}}", True),
        ("create: {className: istio, tls: {secret: my-tls, only: false}}", False),
        ("create: {className: istio, tls: {secret: my-tls, only: true}}", False),
        ("create: {className: istio, tls: my-tls, redirect: true}", False),
        ("create: {className: istio, tls: my-tls}, sectionName: https", False),
    ],
)
def test_http_beside_https_is_a_finding_where_the_file_does_not_say_it(
    canary: Canary, canary_yaml: Write, gateway: str, warned: bool
) -> None:
    canary_yaml(VALID.replace("{name: gw}", f"{{name: gw, {gateway}}}"))
    result = canary("render")
    assert result.code == 0
    warning = (
        "warning: spec.route.gateway.create.tls: plain http serves the application too; "
        "say `tls: {secret: my-tls, only: true}`, or `redirect: true` beside it\n"
    )
    assert warned is (warning in result.err) is bool(result.err)


def test_the_redirect_is_the_gateways_and_the_same_in_every_phase(canary: Canary, canary_yaml: Write) -> None:
    gateway = "{name: gw, create: {className: istio, tls: {secret: my-tls, only: true}, redirect: true}}"
    canary_yaml(VALID.replace("{name: gw}", gateway))
    printed = {
        canary("render", "--only", "gateway", "--phase", phase).out for phase in ("before", "5%", "100%")
    }
    assert len(printed) == 1
    assert ["Gateway", "HTTPRoute"] == [
        line.removeprefix("kind: ") for line in printed.pop().splitlines() if line.startswith("kind: ")
    ]
    assert canary("render", "--only", "route").out.count("\nkind: HTTPRoute\n") == 1
    assert "redirect" not in canary("rollback", "--print", "--from", "5%").out
    patched = canary("patch", "--from", "deploy", "--to", "header-only").out
    assert '"name": "my-app-canary-route"' in patched
    assert "redirect" not in patched


def test_what_tools_note_on_the_file_is_not_rendered(canary: Callable[..., Result], tmp_path: Path) -> None:
    """As kustomize's generator has it, which `render` and `plan` read as well."""
    noted = SEED.read_text().replace(
        "  namespace: production\n",
        "  namespace: production\n  annotations: {config.kubernetes.io/function: 'exec: {path: a}', mine: b}\n",
    )
    (tmp_path / "canary.yaml").write_text(noted)
    rendered = canary("render", "-f", tmp_path / "canary.yaml").out
    assert "mine: b" in rendered
    assert "config.kubernetes.io" not in rendered
