"""What other tools keep in a cluster → a release in files, and what of it cannot be said there; one tool a file."""

from kubectl_canary.integrations.importers.argo_rollouts import ARGO_ROLLOUTS
from kubectl_canary.integrations.importers.flagger import FLAGGER
from kubectl_canary.integrations.importers.imported import Neighbour
from kubectl_canary.integrations.importers.ingress_nginx import INGRESS_NGINX
from kubectl_canary.integrations.importers.kruise import KRUISE

# the controllers first: Ingresses and routes beside them may be made by them
NEIGHBOURS: tuple[Neighbour, ...] = (FLAGGER, ARGO_ROLLOUTS, KRUISE, INGRESS_NGINX)
