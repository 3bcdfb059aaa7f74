"""Jira as a tracker: Jira Cloud and Jira Data Center, read by the REST API of version 2 that both have.

`session.open_session` opens it, `tickets.tickets` reads a project.
"""
