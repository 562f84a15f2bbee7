"""OTLP over HTTP, with OpenTelemetry's own exporter. Needs the extra ``otel``."""

from .exporter import Otlp

__all__ = ["Otlp"]
