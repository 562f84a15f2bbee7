"""How a reply looks at each endpoint: chat completions, responses, messages, embeddings, and the list of models.

The shapes are those that the vendors' own clients of late 2026 read. Nothing here knows of faults or sockets.
"""

from __future__ import annotations

from .chat import Chat
from .embeddings import Embeddings
from .listing import Listing
from .messages import Messages
from .responses import Responses

__all__ = ["Chat", "Embeddings", "Listing", "Messages", "Responses"]
