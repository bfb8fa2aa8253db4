-- Texts of before control characters were refused: PostgreSQL keeps none with a NUL. SQLite counts up to the
-- first one only, so this finds those that have one; elsewhere it finds none.
UPDATE devices SET name = substr(name, 1, length(name)) WHERE name <> substr(name, 1, length(name));

DELETE FROM reactions WHERE emoji <> substr(emoji, 1, length(emoji));
