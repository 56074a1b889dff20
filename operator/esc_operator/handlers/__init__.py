"""The only importer of kopf: start-up, watches, probes, shut-down. Each handler is a few lines.

Owns the process: options, logging, and how the parts are put together. It decides nothing about an environment.
"""
