"""`make failover`: the leader of three operators is killed, asked to end or stopped, again and again, under load.

Everything is real: an API server with its etcd, an AWS that mints and counts, operators as processes with the rights of
`deploy/base`. A front before each server and for each operator tells whose requests came through, and when.
"""
