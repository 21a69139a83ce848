update office_sessions
set slot_id = :slot, seat_no = :seat, starts_at = :starts, ends_at = :ends, location = :location, meeting_url = :room,
    week_key = :week, expires_at = :expires, ics_sequence = ics_sequence + :sequence, version = version + 1,
    updated_at = :now
where id = :id and status = :status and version = :version
