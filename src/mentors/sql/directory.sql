with listed as (
    select mentors.number, count(*) over () as n_all, row_number() over (order by {order}, mentors.number) as place
    from mentors join users on users.id = mentors.user_id
    where users.deleted_at is null
      and (:visibility is null or visibility = :visibility)
      and (:is_from_record is null or (airtable_record_id is not null) = :is_from_record)
      and case coalesce(:state, '')
            when 'active' then active = 1 and users.status = 'active' and coalesce(paused_until, 0) <= :now
            when 'inactive' then active = 0
            when 'paused' then active = 1 and coalesce(paused_until, 0) > :now
            when 'closed' then users.status <> 'active'
            else true
          end
      and (
          :tag is null
          or exists (
              select 1 from expertise where expertise.mentor_number = mentors.number and unicode_lower(area) = :tag
          )
          or exists (select 1 from json_each(industries) where unicode_lower(value) = :tag)
          or exists (select 1 from json_each(stages) where unicode_lower(value) = :tag)
      )
      and not exists (
          select 1 from json_each(:words) as word
          where instr(
              unicode_lower(
                  users.name || ' ' || users.email || ' ' || headline || ' ' || company || ' ' || title
                  || ' ' || industries || ' ' || stages || ' ' || coalesce((
                      select group_concat(area || ' ' || coalesce(subarea, ''), ' ') from expertise
                      where expertise.mentor_number = mentors.number
                  ), '')
              ), word.value) = 0
      )
    order by place limit :limit offset :offset
)
select
    listed.n_all, mentors.id, mentors.user_id, users.name, users.email, users.image, users.status = 'active' as has_active_account,
    headline, title, company, visibility, active, paused_until, airtable_record_id is not null as is_from_record,
    photo_url, (
        select json_group_array(area order by position) from expertise where expertise.mentor_number = mentors.number
    ) as areas, (
        select count(*) from office_sessions
        where office_sessions.mentor_number = mentors.number and office_sessions.status <> 'cancelled'
    ) as n_sessions, ({next_free}) as next_free_at
from listed
join mentors on mentors.number = listed.number
join users on users.id = mentors.user_id
order by listed.place
