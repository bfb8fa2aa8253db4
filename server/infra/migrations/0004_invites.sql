-- Made by an admin, or by nobody: at the machine itself. Codes are kept as SHA-256: who reads the database can't use them.
CREATE TABLE invites (
    id $ID NOT NULL PRIMARY KEY,
    code_hash $BYTES NOT NULL,
    created_by $ID,
    created_at_ms $INT NOT NULL,
    expires_at_ms $INT NOT NULL,
    max_uses $INT NOT NULL,
    uses $INT NOT NULL
) $TABLE_END;

CREATE UNIQUE INDEX invites_by_code ON invites (code_hash);

-- One at a time for each account: a new one takes the place of the one before.
CREATE TABLE reset_codes (
    user_id $ID NOT NULL PRIMARY KEY REFERENCES users (id),
    code_hash $BYTES NOT NULL,
    expires_at_ms $INT NOT NULL,
    tries_left $INT NOT NULL
) $TABLE_END;
