"""One connection between two Holdfast processes: frames, handshake, requests, streams, pushes. It knows no operation.

endpoint   from a url to a place              frames     bytes to frames and back, with a bound
caller     the side that asks (and reconnects)  listener   the side that answers
"""

from .caller import Caller, Line
from .endpoint import DEFAULT_PORT, DEFAULT_URL, Endpoint, endpoint
from .frames import FRAME_BYTES, PROTOCOL
from .listener import Listener, Peer, Service

__all__ = [
    "DEFAULT_PORT",
    "DEFAULT_URL",
    "FRAME_BYTES",
    "PROTOCOL",
    "Caller",
    "Endpoint",
    "Line",
    "Listener",
    "Peer",
    "Service",
    "endpoint",
]
