-- What the triggers of 65_refusals.sql say of a row: which field, which rule and, in the words of its comment, what to do.
-- It carries the constraint's name as Postgres would.
create or replace function howdah_private.refuse_row(relation regclass, rule name, field name) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table name := (select c.relname from pg_class as c where c.oid = refuse_row.relation);
  v_fields jsonb;
  v_fix text;
begin
  if refuse_row.rule is null then
    v_fields := jsonb_build_array(refuse_row.field);
    select regexp_replace(col_description(a.attrelid, a.attnum), '^(@[^\n]*\n)+', '') into v_fix
    from pg_attribute as a where a.attrelid = refuse_row.relation and a.attname = refuse_row.field;
  else
    select obj_description(c.oid, 'pg_constraint'),
      (select jsonb_agg(a.attname order by a.attnum) from pg_attribute as a
       where a.attrelid = c.conrelid and a.attnum = any (c.conkey))
    into v_fix, v_fields
    from pg_constraint as c where c.conrelid = refuse_row.relation and c.conname = refuse_row.rule;
  end if;
  raise exception using errcode = 'HWINV',
    message = coalesce(format('the row of %s is refused: ', v_table) || replace(refuse_row.rule, '_', ' '),
      format('%s of %s is missing', refuse_row.field, v_table)),
    detail = jsonb_build_object('table', v_table, 'fields', v_fields, 'constraint', refuse_row.rule)::text,
    hint = coalesce(v_fix, format('Give %s a value.', refuse_row.field)),
    schema = 'howdah', table = v_table, column = coalesce(refuse_row.field, ''), constraint = coalesce(refuse_row.rule, '');
end $$;

-- What the triggers of 66_references.sql say of an id that names nothing, here or at another tenant.
create or replace function howdah_private.refuse_unknown(relation name, field name, referenced name, id text, rule name) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWNTF',
    message = format('%s of %s names nothing: there is no such row in %s', field, refuse_unknown.relation, referenced),
    detail = jsonb_build_object('table', refuse_unknown.relation, 'field', field, 'id', refuse_unknown.id, 'constraint', rule)::text,
    hint = format('Take the id of one that you see in howdah.%s.', referenced),
    schema = 'howdah', table = refuse_unknown.relation, column = field, constraint = rule;
end $$;

-- And of a row that others use.
create or replace function howdah_private.refuse_used(relation name, referencing name, rule name) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWCNF',
    message = format('the row of %s is still used by %s', refuse_used.relation, referencing),
    detail = jsonb_build_object('table', refuse_used.relation, 'used_by', referencing, 'constraint', rule)::text,
    hint = case when refuse_used.relation in ('agents', 'workflows', 'prompts', 'skills')
      then format('Its versions and runs stay: howdah.delete_%s(id) deletes it softly.', rtrim(refuse_used.relation, 's'))
      else format('Change or delete those in howdah.%s first.', referencing) end,
    schema = 'howdah', table = refuse_used.relation, constraint = rule;
end $$;
