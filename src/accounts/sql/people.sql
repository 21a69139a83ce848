select users.*, email_verified_at is not null as is_verified
from users
where deleted_at is null
  and (unicode_lower(name) like :part escape '\' or email_key like :part escape '\')
  and (:role is null or role = :role)
  and (:status is null or status = :status)
  and (:name is null or (lower(name), id) > (:name, :id))
order by lower(name), id
limit :limit
