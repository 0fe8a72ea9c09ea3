"""Canary releases on the Kubernetes Gateway API without a controller: every phase is a file."""

__version__ = "0.1.0"
