"""A support desk that fetches, counts, asks, waits, files away and undoes: ``python -m examples.desk``."""
