-- Office hours: what keeps a seat from being given away twice, whatever the code above does. Intervals are
-- half-open, [starts_at, ends_at). A seat is taken while its session is pending or booked.

-- The ISO week of the start in the mentor's zone: 2030-W10. The weekly cap counts by it.
alter table availability add column week_key text not null default '';
update availability set week_key = strftime('%G-W%V', starts_at, 'unixepoch');
alter table office_sessions add column week_key text not null default '';
update office_sessions set week_key = strftime('%G-W%V', starts_at, 'unixepoch');

alter table office_sessions add column expires_at integer; -- pending: until when it holds its seat
alter table office_sessions add column no_show_party text check (no_show_party in ('mentee', 'mentor'));
alter table office_sessions add column booked_by text; -- the account of staff who booked on behalf of the mentee
alter table office_sessions add column closed_at integer; -- when it was completed, missed or cancelled

alter table mentors add column filled_at integer not null default 0; -- when weekly hours last became slots
alter table mentors add column week_zone text not null default ''; -- the zone that week keys were made in

create unique index office_sessions_once on office_sessions (slot_id, mentee_id) where status in ('pending', 'booked');
create index office_sessions_of_week on office_sessions (mentor_number, week_key);
create index office_sessions_by_state on office_sessions (status, starts_at);
create index availability_by_end on availability (ends_at);

-- A person's own calendar feed: only the hash of its secret is kept.
create table calendar_feeds (
    user_id text primary key references users (id) on delete cascade,
    secret_hash blob not null unique check (length(secret_hash) = 32),
    created_at integer not null
) strict;

-- What people were told because its time had come: reminders and questions, once for each state of a session.
create table told (
    session_id text not null references office_sessions (id) on delete cascade,
    version integer not null,
    kind text not null,
    told_at integer not null,
    primary key (session_id, kind, version)
) strict, without rowid;

-- Slots ----------------------------------------------------------------------------------------

create trigger slots_never_overlap before insert on availability
begin
    select raise(abort, 'slot_too_long') where new.ends_at - new.starts_at > 28800;
    select raise(abort, 'slot_overlaps') where exists (
        select 1 from availability as other
        where other.mentor_number = new.mentor_number and other.starts_at < new.ends_at
            and other.starts_at > new.starts_at - 28800 and other.ends_at > new.starts_at
    );
end;

create trigger slots_never_move_onto_another before update of starts_at, ends_at, mentor_number on availability
begin
    select raise(abort, 'slot_too_long') where new.ends_at - new.starts_at > 28800;
    select raise(abort, 'slot_overlaps') where exists (
        select 1 from availability as other
        where other.id <> new.id and other.mentor_number = new.mentor_number and other.starts_at < new.ends_at
            and other.starts_at > new.starts_at - 28800 and other.ends_at > new.starts_at
    );
    select raise(abort, 'slot_in_use')
    where (old.starts_at, old.ends_at, old.mentor_number) is not (new.starts_at, new.ends_at, new.mentor_number)
        and exists (select 1 from office_sessions where slot_id = old.id and status in ('pending', 'booked'));
end;

create trigger slots_never_shrink_below_a_seat before update of capacity on availability
begin
    select raise(abort, 'slot_in_use') where exists (
        select 1 from office_sessions
        where slot_id = old.id and status in ('pending', 'booked') and seat_no > new.capacity
    );
end;

create trigger slots_stay_while_taken before delete on availability
begin
    select raise(abort, 'slot_in_use')
    where exists (select 1 from office_sessions where slot_id = old.id and status in ('pending', 'booked'));
end;

-- Seats ----------------------------------------------------------------------------------------

create trigger seats_are_of_their_slot before insert on office_sessions
when new.status in ('pending', 'booked')
begin
    select raise(abort, 'no_such_seat') where not exists (
        select 1 from availability
        where id = new.slot_id and mentor_number = new.mentor_number and starts_at = new.starts_at
            and ends_at = new.ends_at and new.seat_no between 1 and capacity
    );
end;

-- What took place and is taken back sits where it sat, whatever has become of its slot since.
create trigger seats_stay_of_their_slot
before update of status, slot_id, seat_no, starts_at, ends_at, mentor_number on office_sessions
when new.status in ('pending', 'booked') and old.status not in ('completed', 'no_show')
begin
    select raise(abort, 'no_such_seat') where not exists (
        select 1 from availability
        where id = new.slot_id and mentor_number = new.mentor_number and starts_at = new.starts_at
            and ends_at = new.ends_at and new.seat_no between 1 and capacity
    );
end;

create trigger seats_are_free before insert on office_sessions
when new.status in ('pending', 'booked')
begin
    -- The mentor is elsewhere at that time, their buffer included; a neighbour in the same slot is not elsewhere.
    select raise(abort, 'slot_taken') where exists (
        select 1 from office_sessions as other, mentors
        where mentors.number = new.mentor_number and other.mentor_number = new.mentor_number
            and other.id <> new.id and other.slot_id is not new.slot_id and other.status in ('pending', 'booked')
            and other.starts_at < new.ends_at + mentors.buffer_minutes * 60
            and other.starts_at > new.starts_at - 28800 - mentors.buffer_minutes * 60
            and other.ends_at + mentors.buffer_minutes * 60 > new.starts_at
    );
    -- The mentor sits in a session as a mentee.
    select raise(abort, 'slot_taken') where exists (
        select 1 from office_sessions as other
        where other.mentee_id = (
                select mentees.id from mentees join mentors on mentors.user_id = mentees.user_id
                where mentors.number = new.mentor_number
            )
            and other.id <> new.id and other.status in ('pending', 'booked')
            and other.starts_at < new.ends_at and other.starts_at > new.starts_at - 28800
            and other.ends_at > new.starts_at
    );
    -- The mentee is elsewhere, as a mentee or as a mentor.
    select raise(abort, 'mentee_busy') where exists (
        select 1 from office_sessions as other
        where other.mentee_id = new.mentee_id
            and other.id <> new.id and other.status in ('pending', 'booked')
            and other.starts_at < new.ends_at and other.starts_at > new.starts_at - 28800
            and other.ends_at > new.starts_at
    );
    select raise(abort, 'mentee_busy') where exists (
        select 1 from office_sessions as other
        where other.mentor_number = (
                select mentors.number from mentors join mentees on mentees.user_id = mentors.user_id
                where mentees.id = new.mentee_id
            )
            and other.id <> new.id and other.status in ('pending', 'booked')
            and other.starts_at < new.ends_at and other.starts_at > new.starts_at - 28800
            and other.ends_at > new.starts_at
    );
    -- A slot with several seats is one meeting of the mentor's week.
    select raise(abort, 'weekly_cap') where (
        select count(distinct other.starts_at) from office_sessions as other
        where other.mentor_number = new.mentor_number and other.week_key = new.week_key
            and other.id <> new.id and other.starts_at <> new.starts_at and other.status <> 'cancelled'
    ) >= (select load_cap_per_week from mentors where number = new.mentor_number);
end;

-- Accepting what was pending asks nothing anew: it held its seat already. Nor does taking back how it went.
create trigger seats_stay_free
before update of status, slot_id, starts_at, ends_at, mentor_number, mentee_id on office_sessions
when new.status in ('pending', 'booked') and (
    old.status = 'cancelled'
    or (old.slot_id, old.starts_at, old.ends_at, old.mentor_number, old.mentee_id)
        is not (new.slot_id, new.starts_at, new.ends_at, new.mentor_number, new.mentee_id)
)
begin
    -- The mentor is elsewhere at that time, their buffer included; a neighbour in the same slot is not elsewhere.
    select raise(abort, 'slot_taken') where exists (
        select 1 from office_sessions as other, mentors
        where mentors.number = new.mentor_number and other.mentor_number = new.mentor_number
            and other.id <> new.id and other.slot_id is not new.slot_id and other.status in ('pending', 'booked')
            and other.starts_at < new.ends_at + mentors.buffer_minutes * 60
            and other.starts_at > new.starts_at - 28800 - mentors.buffer_minutes * 60
            and other.ends_at + mentors.buffer_minutes * 60 > new.starts_at
    );
    -- The mentor sits in a session as a mentee.
    select raise(abort, 'slot_taken') where exists (
        select 1 from office_sessions as other
        where other.mentee_id = (
                select mentees.id from mentees join mentors on mentors.user_id = mentees.user_id
                where mentors.number = new.mentor_number
            )
            and other.id <> new.id and other.status in ('pending', 'booked')
            and other.starts_at < new.ends_at and other.starts_at > new.starts_at - 28800
            and other.ends_at > new.starts_at
    );
    -- The mentee is elsewhere, as a mentee or as a mentor.
    select raise(abort, 'mentee_busy') where exists (
        select 1 from office_sessions as other
        where other.mentee_id = new.mentee_id
            and other.id <> new.id and other.status in ('pending', 'booked')
            and other.starts_at < new.ends_at and other.starts_at > new.starts_at - 28800
            and other.ends_at > new.starts_at
    );
    select raise(abort, 'mentee_busy') where exists (
        select 1 from office_sessions as other
        where other.mentor_number = (
                select mentors.number from mentors join mentees on mentees.user_id = mentors.user_id
                where mentees.id = new.mentee_id
            )
            and other.id <> new.id and other.status in ('pending', 'booked')
            and other.starts_at < new.ends_at and other.starts_at > new.starts_at - 28800
            and other.ends_at > new.starts_at
    );
    -- A slot with several seats is one meeting of the mentor's week.
    select raise(abort, 'weekly_cap') where (
        select count(distinct other.starts_at) from office_sessions as other
        where other.mentor_number = new.mentor_number and other.week_key = new.week_key
            and other.id <> new.id and other.starts_at <> new.starts_at and other.status <> 'cancelled'
    ) >= (select load_cap_per_week from mentors where number = new.mentor_number);
end;

-- What is offered ------------------------------------------------------------------------------

-- Every slot with all that decides whether it can be booked; who asks adds the present moment. The one truth for
-- the picker, for booking and for the roster: bookable are those with
-- n_taken < capacity and not is_crowded and not is_week_full and closes_at > now and paused_until <= now.
create view offers as
select
    availability.id, availability.mentor_number, availability.starts_at, availability.ends_at, availability.capacity,
    availability.location, availability.is_from_hours, availability.week_key,
    availability.starts_at - mentors.min_notice_minutes * 60 as closes_at,
    coalesce(mentors.paused_until, 0) as paused_until,
    (
        select count(*) from office_sessions
        where office_sessions.slot_id = availability.id and office_sessions.status in ('pending', 'booked')
    ) as n_taken,
    exists (
        select 1 from office_sessions as other
        where other.mentor_number = availability.mentor_number and other.slot_id is not availability.id
            and other.status in ('pending', 'booked')
            and other.starts_at < availability.ends_at + mentors.buffer_minutes * 60
            and other.starts_at > availability.starts_at - 28800 - mentors.buffer_minutes * 60
            and other.ends_at + mentors.buffer_minutes * 60 > availability.starts_at
    ) or exists (
        select 1 from office_sessions as other
        join mentees on mentees.id = other.mentee_id
        where mentees.user_id = mentors.user_id and other.status in ('pending', 'booked')
            and other.starts_at < availability.ends_at and other.starts_at > availability.starts_at - 28800
            and other.ends_at > availability.starts_at
    ) as is_crowded,
    (
        select count(distinct other.starts_at) from office_sessions as other
        where other.mentor_number = availability.mentor_number and other.week_key = availability.week_key
            and other.starts_at <> availability.starts_at and other.status <> 'cancelled'
    ) >= mentors.load_cap_per_week as is_week_full
from availability join mentors on mentors.number = availability.mentor_number;
