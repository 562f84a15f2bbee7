-- Blobs are a tenant's own ('': nobody's in particular). Where there is one tenant, those that were wanted lately are its; else
-- they are marked ('?') for whoever can read what refers to them.

ALTER TABLE artifact ADD COLUMN tenant text COLLATE "C" NOT NULL DEFAULT '', ALTER COLUMN key TYPE text COLLATE "C";
UPDATE artifact SET tenant = (
    SELECT CASE WHEN count(*) = 1 THEN max(t.tenant) ELSE '?' END
    FROM (SELECT DISTINCT split_part(address, '/', 1) AS tenant FROM agent) t) WHERE at > 0;
ALTER TABLE artifact ALTER COLUMN tenant DROP DEFAULT;
ALTER TABLE artifact DROP CONSTRAINT archive_pkey;
ALTER TABLE artifact ADD PRIMARY KEY (tenant, key);
DROP INDEX artifact_at;
CREATE INDEX artifact_at ON artifact (tenant, key) WHERE at > 0;
