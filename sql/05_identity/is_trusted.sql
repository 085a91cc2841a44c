-- Returns whether the caller needs no permission: owners and the own calls of a worker. Reads the
-- setting `role`, as is_operator does, so that SQL that a worker runs for a tenant is not trusted.
create or replace function howdah_private.is_trusted() returns boolean
  language sql stable parallel safe
  return pg_has_role(
    case current_setting('role') when 'none' then session_user
      else current_setting('role')::name end,
    'howdah_worker', 'member'
  );
