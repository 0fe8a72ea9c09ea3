"""`kubectl canary completion`, and the answers that shells and kubectl ask for."""

from __future__ import annotations

import click

from kubectl_canary.commands.common import verb
from kubectl_canary.outside.output import ClosedPipe, write

DIRECTIVE_DEFAULT, DIRECTIVE_NO_FILES = 0, 4  # cobra's ShellCompDirective

BASH = r"""# kubectl canary completion for bash: source <(kubectl canary completion bash)
__kubectl_canary() {
    local words=("${COMP_WORDS[@]:1:COMP_CWORD}") line value
    [ "${COMP_WORDS[0]##*/}" = kubectl ] && words=("${words[@]:1}")
    COMPREPLY=()
    while IFS= read -r line; do
        case "$line" in
            :0) [ ${#COMPREPLY[@]} -eq 0 ] && compopt -o default ;;
            :*) ;;
            *) value="${line%%$'\t'*}"; COMPREPLY+=("$(printf '%q' "$value")") ;;
        esac
    done < <(kubectl-canary completion answer -- "${words[@]}" 2>/dev/null)
}
__kubectl_or_canary() {
    if [ "${COMP_WORDS[1]}" = canary ] && [ "$COMP_CWORD" -gt 1 ]; then
        __kubectl_canary
    elif declare -F __start_kubectl >/dev/null; then
        __start_kubectl
    elif [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W canary -- "${COMP_WORDS[1]}"))
    fi
}
complete -F __kubectl_canary kubectl-canary
complete -o default -F __kubectl_or_canary kubectl
"""
ZSH = r"""#compdef kubectl-canary
# kubectl canary completion for zsh: source <(kubectl canary completion zsh)
__kubectl_canary() {
    local -a asked values
    local line directive value
    asked=("${(@)words[2,CURRENT]}")
    [[ "${words[1]:t}" == kubectl ]] && asked=("${(@)words[3,CURRENT]}")
    while IFS= read -r line; do
        if [[ "$line" == :* ]]; then directive="${line#:}"; continue; fi
        value="${line%%$'\t'*}"
        [[ "$line" == *$'\t'* ]] && values+=("${value//:/\\:}:${line#*$'\t'}") || values+=("${value//:/\\:}")
    done < <(kubectl-canary completion answer -- "${asked[@]}" 2>/dev/null)
    if (( ${#values} )); then _describe 'kubectl canary' values
    elif [[ "$directive" == 0 ]]; then _files
    fi
}
__kubectl_or_canary() {
    if [[ "${words[2]}" == canary && $CURRENT -gt 2 ]]; then __kubectl_canary
    elif (( $+functions[_kubectl] )); then _kubectl
    elif (( CURRENT == 2 )); then compadd canary
    else _files
    fi
}
compdef __kubectl_canary kubectl-canary
compdef __kubectl_or_canary kubectl
"""
FISH = r"""# kubectl canary completion for fish: kubectl canary completion fish | source
function __kubectl_canary_asked
    set -l words (commandline -opc) (commandline -ct)
    set -e words[1]
    test (commandline -opc)[1] = kubectl; and set -e words[1]
    kubectl-canary completion answer -- $words 2>/dev/null | string match -v -r '^:[0-9]+$'
end
complete -c kubectl-canary -a '(__kubectl_canary_asked)'
complete -c kubectl -n '__fish_seen_subcommand_from canary' -a '(__kubectl_canary_asked)'
"""
POWERSHELL = r"""# kubectl canary completion for PowerShell:
#   kubectl canary completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName kubectl-canary, kubectl -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | ForEach-Object { "$_" })
    if ($wordToComplete -eq '') { $words += '' }
    $skip = 1
    if ($words[0] -notmatch 'kubectl-canary') {
        if ($words.Count -lt 3 -or $words[1] -ne 'canary') { return }
        $skip = 2
    }
    $asked = @($words | Select-Object -Skip $skip)
    kubectl-canary completion answer -- @asked 2>$null | Where-Object { $_ -notmatch '^:\d+$' } | ForEach-Object {
        $value, $text = $_ -split "`t", 2
        if (-not $text) { $text = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $text)
    }
}
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH, "powershell": POWERSHELL}


@verb(
    "completion",
    "Print the completion script of bash, zsh, fish or powershell, for `kubectl canary` and `kubectl-canary`.\n\n"
    "Where `kubectl_complete-canary` is on PATH, kubectl's own completion knows us without it.",
    """
  # In ~/.bashrc, after kubectl's own
  source <(kubectl canary completion bash)

  # In ~/.zshrc
  source <(kubectl canary completion zsh)
""",
)
@click.argument("shell", type=click.Choice([*SCRIPTS, "answer"]), metavar="bash|zsh|fish|powershell")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="")
@click.pass_context
def command(ctx: click.Context, shell: str, words: tuple[str, ...]) -> int:
    """Print the script, or (for the scripts) what fits the words so far."""
    if shell == "answer":
        return answer(ctx.find_root().command, list(words))
    write(SCRIPTS[shell])
    return 0


def answer(group: click.Command, words: list[str]) -> int:
    """Print what may follow, a `value<TAB>description` a line and cobra's directive last."""
    from click.shell_completion import ShellComplete

    *before, incomplete = words or [""]
    items = ShellComplete(group, {}, "kubectl-canary", "").get_completions(before, incomplete)
    values = [item for item in items if item.type == "plain"]
    lines = [f"{item.value}\t{item.help}" if item.help else str(item.value) for item in values]
    lines.append(f":{DIRECTIVE_NO_FILES if values else DIRECTIVE_DEFAULT}")
    try:
        write("\n".join(lines) + "\n")
    except ClosedPipe:
        return 0
    return 0
