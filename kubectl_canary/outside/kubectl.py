"""kubectl as a subprocess: credentials, proxies and contexts come with it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kubectl_canary.errors import WorldError

TIMEOUT = 60


@dataclass(frozen=True)
class Kubectl:
    """kubectl, with the flags that the user gave for it. $KUBECTL_PATH names another than the one on PATH."""

    flags: tuple[str, ...] = ()

    def get(self, resource: str, name: str, namespace: str | None) -> dict[str, Any] | None:
        """A live object with its managed fields; None where there is none. Raises WorldError with kubectl's words."""
        place = ("-n", namespace) if namespace else ()
        done = self._run(
            ("get", resource, name, *place, "-o", "json", "--show-managed-fields", "--ignore-not-found")
        )
        if not done.strip():
            return None
        found: dict[str, Any] = json.loads(done)
        return found

    def _run(self, arguments: Sequence[str]) -> str:
        program = os.environ.get("KUBECTL_PATH") or "kubectl"
        asked = f"`{program} {' '.join(arguments[:3])}`"
        try:
            done = subprocess.run(
                [program, *self.flags, *arguments],
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                check=False,
            )
        except FileNotFoundError:
            raise WorldError(
                f"{program} is not on PATH", "install kubectl, or name it in $KUBECTL_PATH"
            ) from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise WorldError(f"{asked} did not answer: {error}") from None
        if done.returncode != 0:
            raise WorldError(f"{asked} failed: {done.stderr.strip()}")
        return done.stdout
