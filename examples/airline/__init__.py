"""An airline's support desk: fourteen tools over a database, proven against the recorded conversations of tau-bench."""
