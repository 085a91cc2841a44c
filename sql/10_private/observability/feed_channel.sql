-- The name of a channel of the live feed. Postgres lets everybody listen to any name he knows, and shows nobody the
-- names others listen to. Sessions of before a new suffix would hear nothing: it is made once.
create or replace function howdah_private.channel(name text) returns text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select 'howdah_' || channel.name || '_' || c.suffix from howdah_private.channels as c
$$;
