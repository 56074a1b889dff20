"""The only importer of the Kubernetes client: objects in and out as plain dicts, one error translator.

Owns how the API server is reached, which verbs are used, and the informer of owned Secrets. It decides nothing. Two
transports, one reader: `client_config` is what kubeconfigs and pods give and both take, `connection` and `sender` are
asynchronous, `blocking` is for threads that may wait. Importing it is cheap; only `auth_provider` imports the client,
which takes a second and 60 MB.
"""
