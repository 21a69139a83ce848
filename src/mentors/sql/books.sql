,
    mentors.created_at, mentors.updated_at, mentors.record_edited_ms,
    case when role in ('mentee', 'mentor') then role else 'mentor' end as account_role,
    users.status as account_status, users.email_verified_at, users.created_at as account_created_at,
    users.updated_at as account_updated_at, users.deleted_at
from mentors join users on users.id = mentors.user_id
order by mentors.number
