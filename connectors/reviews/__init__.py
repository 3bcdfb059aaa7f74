"""Access review campaigns in the ledger: opened, decided about, handed on, signed."""
