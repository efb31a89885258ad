"""Latency of networks that were not timed, predicted from a few that were."""
