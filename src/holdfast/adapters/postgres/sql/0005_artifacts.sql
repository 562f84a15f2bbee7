-- When a blob was last wanted (0: it stays for ever), and who has waited longest for each vendor's route.

ALTER TABLE artifact ADD COLUMN at bigint NOT NULL DEFAULT 0;
CREATE INDEX artifact_at ON artifact (key) WHERE at > 0;
CREATE INDEX wait_provider ON wait (name, since, agent, turn) WHERE verb = 'provider';
