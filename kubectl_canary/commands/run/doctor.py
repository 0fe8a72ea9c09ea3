"""What `kubectl canary doctor` does."""

from __future__ import annotations

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.doctor import DoctorFlags
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags
from kubectl_canary.commands.run.calls import call_of
from kubectl_canary.commands.run.survey import facts_of
from kubectl_canary.driving.doctor import examine
from kubectl_canary.outside.output import write
from kubectl_canary.reports import remarks


def run(release_flags: ReleaseFlags, flags: DoctorFlags, cluster_flags: ClusterFlags) -> int:
    """Say what stands in the way; 1 where something does, 0 where there are warnings at most."""
    said = examine(facts_of(call_of("doctor", release_flags, DriveFlags(), cluster_flags)))
    write(remarks.as_data(said) if flags.output == "json" else remarks.as_text(said))
    return int(any(remark.severity == "problem" for remark in said))
