select
    office_sessions.id, office_sessions.status, starts_at, ends_at, location, notes,
    case when office_sessions.status not in ('pending', 'cancelled') then office_sessions.meeting_url end as meeting_url,
    cancel_reason, office_sessions.created_at,
    case when mentors.user_id = :user then 'mentor' else 'mentee' end as party,
    case when mentors.user_id = :user then mentee_users.name else mentor_users.name end as other
from office_sessions
join mentors on mentors.number = office_sessions.mentor_number
join users as mentor_users on mentor_users.id = mentors.user_id
join mentees on mentees.id = office_sessions.mentee_id
join users as mentee_users on mentee_users.id = mentees.user_id
where mentors.user_id = :user or mentees.user_id = :user
order by starts_at desc, office_sessions.id
limit :limit
