"""`fn::open::kubernetes-secrets`: keys of Secrets of the environment's own namespace, as its ServiceAccount may
read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.providers.kubernetes.objects import inputs_of
from esc_operator.providers.kubernetes.reader import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.providers.kubernetes.objects import Kind


class KubernetesSecrets(ObjectReader):
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "kubernetes-secrets"
    kind: ClassVar[Kind] = "Secret"
    is_secret: ClassVar[bool] = True
    inputs: ClassVar[Mapping[str, Any]] = inputs_of("Secret")


PROVIDER = KubernetesSecrets()
