select session_id, from_party, rating, comment, is_shared, feedback.created_at, feedback.updated_at
from feedback
join office_sessions on office_sessions.id = feedback.session_id
join mentors on mentors.number = office_sessions.mentor_number
join mentees on mentees.id = office_sessions.mentee_id
where case
    when :given then (from_party = 'mentor' and mentors.user_id = :user)
        or (from_party = 'mentee' and mentees.user_id = :user)
    else is_shared = 1 and ((from_party = 'mentee' and mentors.user_id = :user)
        or (from_party = 'mentor' and mentees.user_id = :user))
end
order by feedback.created_at desc, session_id
limit :limit
