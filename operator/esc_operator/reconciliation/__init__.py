"""From what is observed to what is desired: gather (the only reads) → decide (pure) → act (the only writes).

Owns the work queue, the scheduler and the one level-triggered `reconcile(key)` in which every event, timer and retry
ends. It knows neither kopf nor how values are evaluated.
"""
