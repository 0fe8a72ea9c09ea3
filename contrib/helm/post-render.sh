#!/bin/sh
# Helm 4 keeps to itself what a post-renderer writes to standard error, even where it fails. This writes it to Helm's own
# standard error, or else to the terminal; not into a file, which Helm would write over. Then, this shows it:
#   helm template ... | kubectl canary post-render
for place in "/proc/$PPID/fd/2" /dev/tty; do
    if [ ! -f "$place" ] && (: >>"$place") 2>/dev/null; then
        exec kubectl-canary post-render "$@" 2>>"$place"
    fi
done
exec kubectl-canary post-render "$@"
