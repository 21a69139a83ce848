update office_sessions
set status = :status, cancelled_by = :by, cancel_reason = :reason, no_show_party = :party, expires_at = null,
    closed_at = :closed, ics_sequence = ics_sequence + :sequence, version = version + 1, updated_at = :now
where id = :id and status = :was and version = :version
