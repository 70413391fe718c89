"""The `Store` port on Azure Table Storage and Blob; counterpart: `adapters/memory/store.py`."""

from adapters.table_storage.store import TableStorageStore

__all__ = ["TableStorageStore"]
