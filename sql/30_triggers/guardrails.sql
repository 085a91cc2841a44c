-- Checks output filters at each write. Tool policies need only their constraints.

-- Checks the pattern of a filter. A back-reference may need exponential time; without one Postgres
-- matches in time that grows with the length of the text. A pattern that matches the empty string
-- would match between all characters.
create or replace function howdah_private.tg_output_filters__check_pattern() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fault text;
begin
  if new.pattern ~ '\\[1-9]' then
    v_fault := 'it has a back-reference, which can need exponential time';
  else
    begin
      v_fault := case when '' ~ new.pattern then 'it matches the empty string' end;
    exception when invalid_regular_expression then
      v_fault := sqlerrm;
    end;
  end if;
  if v_fault is not null then
    raise exception using errcode = 'HWINV',
      message = format('pattern of filter %L: %s', new.name, v_fault),
      detail = jsonb_build_object('field', 'pattern', 'fault', v_fault)::text,
      hint = 'Use a regular expression of PostgreSQL, such as \mAKIA[0-9A-Z]{16}\M';
  end if;
  return new;
end $$;

create or replace trigger _200_check_pattern
  before insert or update of pattern on howdah.output_filters
  for each row execute function howdah_private.tg_output_filters__check_pattern();
create or replace trigger _310_refuse_keys
  before insert or update of name, pattern on howdah.output_filters
  for each row execute function howdah_private.tg__refuse_keys_in_texts('name', 'pattern');
create or replace trigger _530_note_feature after insert on howdah.output_filters
  for each statement execute function howdah_private.tg__note_feature();
