-- Who did it, for created_by: the user of the token, else the database login.
create or replace function howdah_private.actor() returns text
  language sql stable security definer
  set search_path = ''
as $$
  select coalesce(
    (select u.username from howdah.users as u where u.id = howdah.current_user_id()), session_user::text
  )
$$;
