"""`verify` through real gateways: a healthy split passes, another is found, and false alarms are as rare as promised."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from answers import certificate
from balancer import SHARES, balancing
from living import Release
from world import World

RUNS = int(os.environ.get("KUBECTL_CANARY_RUNS", "200"))
MOST_ALARMS = 2  # of 200 runs; at one in a thousand, three or more come once in a thousand times


class Split(Release):
    """A release at 10 %."""

    def __init__(self, world: World, folder: Path) -> None:
        super().__init__(world, folder, phases=["10%"])
        for phase in ("deploy", "10%"):
            self.do("apply", f"--phase={phase}")

    def verify(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Through the gateway, as quickly as can be."""
        return self.verify_at("http", f"80:{self.world.address}", *words)

    def verify_at(self, scheme: str, place: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Elsewhere: `place` is the port that is meant, and the address of who answers."""
        host = self.namespace.host
        words = (f"--resolve={host}:{place}", "--by=header:x-version", "--rate=0", *words)
        return self.ask("verify", f"{scheme}://{host}/version", *words)

    @property
    def pods(self) -> dict[str, list[str]]:
        """The addresses of the ready pods of stable and of the canary."""
        slices = json.loads(self.kubectl("get", "endpointslices", "-o", "json"))["items"]
        return {
            side: [
                f"{address}:{known['ports'][0]['port']}"
                for known in slices
                if known["metadata"]["labels"]["kubernetes.io/service-name"] == f"my-app-{side}"
                for endpoint in known["endpoints"]
                for address in endpoint["addresses"]
            ]
            for side in SHARES
        }

    def weigh(self, stable: int, canary: int) -> None:
        """Somebody writes other weights."""
        number = next(
            number for number, rule in enumerate(self.route["spec"]["rules"]) if len(rule["backendRefs"]) == 2
        )
        patch = [
            {"op": "add", "path": f"/spec/rules/{number}/backendRefs/{side}/weight", "value": weight}
            for side, weight in enumerate((stable, canary))
        ]
        self.kubectl(
            "patch", "httproute", "my-app-canary-route", "--type=json", f"--patch={json.dumps(patch)}"
        )


def test_a_healthy_split_passes_and_another_is_found(world: World, tmp_path: Path) -> None:
    release = Split(world, tmp_path)
    for words in ([], ["--http=2"]):
        done = release.verify("--requests=4000", *words)
        assert 0 == done.returncode, done.stdout + done.stderr
        assert done.stderr.startswith("the cluster is in `10%`")
        assert "x-canary: true  150 of 150 answered by v1.1.0\npassed\n" in done.stdout
    few = release.verify("--requests=50")
    assert (6, True) == (few.returncode, "run it again with --requests 1400" in few.stdout)
    release.weigh(80, 20)
    found = [release.verify("--phase=10%", "--requests=1000").returncode for _ in range(6)]
    assert [1] * 5 == found[1:]  # the gateway may have followed in the middle of the first


@pytest.mark.short_on("contour")
def test_what_holds_clients_at_a_version_is_named(world: World, tmp_path: Path) -> None:
    release = Split(world, tmp_path)
    trusted = certificate(tmp_path, release.namespace.host)
    words = ("--phase=10%", "--requests=2000")
    with balancing(tmp_path, release.pods, trusted) as ports:
        held = release.verify_at("http", f"80:127.0.0.1:{ports['cookie']}", *words)
        assert "sessions are sticky: who sends the cookie `held` back stays with one version" in held.stdout
        kept = release.verify_at("http", f"80:127.0.0.1:{ports['connection']}", *words)
        assert "connections that are kept stay with a version; only new ones are judged" in kept.stdout
        for http in ("1.1", "2"):
            flags = (f"--ca-file={trusted}", f"--http={http}")
            done = release.verify_at("https", f"443:127.0.0.1:{ports['tls']}", *words, *flags)
            assert 0 == done.returncode, done.stdout + done.stderr
        strange = release.verify_at("https", f"443:127.0.0.1:{ports['tls']}", *words)
        assert "certificate verify failed" in strange.stderr


@pytest.mark.long
def test_false_alarms_are_as_rare_as_the_interval_promises(world: World, tmp_path: Path) -> None:
    release = Split(world, tmp_path)
    codes = Counter(release.verify("--phase=10%", "--requests=1000").returncode for _ in range(RUNS))
    print(f"{RUNS} runs of 1,000 requests: {dict(codes)}")
    assert {0, 1, 6} >= set(codes)
    assert codes[1] <= MOST_ALARMS
