where mentor_number = :mentor and starts_at >= :from and starts_at < :to
    and starts_at > :now and closes_at > :now and paused_until <= :now
    and n_taken < capacity and not is_crowded and not is_week_full
    and (:viewer is null or not exists (
        select 1 from office_sessions as other
        where other.status in ('pending', 'booked')
            and other.starts_at < offers.ends_at and other.starts_at > offers.starts_at - 28800
            and other.ends_at > offers.starts_at
            and (
                other.mentee_id = (select id from mentees where user_id = :viewer)
                or other.mentor_number = (select number from mentors where user_id = :viewer)
            )
    ))
