where (:everybodys or mentor_users.id = :user or mentee_users.id = :user)
    and (:mentor is null or mentors.id = :mentor)
    and (:mentee is null or mentees.id = :mentee)
    and (:statuses = '[]' or office_sessions.status in (select value from json_each(:statuses)))
    and (:from is null or starts_at >= :from)
    and (:to is null or starts_at < :to)
order by starts_at * :direction, office_sessions.id
limit :limit
