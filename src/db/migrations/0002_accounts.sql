-- What complete accounts need. Moments are whole UTC seconds, ids are UUID text.

-- A sign-in with another provider that is under way: only the hash of its state is kept, and the
-- browser that began it holds the other half in a cookie.
create table oidc_flows (
    state_hash blob primary key check (length(state_hash) = 32),
    browser_hash blob not null check (length(browser_hash) = 32),
    provider text not null,
    nonce text not null,
    pkce_verifier text not null,
    next text not null,
    user_id text references users (id) on delete cascade, -- who links a provider to their account; null for a sign-in
    created_at integer not null,
    expires_at integer not null
) strict, without rowid;
create index oidc_flows_by_expiry on oidc_flows (expires_at);

-- Failed sign-ins by account and network address. A stranger's failures slow the stranger down, not the owner elsewhere.
create table sign_in_failures (
    email_key text not null,
    address text not null,
    n_failures integer not null,
    last_failed_at integer not null,
    locked_until integer not null,
    primary key (email_key, address)
) strict, without rowid;
create index sign_in_failures_by_age on sign_in_failures (last_failed_at);

-- Pictures that people uploaded, decoded and encoded anew.
create table photos (
    user_id text primary key references users (id) on delete cascade,
    media_type text not null check (media_type in ('image/jpeg', 'image/png')),
    bytes blob not null check (length(bytes) <= 1048576),
    version text not null, -- names the picture in its address, so that it can be kept for ever
    updated_at integer not null
) strict;

-- A person who deleted their account leaves a row without a name, which sessions with others still point at.
alter table users add column deleted_at integer;

-- What a sign-up brings besides the address (name, role, zone, the password's hash): it becomes an account only
-- when the address is confirmed, so that nobody can prepare an account for an address that is not theirs.
alter table verification_tokens add column details text check (details is null or json_valid(details));
create index verification_tokens_by_expiry on verification_tokens (expires_at);

-- When the person last proved that it is them (signed in, typed the password): what is dangerous asks for a recent proof.
alter table logins add column confirmed_at integer not null default 0;

create index events_by_time on events (occurred_at);
create index events_by_actor on events (actor_user_id);
