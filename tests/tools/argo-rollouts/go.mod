module kubectl-canary/tests/tools/argo-rollouts

go 1.27.3

require github.com/argoproj/argo-rollouts v1.10.2
