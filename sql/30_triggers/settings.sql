-- Checks settings at each write, so that readers need no checks.

-- Refuses unknown keys and values outside of their range. Normalises the value: 8.0 is stored as 8.
create or replace function howdah_private.tg_settings__check() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_keys text[] := array(select k.key from howdah_private.setting_kinds() as k);
  v_value numeric := case jsonb_typeof(new.value) when 'number' then new.value::numeric end;
  v_kind record;
begin
  if new.key is null or new.value is null then
    return new; -- the not-null constraints refuse the row
  end if;
  select k.* into v_kind from howdah_private.setting_kinds() as k where k.key = new.key;
  if not found then
    raise exception using errcode = 'HWINV',
      message = format('there is no setting %L', left(new.key, 60)),
      detail = jsonb_build_object('field', 'key')::text,
      hint = coalesce(
          'Did you mean ' || howdah_private.nearest_word(lower(new.key), v_keys) || '? ', '')
        || 'The settings: ' || array_to_string(v_keys, ', ') || '.';
  end if;
  if (v_value between v_kind.minimum and v_kind.maximum
      and (not v_kind.is_whole or v_value = trunc(v_value))) is not true then
    raise exception using errcode = 'HWINV',
      message = format('%s must be a %s from %s to %s, not %s', new.key,
        case when v_kind.is_whole then 'whole number' else 'number' end,
        v_kind.minimum, v_kind.maximum, left(new.value::text, 60)),
      detail = jsonb_build_object('field', 'value', 'key', new.key,
        'minimum', v_kind.minimum, 'maximum', v_kind.maximum)::text,
      hint = 'Use a JSON number without quotes. '
        || coalesce(
          'The default is ' || v_kind.default_value || '.', 'By default there is no limit.');
  end if;
  new.value := to_jsonb(trim_scale(v_value));
  return new;
end $$;

-- Refuses settings of scope system, except from an owner of the database, because they apply to all
-- tenants.
create or replace function howdah_private.tg_settings__refuse_system() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not howdah_private.is_operator() then
    raise exception using errcode = 'HWDEN',
      message = 'only an owner of the database may write settings of scope system',
      detail = jsonb_build_object('field', 'scope')::text,
      hint = 'Set scope to tenant, or connect as the owner of the database: npx howdah db url.';
  end if;
  return case tg_op when 'DELETE' then old else new end;
end $$;

create or replace trigger _200_refuse_system before insert on howdah.settings
  for each row when (new.scope = 'system')
  execute function howdah_private.tg_settings__refuse_system();
create or replace trigger _210_refuse_system before update or delete on howdah.settings
  for each row when (old.scope = 'system')
  execute function howdah_private.tg_settings__refuse_system();
create or replace trigger _220_refuse_system before update of scope on howdah.settings
  for each row when (new.scope = 'system')
  execute function howdah_private.tg_settings__refuse_system();
create or replace trigger _530_note_feature after insert on howdah.settings
  for each statement execute function howdah_private.tg__note_feature();
create or replace trigger _300_check before insert or update of key, value on howdah.settings
  for each row execute function howdah_private.tg_settings__check();
