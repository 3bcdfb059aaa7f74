"""GitHub as a source of evidence: the whole population of one repository or organisation, or an error.

`session.open_session` opens the connection, `extractors.EXTRACTORS` says which function fills which dataset.
"""
