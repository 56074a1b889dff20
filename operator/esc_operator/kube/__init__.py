"""The only importer of the Kubernetes client: objects in and out as plain dicts, one error translator.

Owns how the API server is reached, which verbs are used, and the informer of owned Secrets. It decides nothing.
Importing it is cheap, and so is all that the operator needs of it; `session` and `foreign_kubeconfig` import the
client, which takes a second and 60 MB.
"""
