"""Adapters: what stands behind the ports. SQL and drivers stay here; only ``bootstrap`` and ``testing`` import it."""
