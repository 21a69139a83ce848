-- What can be booked, by the same view as the picker and booking itself. What passes by itself, the closing of
-- a slot and the end of a pause, is looked at again in every answer.
select id, starts_at, ends_at, closes_at, capacity, capacity - n_taken as remaining
from offers
where mentor_number = :mentor and closes_at > :now and n_taken < capacity and not is_crowded and not is_week_full
order by starts_at, id
