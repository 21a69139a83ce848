insert into office_sessions (
    id, mentor_number, mentee_id, slot_id, seat_no, starts_at, ends_at, status, location, meeting_url, notes,
    cancelled_by, cancel_reason, no_show_party, request_key, booked_by, week_key, expires_at, closed_at,
    ics_sequence, version, created_at, updated_at
) values (
    :id, :mentor, :mentee, :slot, :seat, :starts, :ends, :status, :location, :room, :notes,
    :cancelled_by, :reason, :no_show, :key, :booked_by, :week, :expires, :closed,
    :sequence, :version, coalesce(:created, :now), coalesce(:updated, :now)
)
