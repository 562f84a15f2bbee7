"""A support agent's recorded actions under the airline's own rules."""
