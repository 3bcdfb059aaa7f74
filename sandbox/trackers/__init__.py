"""Simulated trackers of tickets: Jira and PagerDuty, each on a port of its own."""
