-- The first schema. Moments are whole UTC seconds, ids are UUID text, lists are JSON arrays.

create table settings (
    key text primary key,
    value text not null
) strict, without rowid;

insert into settings (key, value) values ('database_id', lower(hex(randomblob(16))));

-- People ---------------------------------------------------------------------------------------

create table users (
    id text primary key,
    email text not null,
    email_key text not null unique, -- the address in lower case: what makes it one person
    name text not null,
    email_verified_at integer,
    image text,
    role text not null default 'mentee' check (role in ('mentee', 'mentor', 'pm', 'admin')),
    status text not null default 'active' check (status in ('active', 'inactive', 'suspended')),
    timezone text not null default 'UTC',
    password_hash text,
    created_at integer not null,
    updated_at integer not null,
    last_login_at integer
) strict;

create table accounts (
    id text primary key,
    user_id text not null references users (id) on delete cascade,
    provider text not null,
    provider_account_id text not null,
    email text,
    created_at integer not null,
    unique (provider, provider_account_id)
) strict;
create index accounts_of_user on accounts (user_id);

-- A browser that is signed in. Only the hash of its secret is kept.
create table logins (
    id text primary key,
    user_id text not null references users (id) on delete cascade,
    secret_hash blob not null unique check (length(secret_hash) = 32),
    device text not null default '',
    address text not null default '',
    created_at integer not null,
    last_seen_at integer not null,
    expires_at integer not null
) strict;
create index logins_of_user on logins (user_id);
create index logins_by_expiry on logins (expires_at);

create table verification_tokens (
    id text primary key,
    user_id text references users (id) on delete cascade,
    email_key text not null,
    purpose text not null,
    token_hash blob not null unique check (length(token_hash) = 32),
    created_at integer not null,
    expires_at integer not null,
    used_at integer
) strict;
create index verification_tokens_of_address on verification_tokens (email_key, purpose);

create table api_tokens (
    id text primary key,
    user_id text not null references users (id) on delete cascade,
    name text not null,
    token_hash blob not null unique check (length(token_hash) = 32),
    scopes text not null default '[]' check (json_type(scopes) = 'array'),
    created_at integer not null,
    expires_at integer,
    last_used_at integer,
    revoked_at integer
) strict;
create index api_tokens_of_user on api_tokens (user_id);

-- Mentors and mentees --------------------------------------------------------------------------

create table mentors (
    number integer primary key autoincrement, -- dense, never reused: bitmaps and slabs are indexed by it
    id text not null unique,
    user_id text not null unique references users (id) on delete cascade,
    airtable_record_id text unique,
    headline text not null default '',
    bio text not null default '',
    company text not null default '',
    title text not null default '',
    industries text not null default '[]' check (json_type(industries) = 'array'),
    stages text not null default '[]' check (json_type(stages) = 'array'),
    languages text not null default '[]' check (json_type(languages) = 'array'),
    industry text generated always as (industries ->> 0) virtual,
    stage text generated always as (stages ->> 0) virtual,
    visibility text not null default 'public' check (visibility in ('public', 'private', 'limited')),
    active integer not null default 1 check (active in (0, 1)),
    paused_until integer,
    load_cap_per_week integer not null default 5 check (load_cap_per_week between 0 and 200),
    photo_url text,
    linkedin_url text,
    meeting_url text,
    session_minutes integer not null default 30 check (session_minutes between 5 and 480),
    buffer_minutes integer not null default 0 check (buffer_minutes between 0 and 480),
    min_notice_minutes integer not null default 120 check (min_notice_minutes between 0 and 43200),
    window_days integer not null default 28 check (window_days between 1 and 180),
    slot_capacity integer not null default 1 check (slot_capacity between 1 and 500),
    created_at integer not null,
    updated_at integer not null
) strict;

create table expertise (
    id integer primary key,
    mentor_number integer not null references mentors (number) on delete cascade,
    position integer not null,
    area text not null,
    subarea text,
    weight real not null default 1.0 check (weight >= 0),
    unique (mentor_number, position)
) strict;

create table mentees (
    id text primary key,
    user_id text not null unique references users (id) on delete cascade,
    company text not null default '',
    stage text not null default '',
    industry text not null default '',
    goals text not null default '',
    created_at integer not null,
    updated_at integer not null
) strict;

-- Office hours ---------------------------------------------------------------------------------

create table availability (
    id text primary key,
    mentor_number integer not null references mentors (number) on delete cascade,
    starts_at integer not null,
    ends_at integer not null,
    capacity integer not null default 1 check (capacity between 1 and 500),
    location text not null default 'virtual',
    is_from_hours integer not null default 0 check (is_from_hours in (0, 1)),
    created_at integer not null,
    check (ends_at > starts_at)
) strict;
create index availability_of_mentor on availability (mentor_number, starts_at);

create table hours (
    id integer primary key,
    mentor_number integer not null references mentors (number) on delete cascade,
    weekday integer not null check (weekday between 0 and 6), -- 0 is Monday
    starts_minute integer not null check (starts_minute between 0 and 1439),
    ends_minute integer not null check (ends_minute between 1 and 1440),
    check (ends_minute > starts_minute)
) strict;
create index hours_of_mentor on hours (mentor_number);

create table exceptions (
    id integer primary key,
    mentor_number integer not null references mentors (number) on delete cascade,
    on_date text not null check (on_date glob '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    is_closed integer not null default 0 check (is_closed in (0, 1)),
    windows text not null default '[]' check (json_type(windows) = 'array'),
    unique (mentor_number, on_date)
) strict;

create table office_sessions (
    id text primary key,
    mentor_number integer not null references mentors (number) on delete cascade,
    mentee_id text not null references mentees (id) on delete cascade,
    slot_id text references availability (id) on delete set null,
    seat_no integer not null default 1 check (seat_no >= 1),
    starts_at integer not null,
    ends_at integer not null,
    status text not null default 'booked' check (status in ('pending', 'booked', 'completed', 'cancelled', 'no_show')),
    location text not null default 'virtual',
    meeting_url text,
    notes text not null default '',
    cancelled_by text,
    cancel_reason text,
    request_key text,
    ics_sequence integer not null default 0,
    version integer not null default 1,
    created_at integer not null,
    updated_at integer not null,
    check (ends_at > starts_at)
) strict;
create unique index office_sessions_seat on office_sessions (slot_id, seat_no) where status in ('pending', 'booked');
create unique index office_sessions_request on office_sessions (mentee_id, request_key) where request_key is not null;
create index office_sessions_of_mentor on office_sessions (mentor_number, starts_at);
create index office_sessions_of_mentee on office_sessions (mentee_id, starts_at);

create table feedback (
    id text primary key,
    session_id text not null references office_sessions (id) on delete cascade,
    from_party text not null check (from_party in ('mentee', 'mentor')),
    rating integer not null check (rating between 1 and 5),
    comment text not null default '',
    is_shared integer not null default 0 check (is_shared in (0, 1)),
    created_at integer not null,
    updated_at integer not null,
    unique (session_id, from_party)
) strict;

-- What happened, and what is still to do ---------------------------------------------------------

create table events (
    id integer primary key autoincrement,
    occurred_at integer not null,
    actor_user_id text,
    address text,
    type text not null,
    entity text,
    entity_id text,
    props text not null default '{}' check (json_valid(props))
) strict;
create index events_by_entity on events (entity, entity_id);
create trigger events_are_never_changed before update on events
begin
    select raise(abort, 'events are append-only');
end;
create trigger events_are_never_removed before delete on events
begin
    select raise(abort, 'events are append-only');
end;

create table jobs (
    id integer primary key autoincrement,
    kind text not null,
    key text not null,
    state text not null default 'ready' check (state in ('ready', 'running', 'dead')),
    attempts integer not null default 0,
    due_at integer not null,
    leased_until integer,
    last_error text,
    created_at integer not null
) strict;
-- One waiting job of a kind for one thing; a job that is running does not stop a new one from queueing.
create unique index jobs_waiting on jobs (kind, key) where state = 'ready';
create index jobs_due on jobs (state, due_at);

create table outbox (
    id integer primary key autoincrement,
    message_id text not null unique,
    session_id text references office_sessions (id) on delete set null,
    version integer not null default 0,
    kind text not null,
    recipient text not null,
    subject text not null,
    letter text not null, -- JSON: text, html, calendar part
    state text not null default 'queued' check (state in ('queued', 'sent', 'dead')),
    attempts integer not null default 0,
    due_at integer not null,
    last_error text,
    created_at integer not null,
    sent_at integer
) strict;
create unique index outbox_once on outbox (session_id, version, kind, recipient) where session_id is not null;
create index outbox_due on outbox (state, due_at);

-- What the indexes are made of -------------------------------------------------------------------

-- Position 0 is the whole profile; the others are the passages that answers quote.
create table passages (
    mentor_number integer not null references mentors (number) on delete cascade,
    position integer not null check (position between 0 and 8),
    kind text not null check (kind in ('whole', 'headline', 'tags', 'bio')),
    text text not null,
    text_hash blob not null check (length(text_hash) = 32),
    primary key (mentor_number, position)
) strict, without rowid;

-- A vector is a pure function of model and text: computed once, kept for good.
create table embeddings (
    id integer primary key,
    model_hash blob not null check (length(model_hash) = 32),
    text_hash blob not null check (length(text_hash) = 32),
    vector blob not null, -- 384 little-endian f32 of length one
    unique (text_hash, model_hash)
) strict;

-- The log that the roster and the indexes follow.
create table changes (
    seq integer primary key autoincrement,
    mentor_number integer not null,
    kind text not null check (kind in ('profile', 'vectors', 'slots', 'gone')),
    changed_at integer not null
) strict;
