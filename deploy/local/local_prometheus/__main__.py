"""`make alerts`: the alert rules judged by promtool, which is built first where it is missing."""

import subprocess
import sys

from local_cluster import places
from local_cluster.failures import ClusterError
from local_prometheus import build_promtool

MONITORING = places.REPOSITORY / "deploy" / "monitoring"


def main() -> int:
    try:
        promtool = build_promtool()
    except ClusterError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    steps = (["check", "rules", "rules.yaml"], ["test", "rules", "rules-test.yaml"])
    return max(subprocess.run([promtool, *step], cwd=MONITORING, check=False).returncode for step in steps)


if __name__ == "__main__":
    sys.exit(main())
