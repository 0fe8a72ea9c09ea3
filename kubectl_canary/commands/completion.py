"""`kubectl canary completion`; its scripts ask by `completion answer -- WORD...`, which nobody is told of."""

from __future__ import annotations

from kubectl_canary.commands.common import verb
from kubectl_canary.commands.parameters import argument
from kubectl_canary.outside.output import write

BASH = r"""# kubectl canary completion for bash: source <(kubectl canary completion bash)
__kubectl_canary() {
    # bash splits words at = and : too; we ask with the words as they are typed
    local typed="${COMP_LINE:0:COMP_POINT}" line value text directive="" skip=2 width=0 i
    local -a words=() values=() texts=()
    read -a words <<<"$typed"
    [[ "$typed" == *[[:space:]] ]] && words+=("")
    [[ "${words[0]##*/}" == kubectl-canary ]] && skip=1
    local current="${words[${#words[@]} - 1]}"
    COMPREPLY=()
    while IFS= read -r line; do
        case "$line" in
            :*) directive="${line#:}" ;;
            *)
                values+=("${line%%$'\t'*}"); text="${line#*$'\t'}"
                [[ "$line" == *$'\t'* ]] || text=""
                texts+=("$text"); value="${line%%$'\t'*}"
                ((${#value} > width)) && width=${#value}
                ;;
        esac
    done < <(kubectl-canary completion answer -- "${words[@]:skip}" 2>/dev/null)
    [[ $directive == 4 ]] && compopt +o default 2>/dev/null
    ((${#values[@]})) && compopt -o nosort 2>/dev/null
    # the part of a word before its last colon is not ours to replace
    local before=""
    [[ "$current" == *:* && "$COMP_WORDBREAKS" == *:* ]] && before="${current%"${current##*:}"}"
    for ((i = 0; i < ${#values[@]}; i++)); do
        value="${values[i]#"$before"}"
        # 63: a list is shown, and nothing is inserted
        if [[ "${COMP_TYPE:-}" == 63 && -n "${texts[i]}" ]] && ((${#values[@]} > 1)); then
            printf -v value '%-*s  (%s)' "$width" "${values[i]}" "${texts[i]}"
            COMPREPLY+=("${value:0:${COLUMNS:-80}}")
        else
            printf -v value '%q' "$value"
            COMPREPLY+=("$value")
        fi
    done
}
__kubectl_or_canary() {
    if [[ "${COMP_WORDS[1]}" == canary && $COMP_CWORD -gt 1 ]]; then
        __kubectl_canary
    elif declare -F __start_kubectl >/dev/null; then
        __start_kubectl
    elif [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -W canary -- "${COMP_WORDS[1]}"))
    fi
}
complete -o default -F __kubectl_canary kubectl-canary
complete -o default -F __kubectl_or_canary kubectl
"""
ZSH = r"""#compdef kubectl-canary
# kubectl canary completion for zsh: source <(kubectl canary completion zsh)
__kubectl_canary() {
    local -a asked values
    local line directive value
    asked=("${(@Q)words[2,CURRENT]}")
    [[ "${words[1]:t}" == kubectl-canary ]] || asked=("${(@Q)words[3,CURRENT]}")
    while IFS= read -r line; do
        if [[ "$line" == :* ]]; then directive="${line#:}"; continue; fi
        value="${${line%%$'\t'*}//:/\\:}"
        [[ "$line" == *$'\t'* ]] && values+=("${value}:${line#*$'\t'}") || values+=("${value}")
    done < <(kubectl-canary completion answer -- "${asked[@]}" 2>/dev/null)
    [[ "${asked[-1]}" == --*=* ]] && compset -P '*='
    if (( ${#values} )); then _describe -V 'kubectl canary' values
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
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -u; }
compdef __kubectl_canary kubectl-canary
compdef __kubectl_or_canary kubectl
"""
FISH = r"""# kubectl canary completion for fish: kubectl canary completion fish | source
function __kubectl_canary_asked
    set -l words (commandline -opc) (commandline -ct | string unescape)
    test (count $words) -gt 0; or return
    set -l skip 3
    string match -q '*kubectl-canary' -- $words[1]; and set skip 2
    set -l before (string match -r -- '^--[^=]+=' $words[-1])
    set -l answer (kubectl-canary completion answer -- $words[$skip..-1] 2>/dev/null)
    for line in (string match -v -r '^:[0-9]+$' -- $answer)
        echo -- "$before$line"
    end
    contains -- :0 $answer; and __fish_complete_path (commandline -ct)
end
function __kubectl_canary_is_asked
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test "$words[2]" = canary
end
# fish loads its own file for kubectl at the first tab, and that file removes what others said of kubectl: load it now
for folder in $fish_complete_path
    if test -e $folder/kubectl.fish
        complete -C 'kubectl canar' >/dev/null 2>&1
        break
    end
end
complete -c kubectl-canary -f -a '(__kubectl_canary_asked)' -k
complete -c kubectl -n '__kubectl_canary_is_asked' -f -a '(__kubectl_canary_asked)' -k
complete -c kubectl -n 'test (count (commandline -opc)) -eq 1' -f -a canary -d 'Canary releases on the Gateway API'
"""
POWERSHELL = r"""# kubectl canary completion for PowerShell:
#   kubectl canary completion powershell | Out-String | Invoke-Expression
$__kubectlCanary = {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | ForEach-Object { "$_" })
    if ($wordToComplete -eq '') { $words += '' }
    $skip = 1
    if ($words[0] -notmatch 'kubectl-canary') {
        if ($words.Count -lt 3 -or $words[1] -ne 'canary') {
            # kubectl's own, where its completion was loaded before
            if ($__kubectlCompleterBlock) { & $__kubectlCompleterBlock $wordToComplete $commandAst $cursorPosition }
            return
        }
        $skip = 2
    }
    $before = if ($wordToComplete -match '^--[^=]+=') { $Matches[0] } else { '' }
    $asked = @($words | Select-Object -Skip $skip)
    kubectl-canary completion answer -- @asked 2>$null | Where-Object { $_ -notmatch '^:\d+$' } | ForEach-Object {
        $value, $text = $_ -split "`t", 2
        if (-not $text) { $text = $value }
        [System.Management.Automation.CompletionResult]::new("$before$value", $value, 'ParameterValue', $text)
    }
}
Register-ArgumentCompleter -Native -CommandName @('kubectl-canary', 'kubectl') -ScriptBlock $__kubectlCanary
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

  # In ~/.config/fish/config.fish
  kubectl canary completion fish | source

  # In PowerShell's $PROFILE, after kubectl's own
  kubectl canary completion powershell | Out-String | Invoke-Expression
""",
)
@argument("shell", required=True, choices=tuple(SCRIPTS), metavar="bash|zsh|fish|powershell")
def command(shell: str) -> int:
    """Print the script."""
    write(SCRIPTS[shell])
    return 0
