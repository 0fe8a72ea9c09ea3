"""`python -m kubectl_canary`."""

from kubectl_canary.cli import main

main()
