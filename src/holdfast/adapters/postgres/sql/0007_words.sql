-- The index of words, by blocks of ids: whoever wants the newest looks into the newest blocks first, so that a word which is
-- everywhere costs no more than one that is nowhere.

CREATE TABLE line (
    id    bigint NOT NULL,
    agent bigint NOT NULL,
    seq   bigint NOT NULL,
    words tsvector NOT NULL,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX line_words ON line USING gin (words) WITH (gin_pending_list_limit = 2048);
