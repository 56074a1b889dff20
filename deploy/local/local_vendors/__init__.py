"""Stand-ins for services of which nothing real can be had here: Doppler and Infisical.

Each has the calls that its provider makes, as the vendor's documentation describes them, and verifies everything that
it is sent. The words of its refusals are the vendor's where they are public (Infisical's are in its source); Doppler's
for logins are not, and are made up. `fail_with` makes it misbehave.
"""

from local_vendors.doppler import LocalDoppler
from local_vendors.identities import Trusted, Vendor
from local_vendors.infisical import LocalInfisical

__all__ = ["LocalDoppler", "LocalInfisical", "Trusted", "Vendor"]
