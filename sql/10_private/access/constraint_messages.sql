-- Messages for the triggers of 65_refusals.sql. A refused row gets an error with the field, the
-- rule and a hint, which is the comment of the constraint. The error names the constraint, as an
-- error of Postgres does.
create or replace function howdah_private.refuse_row(relation regclass, rule name, field name)
  returns void
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
    message = coalesce(format('the row of %s is refused: ', v_table)
        || howdah_private.constraint_sentence(refuse_row.rule, v_fields),
      format('%s of %s is missing', refuse_row.field, v_table)),
    detail = jsonb_build_object(
      'table', v_table, 'fields', v_fields, 'constraint', refuse_row.rule)::text,
    hint = coalesce(v_fix, format('Give %s a value.', refuse_row.field)),
    schema = 'howdah', table = v_table, column = coalesce(refuse_row.field, ''),
    constraint = coalesce(refuse_row.rule, '');
end $$;

-- Turns the name of a check into a sentence for the user. The name states a fact about every row
-- (limits_are_positive), the sentence a rule: limits must be positive. The name of a column keeps
-- its underscores.
create or replace function howdah_private.constraint_sentence(rule text, fields jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    case when constraint_sentence.fields ? p[1] then p[1] else replace(p[1], '_', ' ') end
    || case
      when p[2] in ('is', 'are') and p[3] ~ '^_not_(?!.*_and_)'
        then ' must not be' || replace(substr(p[3], 5), '_', ' ')
      else coalesce((
          select v.rule from (values
            ('is', ' must be'), ('are', ' must be'), ('has', ' must have'), ('have', ' must have'),
            ('counts', ' must count'), ('fits', ' must fit'), ('fit', ' must fit'),
            ('say', ' must say'), ('names', ' must name'), ('name', ' must name'),
            ('may', ' must be allowed to'), ('exist', ' may be there')) as v (verb, rule)
          where v.verb = p[2]
        ), '') || replace(p[3], '_', ' ') end,
    replace(constraint_sentence.rule, '_', ' '))
  from (values (1)) as one
  left join regexp_match(constraint_sentence.rule,
    '^(.+?)_(is|are|has|have|counts|fits|fit|say|names|name|may|exist)((?:_.*)?)$') as p on true
$$;

-- Raises the error of the triggers of 66_references.sql for an id without a row in the tenant.
create or replace function howdah_private.refuse_unknown(
  relation name, field name, referenced name, id text, rule name
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWNTF',
    message = format('%s of %s does not exist: there is no such row in %s',
      field, refuse_unknown.relation, referenced),
    detail = jsonb_build_object('table', refuse_unknown.relation, 'field', field,
      'id', refuse_unknown.id, 'constraint', rule)::text,
    hint = format('Use the id of a row that you see in howdah.%s.', referenced),
    schema = 'howdah', table = refuse_unknown.relation, column = field, constraint = rule;
end $$;

-- Raises the error of these triggers for a row that other rows refer to.
create or replace function howdah_private.refuse_used(relation name, referencing name, rule name)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWCNF',
    message = format('the row of %s is still used by %s', refuse_used.relation, referencing),
    detail = jsonb_build_object(
      'table', refuse_used.relation, 'used_by', referencing, 'constraint', rule)::text,
    hint = case when refuse_used.relation in ('agents', 'workflows', 'prompts', 'skills')
      then format('Use howdah.delete_%s(id): it keeps the versions and runs.',
        rtrim(refuse_used.relation, 's'))
      else format('Change or delete the rows of howdah.%s first.', referencing) end,
    schema = 'howdah', table = refuse_used.relation, constraint = rule;
end $$;
