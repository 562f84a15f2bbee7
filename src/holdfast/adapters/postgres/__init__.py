"""The PostgreSQL store: many workers over one database, leases with fencing, wake-ups by LISTEN and NOTIFY."""

from .store import PostgresStore

__all__ = ["PostgresStore"]
