"""For authors of providers and rotators: fakes of what a provider is given, and the checks that every provider passes.

    TRIAL = Trial(plugin=AcmeLogin, inputs={...}, answers=[...], secrets=(...), lease=timedelta(hours=1))

    @pytest.mark.parametrize("check", checks(TRIAL), ids=str)
    def test_acme_login(check: Check) -> None:
        check()

Public: what is exported here changes only as the CHANGELOG says. The operator and `esc` never import it.
`operator/PROVIDERS.md` shows how to write a provider.
"""

from esc_operator.testing.checks import Check, Seen, checks
from esc_operator.testing.fakes import NOON, FakeContext, FakeIdentity, identity_token, json_answer, text_answer
from esc_operator.testing.trial import Failure, Service, Trial

__all__ = [
    "NOON",
    "Check",
    "Failure",
    "FakeContext",
    "FakeIdentity",
    "Seen",
    "Service",
    "Trial",
    "checks",
    "identity_token",
    "json_answer",
    "text_answer",
]
