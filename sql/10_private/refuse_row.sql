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
