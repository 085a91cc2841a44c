-- Returns the name of a channel of the live feed, with a secret suffix: Postgres lets every role
-- listen to any channel whose name it knows, and shows no role the channels of others. The suffix
-- is created once, since sessions that listen with an old suffix would miss all notifications.
create or replace function howdah_private.channel(name text) returns text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select 'howdah_' || channel.name || '_' || i.channel_suffix from howdah_private.installation as i
$$;
