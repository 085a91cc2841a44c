-- Refuses names that are not one readable line of text. Lists, log lines and prompts show names as
-- one line, so a name must not be empty and must not contain line breaks, other control characters
-- or characters that change the direction of text.
--
-- One loop over the catalogue covers all tables. The trigger fires after all others, so that a more
-- specific error comes first. Existing rows stay until their name is written again. Steps keep the
-- names that were called, because they are a log.
do $$
declare
  v_column record;
begin
  for v_column in
    select c.oid::regclass as table_name, a.attname as name
    from pg_catalog.pg_class as c
    join pg_catalog.pg_attribute as a on a.attrelid = c.oid and not a.attisdropped
    where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p')
      and c.relowner = current_user::regrole and c.relname <> 'steps'
      and a.attname in ('name', 'username') and a.atttypid = 'text'::regtype
      and not exists ( -- this column has a more specific check
        select from howdah_private.size_limits() as x
        where x.table_name = c.relname and x.column_name = a.attname and x.most is null
      )
  loop
    execute format(
      'create or replace trigger _995_refuse_unreadable_name before insert or update of %I on %s '
      'for each row when (howdah_private.name_fault(new.%1$I) is not null) '
      'execute function howdah_private.tg__refuse_unreadable_name(%1$L)',
      v_column.name, v_column.table_name);
  end loop;
end $$;
