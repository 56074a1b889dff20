"""One evaluation in many namespaces: the Secrets of a ClusterEscEnvironment (`controller`) and their rollouts
(`rollouts`). Decisions are `plan` and `rollout_plan` (pure); reads and writes are those of `sync` and of `rollouts`.
"""
