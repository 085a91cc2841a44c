-- What is wrong with a setting is said when it is written: nobody who reads it checks it again. 8.0 is kept as 8.
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
    return new; -- which is refused in its own words
  end if;
  select k.* into v_kind from howdah_private.setting_kinds() as k where k.key = new.key;
  if not found then
    raise exception using errcode = 'HWINV', message = format('there is no setting %L', left(new.key, 60)),
      detail = jsonb_build_object('field', 'key')::text,
      hint = coalesce('Did you mean ' || howdah_private.nearest_word(lower(new.key), v_keys) || '? ', '')
        || 'The settings: ' || array_to_string(v_keys, ', ') || '.';
  end if;
  if (v_value between v_kind.minimum and v_kind.maximum and (not v_kind.is_whole or v_value = trunc(v_value))) is not true then
    raise exception using errcode = 'HWINV',
      message = format('%s is a %s from %s to %s, not %s', new.key,
        case when v_kind.is_whole then 'whole number' else 'number' end, v_kind.minimum, v_kind.maximum, left(new.value::text, 60)),
      detail = jsonb_build_object('field', 'value', 'key', new.key, 'minimum', v_kind.minimum, 'maximum', v_kind.maximum)::text,
      hint = 'Give such a number, in JSON without quotes; when nobody sets it, '
        || coalesce('it is ' || v_kind.default_value || '.', 'there is no such limit.');
  end if;
  new.value := to_jsonb(trim_scale(v_value));
  return new;
end $$;

-- What holds for all tenants is for who runs the installation.
create or replace function howdah_private.tg_settings__refuse_system() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not howdah_private.is_operator() then
    raise exception using errcode = 'HWDEN', message = 'only an owner may write a setting of the whole installation',
      detail = jsonb_build_object('field', 'scope')::text,
      hint = 'Give it the scope tenant, or connect as the database''s owner: npx howdah db url.';
  end if;
  return case tg_op when 'DELETE' then old else new end;
end $$;

create or replace trigger _100_stamp before update on howdah.settings
  for each row execute function howdah_private.tg__stamp();
create or replace trigger _200_refuse_system before insert on howdah.settings
  for each row when (new.scope = 'system') execute function howdah_private.tg_settings__refuse_system();
create or replace trigger _210_refuse_system before update or delete on howdah.settings
  for each row when (old.scope = 'system') execute function howdah_private.tg_settings__refuse_system();
create or replace trigger _220_refuse_system before update of scope on howdah.settings
  for each row when (new.scope = 'system') execute function howdah_private.tg_settings__refuse_system();
create or replace trigger _300_check before insert or update of key, value on howdah.settings
  for each row execute function howdah_private.tg_settings__check();
