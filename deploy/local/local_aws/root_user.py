"""The one key that may do anything here, and the region that everything lives in."""

from typing import Final

# Not secrets: they open nothing but an AWS that lives in this machine's memory.
ROOT_ACCESS_KEY_ID: Final = "AKIALOCALAWSROOT0001"
ROOT_SECRET: Final = "local-aws-root-user-of-tests-and-demo"
REGION: Final = "us-east-1"
