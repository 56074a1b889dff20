"""`fn::open::kubernetes-configmaps`: keys of ConfigMaps of the environment's own namespace, as its ServiceAccount may
read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.providers.kubernetes.objects import inputs_of
from esc_operator.providers.kubernetes.reader import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.providers.kubernetes.objects import Kind


class KubernetesConfigMaps(ObjectReader):
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "kubernetes-configmaps"
    kind: ClassVar[Kind] = "ConfigMap"
    is_secret: ClassVar[bool] = False
    inputs: ClassVar[Mapping[str, Any]] = inputs_of("ConfigMap")


PROVIDER = KubernetesConfigMaps()
