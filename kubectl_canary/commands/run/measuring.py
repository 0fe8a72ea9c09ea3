"""One measurement of a gate: ask Prometheus, a webhook, a command or somebody, and what that says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from kubectl_canary.driving import prometheus, verdicts
from kubectl_canary.driving.verdicts import Measurement, Reading, Verdict
from kubectl_canary.driving.watching import Asked
from kubectl_canary.errors import CanaryError, UsageError, WorldError
from kubectl_canary.outside import files, places, process, web
from kubectl_canary.reading.release import Release
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import Side, Version
from kubectl_canary.release.gates import Approval, Command, Gate, Prometheus, Query, Webhook, filled
from kubectl_canary.release.plan import Phase

NO_PROMETHEUS = "write `prometheus: {url: http://prometheus.monitoring:9090}` below `spec`"


@dataclass(frozen=True)
class Measuring:
    """Measures gates of a release, one at a time; `approved` answers whether somebody agrees to leave a phase."""

    release: Release
    namespace: str
    approved: Callable[[Phase], bool]

    def check(self, gates: list[Gate]) -> None:
        """Raises UsageError, WorldError where some of the gates can never be measured."""
        if any(isinstance(gate.question, Query) for gate in gates):
            self._access(self._prometheus)
        commands = [gate.question.words[0] for gate in gates if isinstance(gate.question, Command)]
        for word in dict.fromkeys(commands):
            if not process.is_runnable(word, self._folder):
                hint = "write it as it is called beside the canary file, or from the root"
                raise UsageError(f"the command `{word}` of a gate is not there, or cannot be run", hint)

    def measured(self, gate: Gate, asked: Asked) -> Measurement:
        """One measurement. What cannot be asked is inconclusive, whatever is wrong: it says nothing of the canary."""
        try:
            return self._measured(gate, asked)
        except CanaryError as error:
            return Measurement(Verdict.INCONCLUSIVE, error.message)
        except Exception as error:  # a release under way must not end with a traceback
            return Measurement(Verdict.INCONCLUSIVE, f"it cannot be asked: {type(error).__name__}: {error}")

    def _measured(self, gate: Gate, asked: Asked) -> Measurement:
        question = gate.question
        if isinstance(question, Query):
            return self._of_query(question, asked)
        if isinstance(question, Webhook):
            return self._of_webhook(question, asked.phase)
        if isinstance(question, Command):
            facts = self._environment(asked.phase)
            ending = process.run(question.words, question.timeout, facts, self._folder)
            return verdicts.of_exit(ending.code, ending.said)
        return self._of_approval(question, asked.phase)

    def _of_approval(self, _: Approval, phase: Phase) -> Measurement:
        is_approved = self.approved(phase)
        verdict = Verdict.PASSED if is_approved else Verdict.INCONCLUSIVE
        return Measurement(verdict, "somebody has agreed" if is_approved else "nobody has agreed yet")

    # --- Prometheus ---

    @property
    def _prometheus(self) -> Prometheus:
        if self.release.prometheus is None:
            raise UsageError("nothing says where Prometheus is", NO_PROMETHEUS)
        return self.release.prometheus

    def _of_query(self, query: Query, asked: Asked) -> Measurement:
        canary = self._asked(query.text, query, Side.CANARY)
        volume = self._asked(query.volume, query, Side.CANARY) if query.volume else None
        stable = None
        if query.bounds.ratio is not None and (asked.phase.traffic.share < 1 or asked.before is not None):
            stable = self._asked(query.text, query, Side.STABLE, asked.before)
        return verdicts.of_query(query.bounds, canary, stable, volume, query.requests)

    def _asked(self, text: str, query: Query, side: Side, when: datetime | None = None) -> Reading:
        """What Prometheus answers about one side, now or at a time that is past."""
        there = self._prometheus
        application = self.release.plan.application
        fields = {"query": filled(text, query, application, side, self.namespace)}
        if when is not None:
            fields["time"] = f"{when.timestamp():.3f}"
        try:
            answer = web.get(f"{there.url}{prometheus.API}", fields, self._access(there))
        except WorldError as error:
            return Reading(None, error.message)
        return prometheus.reading(answer.status, answer.kind, answer.text)

    def _access(self, there: Prometheus) -> web.Access:
        """How Prometheus is reached. Raises WorldError where the token or the certificates are not there."""
        token = ""
        if there.token_file is not None:
            token = files.read_text(self._beside(there.token_file, "tokenFile"))[1].strip()
        elif there.token_variable is not None:
            token = process.variable(there.token_variable).strip()
            if not token:
                hint = f"export {there.token_variable}=…"
                raise WorldError(
                    f"the environment has no {there.token_variable}, the token for Prometheus", hint
                )
        if not token.isprintable() or not token.isascii():
            raise WorldError("the token for Prometheus has characters that no header may have")
        ca_file = self._beside(there.ca_file, "caFile") if there.ca_file is not None else None
        if ca_file is not None and not files.is_there(ca_file):
            raise WorldError(f"there is no {ca_file}, the certificates for Prometheus")
        return web.Access(there.timeout, there.retries, token, ca_file, there.insecure)

    @property
    def _folder(self) -> str:
        """The folder of the canary file, in which commands are run."""
        return places.beside("", self.release.sources.file_of(("spec",)))

    def _beside(self, name: str, key: str) -> str:
        """A file that the canary file names, beside it."""
        return places.beside(name, self.release.sources.file_of(("spec", "prometheus", key)))

    # --- others ---

    def _of_webhook(self, webhook: Webhook, phase: Phase) -> Measurement:
        try:
            answer = web.post(webhook.url, self._facts(phase), web.Access(webhook.timeout))
        except WorldError as error:
            return verdicts.of_status(None, error.message)
        return verdicts.of_status(answer.status, f"HTTP {answer.status} {_first_line(answer.text)}".strip())

    def _facts(self, phase: Phase) -> dict[str, str]:
        """What a webhook is told."""
        application = self.release.plan.application
        return {
            "release": application.name,
            "namespace": self.namespace,
            "phase": phase.name,
            "stable": application.called(Version.OLD),
            "canary": application.called(Version.NEW),
        }

    def _environment(self, phase: Phase) -> dict[str, str]:
        """What a command is told, as CANARY_RELEASE and so on."""
        return {f"CANARY_{key.upper()}": value for key, value in self._facts(phase).items()}


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0][:80] if lines else ""
