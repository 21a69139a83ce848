select
    office_sessions.id, office_sessions.status, starts_at, ends_at, slot_id, seat_no, location,
    office_sessions.meeting_url, notes, cancel_reason, cancelled_by, no_show_party, expires_at, ics_sequence, version,
    office_sessions.created_at, office_sessions.updated_at,
    mentors.id as mentor_id, mentors.number as mentor_number, mentors.title as mentor_title,
    mentors.company as mentor_company, mentors.photo_url as mentor_photo,
    mentor_users.id as mentor_user, mentor_users.name as mentor_name, mentor_users.email as mentor_email,
    mentor_users.timezone as mentor_zone, mentor_users.image as mentor_image,
    mentees.id as mentee_id, mentees.company as mentee_company,
    mentee_users.id as mentee_user, mentee_users.name as mentee_name, mentee_users.email as mentee_email,
    mentee_users.timezone as mentee_zone, mentee_users.image as mentee_image
from office_sessions
join mentors on mentors.number = office_sessions.mentor_number
join users as mentor_users on mentor_users.id = mentors.user_id
join mentees on mentees.id = office_sessions.mentee_id
join users as mentee_users on mentee_users.id = mentees.user_id
