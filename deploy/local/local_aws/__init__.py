"""AWS without AWS: moto's services behind a front that refuses what AWS would refuse.

Tests and the demo start it by `LocalAws`, people by `python -m local_aws`. It listens on loopback and keeps everything
in memory. Importing this package imports neither moto nor boto3.
"""

from local_aws.client import Calls, LocalAws, Mint, Mints, Refusal
from local_aws.root_user import REGION, ROOT_ACCESS_KEY_ID, ROOT_SECRET

__all__ = ["REGION", "ROOT_ACCESS_KEY_ID", "ROOT_SECRET", "Calls", "LocalAws", "Mint", "Mints", "Refusal"]
