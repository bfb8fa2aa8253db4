CREATE TABLE users (
    id $ID NOT NULL PRIMARY KEY,
    username $TEXT NOT NULL,
    username_key $TEXT NOT NULL,
    display_name $TEXT NOT NULL,
    display_key $TEXT NOT NULL,
    about $TEXT NOT NULL,
    avatar_colour $INT,
    password_hash $TEXT NOT NULL,
    admin $INT NOT NULL,
    account_seq $INT NOT NULL,
    created_at_ms $INT NOT NULL
) $TABLE_END;

CREATE UNIQUE INDEX users_by_username ON users (username_key);

CREATE UNIQUE INDEX users_by_display ON users (display_key);

-- One login is one device is one family of refresh tokens: the current one, the one before it, and
-- what all of the family share, so that an older one is known for what it is.
CREATE TABLE devices (
    id $ID NOT NULL PRIMARY KEY,
    user_id $ID NOT NULL REFERENCES users (id),
    name $TEXT NOT NULL,
    created_at_ms $INT NOT NULL,
    last_seen_at_ms $INT NOT NULL,
    revoked_at_ms $INT,
    family_hash $BYTES NOT NULL,
    current_hash $BYTES NOT NULL,
    previous_hash $BYTES
) $TABLE_END;

CREATE INDEX devices_by_user ON devices (user_id);

CREATE INDEX devices_by_revocation ON devices (revoked_at_ms);

CREATE TABLE account_events (
    user_id $ID NOT NULL,
    seq $INT NOT NULL,
    payload $BYTES NOT NULL,
    PRIMARY KEY (user_id, seq)
) $TABLE_END_CLUSTERED;
