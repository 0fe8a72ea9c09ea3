module kubectl-canary/tests/tools/mcs-api

go 1.27.0

require sigs.k8s.io/mcs-api v0.5.2
