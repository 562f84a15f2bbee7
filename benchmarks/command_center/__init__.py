"""The command center under load: a hundred thousand agents in the store, five thousand journal entries a second."""
