-- Keeps the earlier names of an API key. Runs and definitions have the name of the key that wrote
-- them, and a key does not rate the runs that it started under another name.
create or replace function howdah_private.tg_api_keys__keep_name() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.former_names := array_remove(old.former_names, old.name) || old.name;
  return new;
end $$;

create or replace trigger _210_keep_name before update of name on howdah.api_keys
  for each row when (new.name <> old.name)
  execute function howdah_private.tg_api_keys__keep_name();
