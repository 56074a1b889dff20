"""Stand-ins for services of which nothing real can be had here: Doppler, GitHub Apps, Infisical, and an adapter.

Each has the calls that its provider makes, as the vendor's documentation describes them, and verifies everything that
it is sent. The words of its refusals are the vendor's where they are public (Infisical's are in its source, GitHub's
in many reports); Doppler's for logins are not, and are made up. `fail_with` makes it misbehave.
"""

from local_vendors.adapter import LocalAdapter
from local_vendors.doppler import LocalDoppler
from local_vendors.github import LocalGitHub
from local_vendors.identities import Trusted, Vendor
from local_vendors.infisical import LocalInfisical

__all__ = ["LocalAdapter", "LocalDoppler", "LocalGitHub", "LocalInfisical", "Trusted", "Vendor"]
