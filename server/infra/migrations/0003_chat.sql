CREATE TABLE rooms (
    id $ID NOT NULL PRIMARY KEY,
    kind $TEXT NOT NULL,
    title $TEXT NOT NULL,
    topic $TEXT NOT NULL,
    visibility $TEXT NOT NULL,
    history $TEXT NOT NULL,
    seq $INT NOT NULL,
    msg_no $INT NOT NULL,
    created_at_ms $INT NOT NULL,
    -- What makes it the one: lower and higher id of a pair, creator and key of a group, "everyone".
    unique_key $BYTES NOT NULL
) $TABLE_END;

CREATE UNIQUE INDEX rooms_by_unique_key ON rooms (unique_key);

-- One row per stay; a member of today has no left_seq. Marks are one row per member, never per message.
CREATE TABLE members (
    room_id $ID NOT NULL REFERENCES rooms (id),
    user_id $ID NOT NULL REFERENCES users (id),
    joined_seq $INT NOT NULL,
    left_seq $INT,
    role $TEXT NOT NULL,
    visible_from_seq $INT NOT NULL,
    delivered_seq $INT NOT NULL,
    read_seq $INT NOT NULL,
    read_msg_no $INT NOT NULL,
    PRIMARY KEY (room_id, user_id, joined_seq)
) $TABLE_END_CLUSTERED;

CREATE UNIQUE INDEX members_of_today ON members (room_id, user_id) WHERE left_seq IS NULL;

CREATE INDEX rooms_of_today ON members (user_id) WHERE left_seq IS NULL;

-- A message is its own message.new event: (room_id, seq) identifies it.
CREATE TABLE messages (
    room_id $ID NOT NULL REFERENCES rooms (id),
    seq $INT NOT NULL,
    msg_no $INT NOT NULL,
    rev $INT NOT NULL,
    author_id $ID NOT NULL,
    client_msg_id $ID NOT NULL,
    request_hash $BYTES NOT NULL,
    body $TEXT NOT NULL,
    mentions $TEXT NOT NULL,
    reply_to $INT,
    sent_at_ms $INT NOT NULL,
    edited_at_ms $INT,
    deleted $INT NOT NULL,
    PRIMARY KEY (room_id, seq)
) $TABLE_END_CLUSTERED;

CREATE UNIQUE INDEX messages_by_client_id ON messages (client_msg_id, room_id, author_id);

-- All other events of a room's stream. Those of an erased message are erased with it.
CREATE TABLE events (
    room_id $ID NOT NULL REFERENCES rooms (id),
    seq $INT NOT NULL,
    target $INT,
    actor_id $ID NOT NULL,
    client_msg_id $ID,
    request_hash $BYTES,
    payload $BYTES NOT NULL,
    PRIMARY KEY (room_id, seq)
) $TABLE_END_CLUSTERED;

CREATE UNIQUE INDEX events_by_client_id ON events (client_msg_id, room_id, actor_id)
    WHERE client_msg_id IS NOT NULL;

CREATE INDEX events_by_target ON events (room_id, target) WHERE target IS NOT NULL;

CREATE TABLE reactions (
    room_id $ID NOT NULL,
    seq $INT NOT NULL,
    emoji $TEXT NOT NULL,
    user_id $ID NOT NULL,
    at_seq $INT NOT NULL,
    PRIMARY KEY (room_id, seq, emoji, user_id)
) $TABLE_END_CLUSTERED;

CREATE TABLE mentions (
    user_id $ID NOT NULL,
    room_id $ID NOT NULL,
    seq $INT NOT NULL,
    PRIMARY KEY (user_id, room_id, seq)
) $TABLE_END_CLUSTERED;
