select
    mentees.id, users.email, users.name, users.timezone, company, stage, industry, goals,
    mentees.created_at, mentees.updated_at,
    case
        when role in ('mentee', 'mentor') then role
        when exists (select 1 from mentors where mentors.user_id = users.id) then 'mentor'
        else 'mentee'
    end as account_role,
    users.status as account_status, users.email_verified_at, users.image, users.created_at as account_created_at,
    users.updated_at as account_updated_at, users.deleted_at
from mentees join users on users.id = mentees.user_id
order by mentees.created_at, mentees.id
