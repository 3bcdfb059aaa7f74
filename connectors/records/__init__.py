"""Records of people: read from files that people write, checked whole, and put into the ledger."""
