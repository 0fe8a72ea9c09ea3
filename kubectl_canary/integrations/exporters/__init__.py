"""A release in files → what other tools keep in a cluster, and what of it they cannot do; one tool a file."""

from kubectl_canary.integrations.exporters.argo_rollouts import ARGO_ROLLOUTS
from kubectl_canary.integrations.exporters.exported import Destination
from kubectl_canary.integrations.exporters.flagger import FLAGGER
from kubectl_canary.integrations.exporters.kruise import KRUISE

DESTINATIONS: tuple[Destination, ...] = (ARGO_ROLLOUTS, FLAGGER, KRUISE)
