select
    availability.id, availability.starts_at, availability.ends_at, availability.capacity,
    availability.capacity - count(office_sessions.id) as remaining
from availability
left join office_sessions
    on office_sessions.slot_id = availability.id and office_sessions.status in ('pending', 'booked')
where availability.mentor_number = :mentor and availability.starts_at > :now
group by availability.id
having remaining > 0
order by availability.starts_at, availability.id
