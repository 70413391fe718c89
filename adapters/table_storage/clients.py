"""The storage SDK's clients: one each per process, made at first use, because importing them is slow."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.data.tables.aio import TableServiceClient
    from azure.storage.blob.aio import BlobServiceClient

type OnRequest = Callable[[str, str], None]


@dataclass(frozen=True)
class Account:
    """Where the storage is: by connection string, or by addresses and an identity that may use them."""

    connection_string: str | None = None
    table_url: str | None = None
    blob_url: str | None = None
    credential: "AsyncTokenCredential | None" = None

    def __post_init__(self) -> None:
        by_identity = self.table_url and self.blob_url and self.credential
        if bool(self.connection_string) == bool(by_identity):
            raise ValueError("storage needs a connection string, or table URL, blob URL and a credential")


class Clients:
    """Makes and closes them. `on_request` hears of every HTTP request (method, URL)."""

    def __init__(self, account: Account, on_request: OnRequest | None) -> None:
        self._account, self._on_request = account, on_request
        self._tables: TableServiceClient | None = None
        self._blobs: BlobServiceClient | None = None

    def tables(self) -> "TableServiceClient":
        if self._tables is None:
            from azure.data.tables.aio import TableServiceClient

            from adapters.table_storage.transport import CountedTransport

            options: dict[str, Any] = {
                "transport": CountedTransport(self._on_request),
                "retry_total": 3,
                "retry_backoff_factor": 0.1,
            }
            account = self._account
            if account.connection_string:
                made = TableServiceClient.from_connection_string(account.connection_string, **options)
            else:
                assert account.table_url and account.credential
                made = TableServiceClient(account.table_url, credential=account.credential, **options)
            self._tables = made
        return self._tables

    def blobs(self) -> "BlobServiceClient":
        if self._blobs is None:
            from azure.storage.blob.aio import BlobServiceClient, LinearRetry

            from adapters.table_storage.transport import CountedTransport

            options: dict[str, Any] = {
                "transport": CountedTransport(self._on_request),
                "retry_policy": LinearRetry(backoff=1, retry_total=3, random_jitter_range=1),
            }
            account = self._account
            if account.connection_string:
                made = BlobServiceClient.from_connection_string(account.connection_string, **options)
            else:
                assert account.blob_url
                made = BlobServiceClient(account.blob_url, credential=account.credential, **options)
            self._blobs = made
        return self._blobs

    async def close(self) -> None:
        """Give the connections back. The credential is its maker's to close."""
        if self._tables is not None:
            await self._tables.close()
        if self._blobs is not None:
            await self._blobs.close()
        self._tables = self._blobs = None
