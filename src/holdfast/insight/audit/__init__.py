"""Audit: signed roots over all journals, exports that verify without us, and who did what."""
