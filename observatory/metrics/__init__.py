"""Figures of this installation for Prometheus: requests, tasks, and the state of the copying."""
