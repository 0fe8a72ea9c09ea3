"""What others' tools read of us, run by those tools."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from apiserver import build
from conftest import ROOT, SEED, Cluster
from uv import find_uv_bin

GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A user's repository: a canary file, and the hook at this commit."""
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {ROOT}\n  rev: {head.stdout.strip()}\n  hooks: [{{id: kubectl-canary}}]\n"
    )
    shutil.copy(SEED, folder / "canary.yaml")
    (folder / "other.yaml").write_text("no: manifest\n")
    (folder / "chart/templates").mkdir(parents=True)
    (folder / "chart/templates/canary.yaml").write_text("kind: {{ .Values.kind }}\n")
    for words in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run([*GIT, *words], cwd=folder, check=True)
    return folder


def hooks(repository: Path) -> subprocess.CompletedProcess[str]:
    known = {
        key: os.environ[key] for key in ("PATH", "PIP_INDEX_URL", "PIP_CONFIG_FILE") if key in os.environ
    }
    environment = {
        **known,
        "HOME": str(repository.parent),
        "PRE_COMMIT_HOME": str(repository.parent / "cache"),
    }
    command = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color=never"]
    return subprocess.run(
        command, cwd=repository, env=environment, capture_output=True, text=True, check=False
    )


def test_pre_commit_validates_canary_files_and_rendered_folders(repository: Path) -> None:
    passed = hooks(repository)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "kubectl canary validate" in passed.stdout
    wrong = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: A}\n"
    (repository / "rendered").mkdir()
    (repository / "rendered/route.yaml").write_text(wrong)
    subprocess.run([*GIT, "add", "--all"], cwd=repository, check=True)
    failed = hooks(repository)
    assert failed.returncode == 1
    assert "error HTTPRoute A: metadata.name: Invalid value" in failed.stdout
    assert "rendered/route.yaml:3:" in failed.stdout
    assert "other.yaml" not in failed.stdout


def argocd(step: str, folder: Path, **parameters: str) -> subprocess.CompletedProcess[str]:
    """A step of the plugin, as Argo CD's sidecar runs it: in the Application's folder, parameters as variables."""
    given = yaml.safe_load((ROOT / "contrib/argocd/plugin.yaml").read_text())["spec"][step]
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "ARGOCD_APP_NAME": "shop",
        **parameters,
    }
    command = [*given["command"], *given.get("args", ())]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=90
    )


def test_argocd_renders_the_phase_of_the_file_or_of_the_parameter(tmp_path: Path) -> None:
    shutil.copy(SEED, tmp_path / "canary.yaml")
    assert argocd("init", tmp_path).returncode == 0
    own = argocd("generate", tmp_path)
    assert (0, "") == (own.returncode, own.stderr)
    assert {"Deployment", "HTTPRoute"} <= {one["kind"] for one in yaml.safe_load_all(own.stdout)}
    asked = argocd("generate", tmp_path, PARAM_PHASE="25%")
    assert asked.returncode == 0
    route = next(one for one in yaml.safe_load_all(asked.stdout) if one["kind"] == "HTTPRoute")
    weights = [ref["weight"] for rule in route["spec"]["rules"] for ref in rule["backendRefs"]]
    assert {75, 25} <= set(weights)


def test_argocd_gets_no_half_of_a_release(tmp_path: Path) -> None:
    (tmp_path / "canary.yaml").write_text(SEED.read_text().replace("replicas: 3", "replicas: three"))
    assert argocd("init", tmp_path).returncode == 1
    refused = argocd("generate", tmp_path)
    assert (1, "") == (refused.returncode, refused.stdout)
    assert "canary.yaml:" in refused.stderr
    unknown = argocd("generate", tmp_path, PARAM_PHASE="$(touch owned)")
    assert (1, "") == (unknown.returncode, unknown.stdout)
    assert not (tmp_path / "owned").exists()


KUSTOMIZE = ROOT / "contrib/kustomize"
FUNCTIONS = ["--enable-alpha-plugins", "--enable-exec"]
Program = Callable[[str], Path]


def ours(*programs: Path) -> dict[str, str]:
    """An environment with kubectl-canary, and these programs, on PATH."""
    folders = [Path(sys.executable).parent, *(program.parent for program in programs)]
    return {"PATH": os.pathsep.join([*map(str, folders), "/usr/bin", "/bin"]), "HOME": "/nonexistent"}


def run(
    *command: object, environment: dict[str, str], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)), env=environment, cwd=cwd, capture_output=True, text=True, check=False
    )


def weights(manifests: str) -> list[int]:
    route = next(one for one in yaml.safe_load_all(manifests) if one["kind"] == "HTTPRoute")
    return [ref["weight"] for ref in route["spec"]["rules"][-1]["backendRefs"]]


@pytest.mark.parametrize(("form", "share"), [("generator", [95, 5]), ("transformer", [75, 25])])
def test_kustomize_renders_a_canary_file(form: str, share: list[int], program: Program) -> None:
    done = run(program("kustomize"), "build", *FUNCTIONS, KUSTOMIZE / form, environment=ours())
    assert (0, "") == (done.returncode, done.stderr)
    assert share == weights(done.stdout)
    kinds = [one["kind"] for one in yaml.safe_load_all(done.stdout)]
    assert ["Service", "Service", "Deployment", "Deployment", "HTTPRoute"] == kinds
    assert "config.kubernetes.io" not in done.stdout


def test_kustomize_shows_what_is_wrong(program: Program, tmp_path: Path) -> None:
    for form, old, new, said in (
        ("generator", "phase: 5%", "phase: 26%", "error Canary production/my-app: spec.phase: unknown phase"),
        ("check", "port: 80", "prot: 80", 'unknown field "spec.rules[0].backendRefs[0].prot"'),
    ):
        folder = shutil.copytree(KUSTOMIZE / form, tmp_path / form)
        for file in folder.iterdir():
            file.write_text(file.read_text().replace(old, new))
        done = run(program("kustomize"), "build", *FUNCTIONS, folder, environment=ours())
        assert (1, "") == (done.returncode, done.stdout)
        assert said in done.stderr


def test_kustomize_passes_what_the_server_would_accept(program: Program) -> None:
    done = run(program("kustomize"), "build", *FUNCTIONS, KUSTOMIZE / "check", environment=ours())
    assert (0, "") == (done.returncode, done.stderr)
    assert yaml.safe_load((KUSTOMIZE / "check/route.yaml").read_text()) == yaml.safe_load(done.stdout)


def test_a_function_that_kubectl_drops_is_noticed(program: Program, cluster: Cluster, namespace: str) -> None:
    """Without --enable-exec, which kubectl has not, kustomize drops functions without a word."""
    dropping = [program("kubectl"), "kustomize", "--enable-alpha-plugins"]
    generator = run(*dropping, KUSTOMIZE / "generator", environment=ours())
    assert (1, "") == (generator.returncode, generator.stdout)
    assert "nothing selected by HTTPRoute" in generator.stderr
    transformer = run(*dropping, KUSTOMIZE / "transformer", environment=ours())
    assert 0 == transformer.returncode
    left = transformer.stdout.replace("namespace: production", f"namespace: {namespace}")
    applied = cluster.kubectl("apply", "-f", "-", stdin=left, check=False)
    assert (1, "") == (applied.returncode, applied.stdout)
    assert 'no matches for kind "Canary"' in applied.stderr
    default = run(program("kubectl"), "kustomize", KUSTOMIZE / "generator", environment=ours())
    assert 1 == default.returncode


ADOPTED = ROOT / "tests/cases/adopt-shop"


def adopting(folder: Path) -> Path:
    """The user's manifests in a folder, and beside them a canary file that adopts what it stands among."""
    shutil.copytree(ADOPTED / "k8s", folder)
    own = (ADOPTED / "canary.yaml").read_text().replace("from: k8s/", 'from: "-"')
    (folder / "canary.yaml").write_text(own)
    return folder


def found(manifests: str) -> dict[tuple[str, str], Any]:
    """Objects without what Helm and kustomize may write otherwise."""
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(manifests)}


def rendered_whole() -> dict[tuple[str, str], Any]:
    """What `render --everything` prints of the user's manifests."""
    program = Path(sys.executable).parent / "kubectl-canary"
    own = ADOPTED / "canary.yaml"
    return found(run(program, "render", "--everything", "-f", own, environment=ours()).stdout)


def test_kustomize_adopts_what_it_builds(program: Program, tmp_path: Path) -> None:
    folder = adopting(tmp_path / "built")
    config = yaml.safe_load((KUSTOMIZE / "transformer/render.yaml").read_text())
    config["data"]["admission-only"] = "true"  # the case has routes to Services of others
    (folder / "render.yaml").write_text(yaml.safe_dump(config))
    resources = "resources: [app.yaml, route.yaml, canary.yaml]\ntransformers: [render.yaml]\n"
    (folder / "kustomization.yaml").write_text(resources)
    done = run(program("kustomize"), "build", *FUNCTIONS, folder, environment=ours())
    assert (0, "") == (done.returncode, done.stderr)
    assert rendered_whole() == found(done.stdout)
    assert "config.kubernetes.io" not in done.stdout


def test_kustomize_reads_stable_in_the_folder_that_it_builds(program: Program, tmp_path: Path) -> None:
    folder = adopting(tmp_path / "built")
    shutil.copytree(ADOPTED / "k8s", folder / "running")
    app = folder / "running/app.yaml"
    app.write_text(app.read_text().replace("replicas: 8", "replicas: 6"))
    own = yaml.safe_load((folder / "canary.yaml").read_text())
    function = "exec: {path: kubectl-canary, args: [krm, --admission-only]}\n"
    own["metadata"]["annotations"] = {"config.kubernetes.io/function": function}
    own["spec"]["adopt"]["stable"] = "running"
    (folder / "canary.yaml").write_text(yaml.safe_dump(own))
    resources = "resources: [app.yaml, route.yaml]\ntransformers: [canary.yaml]\n"
    (folder / "kustomization.yaml").write_text(resources)
    done = run(program("kustomize"), "build", *FUNCTIONS, folder, environment=ours(), cwd=tmp_path)
    assert (0, "") == (done.returncode, done.stderr)
    assert 6 == found(done.stdout)["Deployment", "shop"]["spec"]["replicas"]
    assert rendered_whole().keys() == found(done.stdout).keys()


HELM = ROOT / "contrib/helm"
Helm = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def helm4(program: Program, tmp_path: Path) -> Helm:
    """Helm 4 with our plugin, installed as its comment says."""
    homes = {f"HELM_{name}_HOME": str(tmp_path / name.lower()) for name in ("DATA", "CONFIG", "CACHE")}
    environment = ours() | homes

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        return run(program("helm"), *arguments, environment=environment, cwd=tmp_path)

    installed = call("plugin", "install", HELM)
    assert installed.returncode == 0, installed.stderr
    return call


@pytest.fixture
def helm3(program: Program, tmp_path: Path) -> Helm:
    return lambda *arguments: run(program("helm3"), *arguments, environment=ours(), cwd=tmp_path)


FORMS = {
    "helm4": ["--post-renderer", "canary"],
    "helm3": ["--post-renderer", "kubectl-canary", "--post-renderer-args", "post-render"],
}


@pytest.mark.parametrize("form", FORMS)
def test_helm_renders_a_canary_file_of_a_chart(form: str, request: pytest.FixtureRequest) -> None:
    helm = request.getfixturevalue(form)
    command = ["template", "shop", HELM / "example", "--namespace", "web", *FORMS[form]]
    done = helm(*command, "--set", "phase=25%")
    assert done.returncode == 0, done.stderr
    assert [75, 25] == weights(done.stdout)
    found = [(one["kind"], one["metadata"]["name"]) for one in yaml.safe_load_all(done.stdout)]
    assert ("ConfigMap", "shop") in found
    assert ("Deployment", "shop-canary") in found
    assert not any(kind == "Canary" for kind, _ in found)
    assert "greeting: hello # kept" in done.stdout


@pytest.mark.parametrize("form", FORMS)
def test_helm_adopts_what_a_chart_renders(form: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    helm = request.getfixturevalue(form)
    adopting(tmp_path / "chart/templates")
    (tmp_path / "chart/Chart.yaml").write_text("{apiVersion: v2, name: store, version: 0.1.0}\n")
    argument = ["--post-renderer-args", "--admission-only"]
    done = helm("template", "store", tmp_path / "chart", *FORMS[form], *argument)
    assert done.returncode == 0, done.stderr
    assert rendered_whole() == found(done.stdout)
    assert "replicas: 8 # as many as we need" in done.stdout


@pytest.mark.parametrize("form", FORMS)
def test_helm_shows_what_is_wrong(form: str, request: pytest.FixtureRequest) -> None:
    helm = request.getfixturevalue(form)
    command = ["template", "shop", HELM / "example", "--namespace", "web", *FORMS[form]]
    done = helm(*command, "--set", "hostname=A_b")
    assert (1, "") == (done.returncode, done.stdout)
    assert "spec.route.hostnames[0]: `A_b` is not a DNS name" in done.stderr


def test_helm_passes_arguments_on(helm4: Helm, helm3: Helm) -> None:
    for helm, form in ((helm4, "helm4"), (helm3, "helm3")):
        argument = ["--post-renderer-args", "--gateway-api=v1.0"]
        done = helm("template", "shop", HELM / "example", *FORMS[form], *argument, "--namespace", "web")
        assert done.returncode == 0, done.stderr
        assert "name: kubectl-canary-testers" not in done.stdout


ACTION = ROOT / "contrib/github-action"


def run_action(folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """The step of the action as GitHub's runner runs it: in the workspace, each input in its variable."""
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    (step,) = action["runs"]["steps"]
    variables = {}
    for variable, expression in step["env"].items():
        name = expression.removeprefix("${{ inputs.").removesuffix(" }}")
        variables[variable] = inputs.pop(name.replace("-", "_"), action["inputs"][name]["default"])
    assert not inputs
    script = folder.parent / "step.sh"
    script.write_text(step["run"])
    known = {key: os.environ[key] for key in ("PIP_INDEX_URL", "PIP_CONFIG_FILE") if key in os.environ}
    environment = {
        **known, **variables, "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(folder.parent),
        "GITHUB_ACTION_PATH": str(ACTION), "RUNNER_TEMP": str(folder.parent / "temp of the runner"),
    }  # fmt: skip
    command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", script]
    return run(*command, environment=environment, cwd=folder)


def test_the_github_action_annotates(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    shutil.copy(SEED, workspace / "canary.yaml")
    good = run_action(workspace)
    assert (0, "") == (good.returncode, good.stderr)
    folder = workspace / "with spaces"
    folder.mkdir()
    (folder / "route.yaml").write_text(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: a}\nspec: {rules: [{name: b}]}\n"
    )
    wrong = run_action(workspace, paths="canary.yaml\nwith spaces\n", gateway_api="v1.0", channel="standard")
    assert 1 == wrong.returncode
    assert "::error file=with spaces/route.yaml,line=4," in wrong.stdout
    assert 0 == run_action(workspace, paths="with spaces", gateway_api="v1.0", fail_on="never").returncode


def test_what_github_reads_is_what_it_takes(program: Program) -> None:
    checking = [
        find_uv_bin(),
        "tool",
        "run",
        "--quiet",
        "check-jsonschema==0.39.0",
    ]  # it needs newer dependencies
    for schema, files in (("actions", [ACTION / "action.yml"]), ("workflows", WORKFLOWS)):
        done = run(
            *checking, "--builtin-schema", f"vendor.github-{schema}", *files, environment=dict(os.environ)
        )
        assert done.returncode == 0, done.stdout + done.stderr
    linted = run(program("actionlint"), "-shellcheck=", "-pyflakes=", *WORKFLOWS, environment={})
    assert (0, "") == (linted.returncode, linted.stdout)


WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def test_the_release_workflow_builds_every_platform_of_the_manifest() -> None:
    platforms = yaml.safe_load((ROOT / "plugin.yaml").read_text())["spec"]["platforms"]
    wanted = {"_".join(one["selector"]["matchLabels"].values()) for one in platforms}
    release = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    built = {one["platform"] for one in release["jobs"]["build"]["strategy"]["matrix"]["include"]}
    assert 5 == len(wanted)
    assert wanted == built


K9S = yaml.safe_load((ROOT / "contrib/k9s/plugins.yaml").read_text())["plugins"]
# of k9s: what a plugin must have, and what it may have
K9S_REQUIRED = {"shortCut", "description", "scopes", "command"}
K9S_KNOWN = {
    *K9S_REQUIRED,
    "override",
    "confirm",
    "dangerous",
    "background",
    "overwriteOutput",
    "args",
    "inputs",
}


def test_k9s_plugins_do_what_they_say(
    program: Program, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """K9s is not to be had here: its file's shape, and its commands with the variables that it puts in."""
    for plugin in K9S.values():
        assert plugin.keys() >= K9S_REQUIRED
        assert plugin.keys() <= K9S_KNOWN
    assert len(K9S) == len({plugin["shortCut"] for plugin in K9S.values()})
    (tmp_path / "canary.yaml").write_text(SEED.read_text().replace("phase: deploy", "phase: 25%"))
    canary = [
        Path(sys.executable).parent / "kubectl-canary",
        "render",
        "-f",
        tmp_path / "canary.yaml",
        "-n",
        namespace,
    ]
    rendered = run(*canary, environment={"PATH": "/usr/bin:/bin"})
    cluster.kubectl("apply", "-f", "-", stdin=rendered.stdout)
    context = cluster.kubectl("config", "current-context").stdout.strip()
    said = {}
    for name, plugin in K9S.items():
        words = [plugin["command"], *map(str, plugin["args"])]
        for variable, value in {
            "$RESOURCE_NAME": "httproutes", "$RESOURCE_GROUP": "gateway.networking.k8s.io", "$NAMESPACE": namespace,
            "$NAME": "my-app-canary-route", "$CONTEXT": context,
        }.items():  # fmt: skip
            words = [word.replace(variable, value) for word in words]
        environment = ours(program("kubectl")) | {"KUBECONFIG": str(cluster.kubeconfig), "LESS": "-FX"}
        done = run(*words, environment=environment, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        said[name] = done.stdout
    assert "1 document, 0 errors" in said["canary-validate"]
    assert "my-app in production" in said["canary-plan"]
    assert "httproute.gateway.networking.k8s.io/my-app-canary-route configured" in said["canary-rollback"]
    route = cluster.live(namespace)["HTTPRoute", "my-app-canary-route"]
    assert [100] == [ref["weight"] for ref in route["spec"]["rules"][-1]["backendRefs"]]


class LanguageServer:
    """The real yaml-language-server, as an editor speaks to it (LSP over standard input and output)."""

    def __init__(self, program: Program, settings: dict[str, object], folder: Path) -> None:
        server = (
            program("yaml-language-server") / "node_modules/yaml-language-server/bin/yaml-language-server"
        )
        node, _ = build.node_and_npm()
        command = [node, server, "--stdio"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"HOME": str(folder)}, cwd=folder
        )
        self.settings, self.number = settings, 0
        self.patience = threading.Timer(60, self.process.kill)
        self.patience.start()
        root = {"processId": None, "rootUri": folder.as_uri(), "capabilities": {}}
        self.ask("initialize", root)
        self.send({"method": "initialized", "params": {}})
        self.send({"method": "workspace/didChangeConfiguration", "params": {"settings": {"yaml": settings}}})

    def send(self, message: dict[str, object]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """The next message; questions of the server for its settings are answered."""
        assert self.process.stdout is not None
        length = 0
        assert self.process.stdout.peek(1), "the language server has ended"  # type: ignore[attr-defined]  # it is buffered, which its type does not say
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        message: dict[str, Any] = json.loads(self.process.stdout.read(length))
        if "id" in message and "method" in message:
            asked = message.get("params", {}).get("items", [])
            found = [self.settings if one.get("section") == "yaml" else {} for one in asked]
            self.send({"id": message["id"], "result": found or None})
        return message

    def ask(self, method: str, params: dict[str, object]) -> Any:
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while (message := self.receive()).get("id") != self.number or "method" in message:
            pass
        return message["result"]

    def opened(self, file: Path) -> list[dict[str, Any]]:
        """What is wrong with a file that has something wrong, as an editor marks it once it has the schema."""
        document = {"uri": file.as_uri(), "languageId": "yaml", "version": 1, "text": file.read_text()}
        self.send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        found: list[dict[str, Any]] = []
        while not found:
            message = self.receive()
            if message.get("method") == "textDocument/publishDiagnostics":
                found = message["params"]["diagnostics"]
        return found

    def completed(self, file: Path, line: int, column: int) -> set[str]:
        """The words that an editor offers at a place, counted from 0."""
        place = {"textDocument": {"uri": file.as_uri()}, "position": {"line": line, "character": column}}
        return {item["label"] for item in self.ask("textDocument/completion", place)["items"]}


CATALOGUE = json.loads((ROOT / "contrib/editor/catalog.json").read_text())
SCHEMA = ROOT / "schemas/canary.schema.json"


@pytest.fixture
def catalogue(tmp_path: Path, server: Callable[[Path], str]) -> str:
    """The address of a catalogue with our entry in it, whose schema is this checkout's."""
    entry = {**CATALOGUE["schemas"][0], "url": f"{server(SCHEMA.parent)}/{SCHEMA.name}"}
    (tmp_path / "catalog.json").write_text(json.dumps({**CATALOGUE, "schemas": [entry]}))
    return f"{server(tmp_path)}/catalog.json"


@pytest.mark.parametrize("form", ["modeline", "catalogue"])
def test_editors_complete_and_mark_the_canary_file(
    form: str, program: Program, tmp_path: Path, catalogue: str
) -> None:
    """By the first line that init writes, or by an entry of the catalogue: an error at its line, and what fits."""
    first = {"modeline": f"# yaml-language-server: $schema={SCHEMA.as_uri()}", "catalogue": "#"}[form]
    store = {"enable": form == "catalogue", "url": catalogue}
    assert SEED.read_text().startswith("# yaml-language-server: $schema=")
    lines = [first, *SEED.read_text().splitlines()[1:]]
    number = next(index for index, line in enumerate(lines) if line.startswith("  stable:"))
    lines[number] = "  stable: {tag: v1.0.0, replicas: three}"
    lines += ["  "]
    file = tmp_path / "shop.canary.yaml"
    file.write_text("\n".join(lines))
    server = LanguageServer(program, {"validate": True, "completion": True, "schemaStore": store}, tmp_path)
    try:
        marked = {one["range"]["start"]["line"]: one["message"] for one in server.opened(file)}
        assert [number] == list(marked), marked
        assert "integer" in marked[number]
        offered = server.completed(file, len(lines) - 1, 2)
        assert {"pod", "gatewayAPI"} <= offered
        assert "testers" not in offered  # it is there already
    finally:
        server.patience.cancel()
        server.process.kill()
        server.process.communicate()
