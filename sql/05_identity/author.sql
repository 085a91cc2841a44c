-- Returns the user that a row acts as after the caller writes text into it: the current user, or
-- null if the caller is not a user. An owner of the installation who is not a user may write any
-- user_id, so the row then keeps `user_id`.
create or replace function howdah_private.author(user_id uuid) returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(howdah.current_user_id(),
    case when howdah_private.is_operator() then author.user_id end)
$$;
