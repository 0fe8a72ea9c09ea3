"""Which version has answered, by what stands in an answer."""

from __future__ import annotations

import pytest

from kubectl_canary.api import formats
from kubectl_canary.driving.recognition import Reply, Unknown, mark_of, version_of
from kubectl_canary.release.application import Version

VERSIONS = {"1.0": Version.OLD, "1.1": Version.NEW, "200": Version.OLD, "201": Version.NEW}


def reply(text: str = "", status: int = 200, **headers: str) -> Reply:
    return Reply(status, [(name.replace("_", "-"), value) for name, value in headers.items()], text)


@pytest.mark.parametrize(
    ("mark", "answer", "expected"),
    [
        ("header:X-Version", reply(x_version="1.1"), Version.NEW),
        ("header:x-version", reply(x_version="1.0"), Version.OLD),
        ("json:build.version", reply('{"build": {"version": "1.1"}}'), Version.NEW),
        ("json:0.version", reply('[{"version": 1.0}]'), Version.OLD),
        (r"pattern:version (\S+)", reply("this is version 1.1 of it"), Version.NEW),
        (r"pattern:1\.\d", reply("<b>1.0</b>"), Version.OLD),
        ("status", reply(status=201), Version.NEW),
        ("header:x-version", reply(x_version="1.2"), "header x-version is `1.2`"),
        ("header:x-version", reply(x_versio="1.2"), "no header x-version (did you mean x-versio?)"),
        ("header:x-version", reply(status=503), "HTTP 503, no header x-version"),
        ("header:x-version", reply(grpc_status="14"), "gRPC status 14"),
        ("header:x-version", reply(grpc_status="0"), "no header x-version"),
        ("json:version", reply("<html>"), "no json version"),
        ("json:version", reply('"text"'), "no json version"),
        ("json:version.x", reply('{"version": null}'), "no json version.x"),
        ("json:5", reply("[1]"), "no json 5"),
        ("json:version", reply("[" * 100_000), "no json version"),
        ("json:version", reply('{"version": {"a": 1}}'), 'json version is `{"a": 1}`'),
        ("pattern:v(.)?", reply("v"), "no pattern v(.)?"),
        ("status", reply(status=404), "HTTP 404, status is `404`"),
        ("header:x-version", reply(x_version="x" * 50), f"header x-version is `{'x' * 40}…`"),
    ],
)
def test_an_answer_tells_its_version_or_why_not(mark: str, answer: Reply, expected: Version | str) -> None:
    found = version_of(answer, mark_of(mark), VERSIONS)
    assert expected == (found.why if isinstance(found, Unknown) else found)


@pytest.mark.parametrize(
    "text", ["", "header", "header:", "head:x", "status:200", "pattern:(", "header:a b", "json:"]
)
def test_what_is_no_mark_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"tells no version|not a regular|not a header"):
        formats.version_mark(text)
