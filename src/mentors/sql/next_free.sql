select starts_at from offers
where offers.mentor_number = mentors.number and starts_at > :now and closes_at > :now and offers.paused_until <= :now
    and n_taken < capacity and not is_crowded and not is_week_full
order by starts_at limit 1
