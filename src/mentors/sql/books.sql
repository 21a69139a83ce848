select
    mentors.id, mentors.number, mentors.user_id, users.name, users.email, users.timezone,
    users.image, users.status = 'active' as has_active_account, users.deleted_at is not null as is_erased,
    mentors.airtable_record_id,
    headline, bio, company, title, industries, stages, languages,
    visibility, active, paused_until, load_cap_per_week, photo_url, linkedin_url, meeting_url,
    (
        select json_group_array(json_array(area, subarea, weight) order by position)
        from expertise where expertise.mentor_number = mentors.number
    ) as expertise,
    mentors.created_at, mentors.updated_at, mentors.record_edited_ms,
    case when role in ('mentee', 'mentor') then role else 'mentor' end as account_role,
    users.status as account_status, users.email_verified_at, users.created_at as account_created_at,
    users.updated_at as account_updated_at, users.deleted_at
from mentors join users on users.id = mentors.user_id
order by mentors.number
