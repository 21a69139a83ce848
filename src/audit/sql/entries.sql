select events.id, occurred_at, actor_user_id, users.name as actor_name, address, type, entity, entity_id, props
from events
left join users on users.id = events.actor_user_id
where (:kind is null or type = :kind or substr(type, 1, length(:within)) = :within)
  and (:actor is null or actor_user_id = :actor)
  and (:entity is null or entity_id = :entity)
  and (:from is null or occurred_at >= :from)
  and (:to is null or occurred_at < :to)
  and (:before is null or events.id < :before)
order by events.id desc
limit :limit
