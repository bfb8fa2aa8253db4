-- What all processes of a server share. Keys of access tokens are sealed under the server's identity key.
CREATE TABLE token_keys (
    starts_at_ms $INT NOT NULL PRIMARY KEY,
    sealed $BYTES NOT NULL
) $TABLE_END_CLUSTERED;

-- Small blobs (pictures of people) of a server that is several processes.
CREATE TABLE blobs (
    key $TEXT NOT NULL PRIMARY KEY,
    data $BYTES NOT NULL
) $TABLE_END;
