-- Facts about this server that belong to its data, one a key (history_epoch, ...).
CREATE TABLE meta (
    key $TEXT NOT NULL PRIMARY KEY,
    value $TEXT NOT NULL
) $TABLE_END_CLUSTERED;

-- Events that a transaction made, until the relay has published them; ids grow in order of commit
-- among transactions that lock the same room.
CREATE TABLE event_outbox (
    id $AUTO_ID,
    topic $TEXT NOT NULL,
    key $TEXT NOT NULL,
    payload $BYTES NOT NULL
) $TABLE_END;
