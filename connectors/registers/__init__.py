"""The company's own records as a source of evidence: its registers, what it publishes, the hosts it shows.

`session.open_session` opens them, `extractors.EXTRACTORS` says which function fills which dataset.
"""
