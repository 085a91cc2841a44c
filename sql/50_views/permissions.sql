-- The permission of each role as a view, for people; docs/reference/permissions.md shows it.
create or replace view howdah.permissions with (security_invoker = true) as
select p.object, p.action, p.role, p.by_agent
from howdah_private.permission_rows() as p;
comment on view howdah.permissions is
  'The lowest role that may perform an action on the rows of a table. Reading requires only '
  'membership of the tenant and the grants of its agents, unless a row here says otherwise.';
comment on column howdah.permissions.action is
  'read, run, edit or manage. An API key needs the scope of the same name.';
comment on column howdah.permissions.by_agent is
  'A grant on the agent of the row allows the action to lower roles.';
