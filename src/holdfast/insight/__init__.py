"""Readings of the journal: the fleet at a glance, search, causality, briefs. Nothing here changes what it reads."""
