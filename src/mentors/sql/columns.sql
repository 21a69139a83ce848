select
    mentors.id, mentors.number, mentors.user_id, users.name, users.email, users.timezone,
    users.image, users.status = 'active' as has_active_account, users.deleted_at is not null as is_erased,
    mentors.airtable_record_id,
    headline, bio, company, title, industries, stages, languages,
    visibility, active, paused_until, load_cap_per_week, photo_url, linkedin_url, meeting_url,
    (
        select json_group_array(json_array(area, subarea, weight) order by position)
        from expertise where expertise.mentor_number = mentors.number
    ) as expertise
