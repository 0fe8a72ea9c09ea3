"""The objects of a release as `--only` names them, in the order in which they are applied."""

GROUPS = ("services", "workloads", "gateway", "route")
OTHERS = "others"  # what a release finds among the user's manifests and leaves as it is
