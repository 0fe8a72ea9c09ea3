#!/usr/bin/env bash
# Installs the kubectl-canary of this action's own commit, beside everything else, and validates.
set -euo pipefail

environment="${RUNNER_TEMP:-$(mktemp -d)}/kubectl-canary"
python3 -m venv "$environment"
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check "$GITHUB_ACTION_PATH/../.."

arguments=(--fail-on "${FAIL_ON:-error}")
[ -n "${GATEWAY_API:-}" ] && arguments+=(--gateway-api "$GATEWAY_API")
[ -n "${CHANNEL:-}" ] && arguments+=(--channel "$CHANNEL")
[ -n "${KUBERNETES:-}" ] && arguments+=(--kubernetes "$KUBERNETES")
[ -n "${IMPLEMENTATION:-}" ] && arguments+=(--implementation "$IMPLEMENTATION")
while IFS= read -r file; do
    [ -n "$file" ] && arguments+=(--crds "$file")
done <<<"${CRDS:-}"
paths=()
while IFS= read -r path; do
    [ -n "$path" ] && paths+=("$path")
done <<<"${PATHS:-canary.yaml}"

exec "$environment/bin/kubectl-canary" validate -o github "${arguments[@]}" -- "${paths[@]}"
