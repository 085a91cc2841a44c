-- Checks agent systems: neither their texts nor the source of their file may contain secrets.
-- Versions are immutable.

create or replace trigger _300_refuse_keys
  before insert or update of name, description on howdah.agent_systems
  for each row execute function howdah_private.tg__refuse_keys_in_texts('name', 'description');

-- Refuses secrets in the source. apply_agent_system reports all faulty lines at once
-- (source_faults); this trigger covers every other way to write the row.
create or replace function howdah_private.tg_agent_systems__check_source() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.raise_plain_secret(
    'source', format('line %s of source', f.fault ->> 'line'))
  from unnest(howdah_private.source_faults(new.source)) as f (fault);
  return new;
end $$;

create or replace trigger _300_check_source
  before insert or update of source on howdah.agent_systems
  for each row execute function howdah_private.tg_agent_systems__check_source();

create or replace trigger _100_refuse_change before update or delete on howdah.agent_system_versions
  for each row execute function howdah_private.tg__refuse_change();
create or replace trigger _100_refuse_truncate before truncate on howdah.agent_system_versions
  for each statement execute function howdah_private.tg__refuse_change();
