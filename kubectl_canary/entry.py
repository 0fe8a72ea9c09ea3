"""Where a process of ours begins.

Most are too short for anything worth collecting: without the collector, imports alone are 2 ms quicker, and it runs
before the first of them. A verb that runs long switches it on again.
"""

import gc

gc.disable()

from kubectl_canary.cli import complete, main  # noqa: E402  after the collector is off

__all__ = ["complete", "main"]
