-- Version of the picture, and when the account was deleted: then its names are empty and its keys its own.
ALTER TABLE users ADD COLUMN avatar $TEXT;

ALTER TABLE users ADD COLUMN deleted_at_ms $INT;

-- A direct room whose other person deleted their account: it is read, and nothing is sent to it.
ALTER TABLE rooms ADD COLUMN closed $INT NOT NULL DEFAULT 0;
