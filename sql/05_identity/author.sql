-- The user whom a text runs as that somebody writes now, in a row that is `user_id`'s so far: whoever writes it, and nobody where
-- he is no user. An owner of the installation may write any user_id, so what he writes stays with whom he wrote it for.
create or replace function howdah_private.author(user_id uuid) returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(howdah.current_user_id(), case when howdah_private.is_operator() then author.user_id end)
$$;
