"""Google Cloud without Google: its Security Token Service, IAM credentials, and an API to call.

A workload identity provider takes what Google's takes, and what Google would refuse is refused in Google's words. The
order of its checks is Google's: the request, the provider, the token's form, audience and signature; then, for a
service account, whether the principal may impersonate it.
"""

from local_google.clouds import API, LocalGoogle, principal

__all__ = ["API", "LocalGoogle", "principal"]
