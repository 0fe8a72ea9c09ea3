"""The objects of a release as `--only` names them, in the order in which they are applied."""

GROUPS = ("services", "workloads", "gateway", "route")
