select
    id, mentor_number, starts_at, ends_at, capacity, location, week_key, closes_at, paused_until, n_taken,
    is_crowded, is_week_full
from offers
