select id, starts_at, ends_at, capacity, capacity - n_taken as remaining
from offers
where mentor_number = :mentor and starts_at > :now and n_taken < capacity and not is_crowded and not is_week_full
order by starts_at, id
