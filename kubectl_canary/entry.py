"""Where a process of ours begins.

It is too short for anything worth collecting: without the collector, imports alone are 2 ms quicker, and it runs before
the first of them.
"""

import gc

gc.disable()

from kubectl_canary.cli import complete, main  # noqa: E402  after the collector is off

__all__ = ["complete", "main"]
