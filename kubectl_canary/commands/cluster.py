"""The flags of kubectl that name a cluster, and who asks it, as a value."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from kubectl_canary.records import dataclass

if TYPE_CHECKING:
    from kubectl_canary.outside.background import Later
    from kubectl_canary.outside.kubectl import Kubectl


@dataclass(frozen=True)
class ClusterFlags:
    """Which cluster kubectl asks, and as whom: --context, --kubeconfig, --as."""

    context: str | None = None
    kubeconfig: str | None = None
    as_user: str | None = None

    @classmethod
    def typed(cls, values: dict[str, Any]) -> ClusterFlags:
        """Those of a command line that is not complete yet; none where the verb has no such flags."""
        return cls(*map(values.get, cls.__annotations__))

    def words(self) -> tuple[str, ...]:
        """The flags as kubectl takes them."""
        pairs = (("--context", self.context), ("--kubeconfig", self.kubeconfig), ("--as", self.as_user))
        return tuple(f"{flag}={value}" for flag, value in pairs if value)

    def pinned(self) -> Kubectl:
        """Kubectl, pinned to its context of now. Raises WorldError as `Kubectl.pinned`."""
        from kubectl_canary.outside.kubectl import Kubectl

        return Kubectl(self.words()).pinned()

    def ask(self) -> Later[Kubectl]:
        """The same with a proxy; asked once, it answers while something else is imported and read."""
        return self._asked

    @cached_property
    def _asked(self) -> Later[Kubectl]:
        from kubectl_canary.outside.background import Later
        from kubectl_canary.outside.kubectl import Kubectl

        return Later(Kubectl(self.words()).proxied)
