"""`make faults`: what can go wrong around the operator goes wrong, many times over, and nothing may be lost or doubled.

Everything is real but the accident: an API server with its etcd, an AWS that mints and counts, and the operator as a
process with the rights of `deploy/base`. A front before each of the two servers knows every write by name, so that the
accident happens exactly there. A fault is one function (`scenario.fault`); a new row of the table is a new function.
"""
