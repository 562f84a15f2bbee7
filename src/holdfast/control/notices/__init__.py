"""Notices: who is told of what, in which form, and how it is delivered."""
