"""PagerDuty as a tracker: incidents of services with their log entries, by its REST API of version 2.

`session.open_session` opens it, `incidents.incidents` reads them.
"""
