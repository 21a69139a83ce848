update mentors set
    airtable_record_id = :record, headline = :headline, bio = :bio, company = :company, title = :title,
    industries = :industries, stages = :stages, languages = :languages, visibility = :visibility,
    active = :active, paused_until = :paused_until, load_cap_per_week = :load_cap,
    photo_url = :photo_url, linkedin_url = :linkedin_url, meeting_url = :meeting_url, updated_at = :now
where number = :number
