"""The mailbox: who runs which agent, in which order, and what is written together."""
