"""What the model gateway adds to a request, and how many it carries; other gateways on the same work beside it."""
