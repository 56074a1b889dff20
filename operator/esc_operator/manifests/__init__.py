"""What an administrator applies, as plain data: the CustomResourceDefinitions, admission policies,
and the roles of the operator and of people.

`crds/` and `deploy/` hold what is written from here; a test compares. Nothing here decides about an object.
"""
