"""Readings of the journal: the fleet at a glance, search, causality, briefs, audits. Nothing here changes what it reads."""
