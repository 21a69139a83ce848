select 1 from office_sessions
where office_sessions.id <> :except and status in ('pending', 'booked')
    and starts_at < :ends and starts_at > :starts - 28800 and ends_at > :starts
    and (
        mentee_id = (select id from mentees where user_id = :user)
        or mentor_number = (select number from mentors where user_id = :user)
    )
