"""What leads a release through a living cluster: what to do next, and doing it."""
