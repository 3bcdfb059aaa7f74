"""The evidence store: content-addressed objects and a signed, chained ledger that names them."""

from connectors.store.clock import Clock, system_clock
from connectors.store.signer import Signer
from connectors.store.store import Head, Store, create_store, open_store, store_exists

__all__ = ["Clock", "Head", "Signer", "Store", "create_store", "open_store", "store_exists", "system_clock"]
