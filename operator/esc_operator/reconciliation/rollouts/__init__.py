"""From the Secret of one namespace to its pods: reads and stamps (`roller`), decisions (`plan`, `events`), and the
status of it (`status`). It knows no reason to fill a Secret.
"""
