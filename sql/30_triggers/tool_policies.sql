-- Policies and filters: what would never work is refused when it is written.

-- A back-reference may take for ever; without one an expression of Postgres takes time that grows with the text. One that
-- matches nothing at all would stand between all letters.
create or replace function howdah_private.tg_output_filters__check_pattern() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fault text;
begin
  if new.pattern ~ '\\[1-9]' then
    v_fault := 'it has a back-reference, which may take for ever';
  else
    begin
      v_fault := case when '' ~ new.pattern then 'it matches the empty text' end;
    exception when invalid_regular_expression then
      v_fault := sqlerrm;
    end;
  end if;
  if v_fault is not null then
    raise exception using errcode = 'HWINV', message = format('pattern of filter %L: %s', new.name, v_fault),
      detail = jsonb_build_object('field', 'pattern', 'fault', v_fault)::text,
      hint = 'A regular expression of Postgres, such as \mAKIA[0-9A-Z]{16}\M';
  end if;
  return new;
end $$;

create or replace trigger _100_stamp before update on howdah.output_filters
  for each row execute function howdah_private.tg__stamp();
create or replace trigger _200_check_pattern before insert or update of pattern on howdah.output_filters
  for each row execute function howdah_private.tg_output_filters__check_pattern();
create or replace trigger _310_refuse_keys before insert or update of name, pattern on howdah.output_filters
  for each row execute function howdah_private.tg__refuse_keys_in_texts('name', 'pattern');
create or replace trigger _100_stamp before update on howdah.tool_policies
  for each row execute function howdah_private.tg__stamp();
