select
    office_sessions.id, mentors.number, mentors.airtable_record_id, mentor_users.email as mentor_email,
    office_sessions.mentee_id, mentee_users.email as mentee_email, slot_id, seat_no, starts_at, ends_at,
    office_sessions.status, location, nullif(office_sessions.meeting_url, '') as meeting_url, notes, cancelled_by,
    nullif(cancel_reason, '') as cancel_reason, no_show_party, nullif(request_key, '') as request_key, booked_by,
    week_key, expires_at, closed_at, ics_sequence, version, office_sessions.created_at, office_sessions.updated_at,
    (
        select json_group_array(json_array(kind, version, told_at) order by told_at, kind, version)
        from told where told.session_id = office_sessions.id
    ) as told
from office_sessions
join mentors on mentors.number = office_sessions.mentor_number
join users as mentor_users on mentor_users.id = mentors.user_id
join mentees on mentees.id = office_sessions.mentee_id
join users as mentee_users on mentee_users.id = mentees.user_id
