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
    message = coalesce(format('the row of %s is refused: ', v_table) || howdah_private.constraint_sentence(refuse_row.rule, v_fields),
      format('%s of %s is missing', refuse_row.field, v_table)),
    detail = jsonb_build_object('table', v_table, 'fields', v_fields, 'constraint', refuse_row.rule)::text,
    hint = coalesce(v_fix, format('Give %s a value.', refuse_row.field)),
    schema = 'howdah', table = v_table, column = coalesce(refuse_row.field, ''), constraint = coalesce(refuse_row.rule, '');
end $$;

-- A check is called by what holds of every row, limits_are_positive. Who is refused is told what has to hold: limits must be
-- positive. The name of a column keeps its underscores.
create or replace function howdah_private.constraint_sentence(rule text, fields jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    case when constraint_sentence.fields ? p[1] then p[1] else replace(p[1], '_', ' ') end
    || case
      when p[2] in ('is', 'are') and p[3] ~ '^_not_(?!.*_and_)' then ' must not be' || replace(substr(p[3], 5), '_', ' ')
      else coalesce((
          select v.told from (values ('is', ' must be'), ('are', ' must be'), ('has', ' must have'), ('have', ' must have'),
            ('counts', ' must count'), ('fits', ' must fit'), ('fit', ' must fit'), ('say', ' must say'), ('names', ' must name'),
            ('name', ' must name'), ('may', ' must be allowed to'), ('exist', ' may be there')) as v (verb, told)
          where v.verb = p[2]
        ), '') || replace(p[3], '_', ' ') end,
    replace(constraint_sentence.rule, '_', ' '))
  from (values (1)) as one
  left join regexp_match(constraint_sentence.rule, '^(.+?)_(is|are|has|have|counts|fits|fit|say|names|name|may|exist)((?:_.*)?)$') as p on true
$$;

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
