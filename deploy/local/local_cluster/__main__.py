import sys

from local_cluster.commands import main

sys.exit(main())
