"""kubectl as a subprocess: credentials, proxies and contexts come with it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kubectl_canary.errors import Conflict, Forbidden, Unreachable, WorldError
from kubectl_canary.expressions import regex
from kubectl_canary.outside.proxy import Proxy
from kubectl_canary.records import dataclass, field, replace

TIMEOUT = 60
PATIENCE = "--request-timeout=20s"  # of a call that is made again where it fails
# what kubectl says where the cluster does not answer, or does not know us for a while
AWAY = (
    "connection refused", "connection reset", "Unable to connect to the server", "i/o timeout", "EOF",
    "TLS handshake timeout",
    "(ServiceUnavailable)", "(Timeout)", "(ServerTimeout)", "(TooManyRequests)", "(InternalError)", "etcdserver:",
    "context deadline exceeded", "(Unauthorized)", "You must be logged in", "getting credentials", "no route to host",
    "the server is currently unable", "http2: ", "leader changed", "was refused - did you specify the right host",
)  # fmt: skip
SAYS = (
    "Error from server",
    "error:",
    "The connection to the server",
    "Unable to connect",
    "The request is invalid",
)
LOGGED = regex(r"^[EIW][0-9]{4} [0-9:.]+ .*\n", re.MULTILINE)  # what kubectl's libraries log beside its words
IN_A_POD = "KUBERNETES_SERVICE_HOST"
NO_CONTEXT = (
    "`kubectl config get-contexts` lists what there is; --context names one, --kubeconfig another file"
)
# what it says where an object is another than it was
CHANGED = (
    "(Conflict)",
    "(AlreadyExists)",
    "the server rejected our request due to an error in our request",
    "(NotFound)",
)

NOT_ALLOWED = regex(r"cannot [a-z]+ resource ")  # quotas and webhooks forbid in other words

WITHOUT_SPEC = ("ConfigMap", "Secret", "ServiceAccount")


@dataclass(frozen=True)
class Kubectl:
    """kubectl, with the flags that the user gave for it. $KUBECTL_PATH names another than the one on PATH.

    `proxy` answers some calls quicker, where there is one: for the same user in the same cluster.
    """

    flags: tuple[str, ...] = ()
    namespace: str | None = None  # the context's own
    proxy: Proxy | None = field(default=None, compare=False)

    def get(self, names: Sequence[str], namespace: str | None) -> list[dict[str, Any]]:
        """Those of the named objects (`deployment.apps/shop`) that are there, with their managed fields, in one call.

        Raises WorldError with kubectl's own words.
        """
        place = ("-n", namespace) if namespace else ()
        flags = ("-o", "json", "--show-managed-fields", "--ignore-not-found")
        answer = self._json(("get", *names, *place, *flags))
        if not answer:
            return []
        items: list[dict[str, Any]] = answer.get("items") or [] if answer.get("kind") == "List" else [answer]
        strange = [item for item in items if not is_object(item)]
        if strange:
            raise WorldError(
                f"`{_program()} get` answered something else than objects: {str(strange[0])[:60]}"
            )
        return items

    def every(
        self, kinds: Sequence[str], optional: Sequence[str], namespace: str | None
    ) -> list[dict[str, Any]]:
        """The objects of kinds in a namespace, in one call; in another for each optional kind that the cluster lacks.

        Raises WorldError with kubectl's own words.
        """
        try:
            return self.get([",".join((*kinds, *optional))], namespace)
        except WorldError as error:
            there = [
                kind
                for kind in optional
                if f'a resource type "{kind.partition(".")[0]}"' not in error.message
            ]
            if len(there) == len(optional):
                raise
        return self.every(kinds, there, namespace)

    def selected(self, kind: str, labels: str, namespace: str | None) -> list[dict[str, Any]]:
        """The objects of a kind that a label selector catches. Raises WorldError with kubectl's own words."""
        place = ("-n", namespace) if namespace else ()
        answer = self._json(("get", kind, *place, "-l", labels, "-o", "json"))
        return [item for item in answer.get("items") or [] if isinstance(item, dict)]

    def write(self, arguments: Sequence[str], namespace: str | None, text: str | None = None) -> str:
        """What kubectl says of a change; `text` is its standard input.

        Raises Unreachable where the cluster does not answer, Conflict where the object is another than it was,
        WorldError for what it refuses.
        """
        place = ("-n", namespace) if namespace else ()
        return self._run((*arguments, *place), text=text)

    def proxied(self) -> Kubectl:
        """The same, pinned, with a proxy to what is pinned where one can be had. Raises WorldError as `pinned`."""
        try:
            proxy = Proxy(_program(), self.flags, self._kubeconfigs)
        except OSError:
            return self.pinned()
        pinned = self.pinned()
        if proxy.serves():  # both have read the same kubeconfigs
            return replace(pinned, proxy=proxy)
        proxy.close()
        return pinned

    def _kubeconfigs(self) -> list[object]:
        """What tells the files that kubectl reads its contexts from as they are from what they were."""
        flag = "--kubeconfig="
        typed = [word.removeprefix(flag) for word in self.flags if word.startswith(flag)]
        named = typed or os.environ.get("KUBECONFIG", "").split(os.pathsep)
        home = os.path.expanduser("~")  # noqa: PTH111  pathlib's raises where there is none
        places = [name for name in named if name] or [f"{home}/.kube/config"]
        return [_state(Path(place)) for place in places]

    def pinned(self) -> Kubectl:
        """The same with the context and the cluster that a kubeconfig names now, whatever it names later.

        In a pod there is no kubeconfig, and there is nothing to pin. Raises WorldError for no context elsewhere.
        """
        try:
            view = self._json(("config", "view", "--minify", "-o", "json"))
        except WorldError as error:
            if "current-context must exist" not in error.message:
                raise
            if IN_A_POD in os.environ:
                return self
            raise WorldError("kubectl has no current context", NO_CONTEXT) from None
        contexts = view.get("contexts")
        if not contexts:
            raise WorldError(f"`{_program()} config view` names no context", NO_CONTEXT)
        flags = [flag for flag in self.flags if not flag.startswith("--context=")]
        context, cluster = contexts[0]["name"], contexts[0]["context"]["cluster"]
        pins = [f"--context={context}", f"--cluster={cluster}", PATIENCE]
        return replace(
            self, flags=(*flags, *pins), namespace=contexts[0]["context"].get("namespace", "default")
        )

    def said(self, *question: str) -> str:
        """What kubectl answers to a question. Raises Unreachable, or WorldError with kubectl's own words."""
        return self._run(question)

    def made(self, documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The server's answers to documents that it keeps nowhere, such as reviews of access, in one call.

        Raises WorldError with kubectl's own words.
        """
        items = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
        text = self._run(("create", "-f", "-", "-o", "json"), text=json.dumps(items)).strip()
        answers: list[dict[str, Any]] = []
        decoder = json.JSONDecoder()
        while text:
            answer, end = decoder.raw_decode(text)
            answers += answer["items"] if answer.get("kind") == "List" else [answer]
            text = text[end:].lstrip()
        return answers

    def crd_annotations(self, name: str) -> dict[str, str]:
        """The annotations of a CustomResourceDefinition. Raises WorldError with kubectl's own words."""
        definition = self._json(("get", "crd", name, "-o", "json"))
        annotations: dict[str, str] = definition.get("metadata", {}).get("annotations") or {}
        return annotations

    def namespaces(self, patience: int) -> list[str]:
        """The names of the cluster's namespaces. Raises WorldError where it does not answer in these seconds."""
        asked = ("get", "namespaces", "-o", "name", f"--request-timeout={patience}s")
        return [name.removeprefix("namespace/") for name in self._run(asked, patience).split()]

    def contexts(self, patience: int) -> list[str]:
        """The contexts of the kubeconfig. Raises WorldError with kubectl's own words."""
        return self._run(("config", "get-contexts", "-o", "name"), patience).splitlines()

    def _json(self, arguments: Sequence[str]) -> dict[str, Any]:
        """The object that kubectl prints; an empty one where it prints nothing."""
        answer = self._run(arguments).strip()
        try:
            value = json.loads(answer or "{}")
        except json.JSONDecodeError:
            value = None
        if not isinstance(value, dict):
            asked = f"`{shlex.join([_program(), *self.flags, *arguments])}`"
            hint = (
                f"it began with: {answer[:60]!r}; a wrapper around kubectl may print more than kubectl does"
            )
            raise WorldError(f"{asked} did not answer in JSON", hint)
        return value

    def _run(self, arguments: Sequence[str], patience: int = TIMEOUT, text: str | None = None) -> str:
        program = _program()
        asked = f"`{shlex.join([program, *self.flags, *arguments])}`"
        try:
            done = subprocess.run(
                [program, *self.flags, *arguments],
                input=text,
                capture_output=True,
                text=True,
                timeout=patience,
                check=False,
            )
        except FileNotFoundError:
            raise WorldError(
                f"{program} is not on PATH", "install kubectl, or name it in $KUBECTL_PATH"
            ) from None
        except PermissionError as error:
            raise WorldError(
                f"{program} cannot be run: {error.strerror}", "is $KUBECTL_PATH a program?"
            ) from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unreachable(f"{asked} did not answer: {error}") from None
        if done.returncode != 0:
            raise _failure(asked, LOGGED.sub("", done.stderr).strip())
        return done.stdout


def kustomize(folder: str, shown: str, cure: str, root: str = "") -> str:
    """What `kubectl kustomize` prints for a folder; `root` is the start of names that nobody typed.

    Raises WorldError with the error that it says last, and with the command that says all.
    """
    program = _program()
    try:
        done = subprocess.run(
            [program, "kustomize", folder],
            capture_output=True,
            encoding="utf-8",
            timeout=TIMEOUT,
            check=False,
        )
    except FileNotFoundError:
        raise WorldError(
            f"{program} is not on PATH", "install kubectl, or name it in $KUBECTL_PATH"
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WorldError(f"`{shown}` did not answer: {error}") from None
    if done.returncode != 0:
        said = _complaint(done.stderr)
        raise WorldError(
            f"`{shown}` failed: {said.replace(f'{root}{os.sep}', '') if root else said}", f"run `{cure}`"
        )
    return done.stdout


def _complaint(said: str) -> str:
    """The error that kubectl says last, as one line; that of Google's SDK logs it as a value."""
    logged = re.findall(r'"command failed" err=(?:"(.*)"$|<\n(.*?)\n >)', said, re.MULTILINE | re.DOTALL)
    if logged:
        quoted, block = logged[-1]
        return " ".join((quoted.replace('\\"', '"') or block).split())
    lines = said.strip().splitlines() or ["it said nothing"]
    begins = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    return " ".join(" ".join(lines[begins[-1] if begins else -1 :]).split()).removeprefix("error: ")


def kustomize_command(folder: str) -> str:
    """The call of `kubectl kustomize` as a user types it."""
    return shlex.join([_program(), "kustomize", folder])


def _failure(asked: str, said: str) -> WorldError:
    """The error of a call, by what kubectl says."""
    message = f"{asked} failed: {said}"
    lines = [line for line in said.splitlines() if line.startswith(SAYS)] or [said]
    line = lines[-1]  # what is logged before may be about something else
    if "(Forbidden)" in line:
        return Forbidden(message) if NOT_ALLOWED.search(line) else WorldError(message)
    if "namespaces " in line and "(NotFound)" in line:
        return WorldError(message)
    if any(words in line for words in AWAY):
        return Unreachable(message)
    return Conflict(message) if any(words in line for words in CHANGED) else WorldError(message)


def is_object(item: Any) -> bool:
    """Whether an answer is an object: it has metadata, and a spec where its kind has one."""
    if not isinstance(item, dict) or not isinstance(item.get("metadata"), dict):
        return False
    return isinstance(item.get("spec"), dict) or item.get("kind") in WITHOUT_SPEC


def _state(file: Path) -> object:
    try:
        found = [file.lstat(), file.stat()]  # a link may lead elsewhere, and a copy may keep its time
    except OSError:
        return None
    return [(known.st_ino, known.st_size, known.st_mtime_ns, known.st_ctime_ns) for known in found]


def _program() -> str:
    return os.environ.get("KUBECTL_PATH") or "kubectl"
