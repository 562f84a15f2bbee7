"""The operations of an HTTP service, from its OpenAPI document, as tools.

document  the document: references, schemas     operation  one operation: its arguments, what may be repeated
encoding  arguments into an HTTP request        calling    the request, and what its answer means
tools     all of it together
"""

from .tools import openapi_tools

__all__ = ["openapi_tools"]
