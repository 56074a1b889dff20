"""Takes a provider's secret inputs out of what it says about its failure.

A role, a region, a session name are shown in messages, because they are what somebody has to mend; whoever writes an
environment may make any of them a secret, and then nothing that everybody may read must repeat it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.projection.secrets import secret_texts

if TYPE_CHECKING:
    from esc_operator.evaluation import Failed, Value

REDACTED = "[secret]"


def without_secrets(failed: Failed, inputs: Value) -> Failed:
    if not inputs.contains_secrets:
        return failed
    message = failed.message
    for text in sorted({text for text in secret_texts(inputs) if text}, key=len, reverse=True):
        message = message.replace(text, REDACTED)
    return failed._replace(message=message)
