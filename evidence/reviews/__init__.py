"""Access review campaigns: the frozen list of accounts, what people decided about each row, and what closes it.

Nothing here reads or writes; `connectors.reviews` keeps it in the ledger, and the test of CC6-UAR-01 counts it again.
"""
