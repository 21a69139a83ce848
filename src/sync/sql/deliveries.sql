select
    deliveries.id,
    deliveries.received_at,
    deliveries.last_at,
    deliveries.n_times,
    deliveries.source,
    deliveries.record,
    deliveries.result,
    deliveries.code,
    deliveries.reason,
    deliveries.unknown_fields,
    deliveries.body is not null as can_replay,
    mentors.id as mentor_id,
    users.name as mentor_name
from deliveries
left join mentors on mentors.number = deliveries.mentor_number
left join users on users.id = mentors.user_id
where (:result is null or deliveries.result = :result)
    and (:record is null or deliveries.record = :record)
    and (:before is null or deliveries.id < :before)
order by deliveries.id desc
limit :limit
