"""The only importer of kopf: start-up, watches, probes, shut-down. Each handler is a few lines.

Owns the process: options, logging, and how the parts are put together. It decides nothing about an environment.
"""

import sys

# kopf imports every installed Kubernetes client, to recognise its objects if a handler returns one. Our handlers return
# none, and the official client alone takes as much memory as all the rest of the operator.
_FOR_KOPF_ABSENT = {"kubernetes", "kubernetes_asyncio", "pykube"} - sys.modules.keys()

for _name in _FOR_KOPF_ABSENT:
    sys.modules[_name] = None  # type: ignore[assignment] # as the import system has it

import kopf as _kopf  # noqa: E402, F401 - only now

for _name in _FOR_KOPF_ABSENT:
    del sys.modules[_name]
