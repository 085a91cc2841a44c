-- Up Migration
-- Moves the rows of howdah.messages into howdah_private.message_log, without writing them again.
-- howdah.messages becomes a view of that table with the same columns. The text of a message may
-- then be stored elsewhere. The view is in sql/50_views/messages.sql. Views of others would go on
-- reading the table, so they have to be dropped before and created again after.
do $$
declare
  v_views text := (
    select string_agg(distinct format('%s.%I', v.relnamespace::regnamespace, v.relname), ', ')
    from pg_catalog.pg_depend as d
    join pg_catalog.pg_rewrite as r on r.oid = d.objid
    join pg_catalog.pg_class as v on v.oid = r.ev_class
    where d.classid = 'pg_catalog.pg_rewrite'::regclass
      and d.refclassid = 'pg_catalog.pg_class'::regclass
      and d.refobjid = 'howdah.messages'::regclass and v.relowner <> current_user::regrole
  );
  v_partition text;
begin
  if v_views is not null then
    raise exception using errcode = 'HWCNF',
      message = format('views that are not part of Howdah select from the table howdah.messages, '
        'which becomes a view: %s', v_views),
      detail = jsonb_build_object('views', string_to_array(v_views, ', '))::text,
      hint = 'Save their text (pg_get_viewdef), drop them, migrate, and create them again.';
  end if;
  -- partitions have the name of their table, also those that are detached to be dropped
  for v_partition in
    select c.relname from pg_catalog.pg_class as c
    where c.relnamespace = 'howdah_private'::regnamespace and c.relkind = 'r'
      and c.relname ~ '^messages_\d{4}_\d{2}$'
  loop
    execute format('alter table howdah_private.%I rename to %I',
      v_partition, 'message_log' || substr(v_partition, 9));
  end loop;
end $$;
alter table howdah.messages set schema howdah_private;
alter table howdah_private.messages rename to message_log;
alter index howdah_private.messages_pkey rename to message_log_pkey;
alter index howdah_private.messages_session_id_idx rename to message_log_session_id_idx;
comment on table howdah_private.message_log is
  'Rows of howdah.messages. Message 1 is the input; the commit of a step appends the others. Rows '
  'are never updated.';

-- Down Migration
do $$
declare
  v_name text;
begin
  for v_name in
    select c.relname from pg_catalog.pg_class as c
    where c.relnamespace = 'howdah_private'::regnamespace and c.relkind = 'r'
      and c.relname ~ '^message_log_\d{4}_\d{2}$'
  loop
    execute format('alter table howdah_private.%I rename to %I',
      v_name, 'messages' || substr(v_name, 12));
  end loop;
end $$;
alter index howdah_private.message_log_session_id_idx rename to messages_session_id_idx;
alter index howdah_private.message_log_pkey rename to messages_pkey;
alter table howdah_private.message_log rename to messages;
alter table howdah_private.messages set schema howdah;
comment on table howdah.messages is
  E'@foreignKey (execution_id) references howdah.executions (id)'
  '|@fieldName execution|@foreignFieldName messages\n'
  'Messages of a run, in order. Message 1 is the input; the commit of a step appends the others. '
  'Rows are never updated.';
