"""`python -m kubectl_canary`."""

from kubectl_canary.entry import main

main()
