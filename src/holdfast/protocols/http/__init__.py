"""HTTP: what other programs speak. Today the endpoints of the model gateway."""
