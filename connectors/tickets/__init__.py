"""Tickets as a source of evidence, whatever tracker keeps them: each kind of ticket is read where the programme says.

`extractors.EXTRACTORS` says which function fills which dataset; the tracker is that of the session.
"""
