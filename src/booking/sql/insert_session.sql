insert into office_sessions (
    id, mentor_number, mentee_id, slot_id, seat_no, starts_at, ends_at, status, location, meeting_url, notes,
    request_key, week_key, expires_at, booked_by, created_at, updated_at
) values (
    :id, :mentor, :mentee, :slot, :seat, :starts, :ends, :status, :location, :room, :notes,
    :key, :week, :expires, :by, :now, :now
)
