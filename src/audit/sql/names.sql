with named as (select value as id from json_each(:ids))
select users.id, users.name from named join users on users.id = named.id
union all
select mentors.id, users.name from named
join mentors on mentors.id = named.id
join users on users.id = mentors.user_id
union all
select mentees.id, users.name from named
join mentees on mentees.id = named.id
join users on users.id = mentees.user_id
