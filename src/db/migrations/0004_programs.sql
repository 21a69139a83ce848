-- Programs outside: what they send, and what they are told. Moments are whole UTC seconds, ids are UUID text.

-- What came in, signed, and what became of it. Deliveries that nobody signed are counted, never kept.
create table deliveries (
    id integer primary key autoincrement,
    received_at integer not null,
    last_at integer not null, -- the newest of those that are counted in one row
    n_times integer not null default 1 check (n_times >= 1),
    source text not null check (source in ('webhook', 'notification', 'reconcile', 'replay')),
    record text, -- the record's id over there
    mentor_number integer, -- whom it was about, where that is known; a mentor who is gone leaves the number
    result text not null check (result in ('changed', 'unchanged', 'outdated', 'refused', 'failed')),
    code text, -- of the refusal
    reason text, -- a sentence
    unknown_fields text not null default '[]' check (json_type(unknown_fields) = 'array'),
    body blob, -- the bytes as they came, for another try; dropped when the row grows old or the person is erased
    check (body is null or length(body) <= 1048576)
) strict;
create index deliveries_of_record on deliveries (record) where record is not null;
create index deliveries_by_age on deliveries (received_at);

-- When the record that a mentor comes from was last edited over there, where deliveries tell: an older edit that
-- arrives later is left out.
alter table mentors add column record_edited_ms integer; -- milliseconds: a base counts finer than whole seconds

-- Addresses of other programs that are told what happens here.
create table hooks (
    id text primary key,
    url text not null unique,
    secret text not null, -- signs what is sent, so it must be readable
    events text not null default '[]' check (json_type(events) = 'array'), -- kinds; empty means all
    is_active integer not null default 1 check (is_active in (0, 1)),
    off_reason text check (off_reason in ('admin', 'failing')), -- why it is not active
    after_seq integer not null, -- it hears nothing of the audit log's entries up to this one
    failing_since integer, -- the first failure after the last success
    last_at integer, -- the last try: when, how it was answered, why it failed
    last_status integer, -- of HTTP
    last_error text,
    created_at integer not null,
    updated_at integer not null,
    check ((off_reason is null) = (is_active = 1))
) strict;

-- What each of them is told, once per event.
create table hook_letters (
    id integer primary key autoincrement,
    hook_id text not null references hooks (id) on delete cascade,
    event_seq integer not null, -- the entry of the audit log
    kind text not null,
    payload text not null, -- empty once it was taken
    state text not null default 'queued' check (state in ('queued', 'sent', 'dead')),
    attempts integer not null default 0,
    due_at integer not null,
    last_status integer, -- of HTTP
    last_error text,
    created_at integer not null,
    sent_at integer,
    unique (hook_id, event_seq)
) strict;
create index hook_letters_due on hook_letters (hook_id, state, due_at);
