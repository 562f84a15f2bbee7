"""The same work on DBOS, LangGraph and Restate: each in an environment of its own under .peers, each printing JSON lines."""
