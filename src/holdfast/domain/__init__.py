"""Pure values that every room shares: addresses, messages, entries, intents, errors. No I/O, no clock, no framework."""
