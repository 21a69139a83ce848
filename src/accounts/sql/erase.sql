update users set
    email = :address, email_key = :address, name = :name, email_verified_at = null, image = null,
    role = 'mentee', status = 'inactive', timezone = 'UTC', password_hash = null, last_login_at = null,
    deleted_at = :now, updated_at = :now
where id = :user
