"""``python -m holdfast``."""

from .cli.main import app_main

app_main()
