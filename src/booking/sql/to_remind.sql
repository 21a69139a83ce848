select id from office_sessions
where status = 'booked' and starts_at > :after and starts_at <= :until
    and updated_at < starts_at - :ahead
    and not exists (
        select 1 from told
        where told.session_id = office_sessions.id and told.version = office_sessions.version and told.kind = :kind
    )
order by starts_at limit :limit
