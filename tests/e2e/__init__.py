"""Pods on a real node: `python -m e2e` for the long show over several rotations, `test_pods.py` for the short one."""
