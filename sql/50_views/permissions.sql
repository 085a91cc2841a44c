-- Who may do what, for people to read; docs/keys.md shows it.
create or replace view howdah.permissions with (security_invoker = true) as
select p.object, p.action, p.role, p.by_agent
from howdah_private.permission_rows() as p;
comment on view howdah.permissions is
  'The least role that may do something to the rows of a table. Reading takes no more than being of the tenant, and the grants of its agents, unless it stands here.';
comment on column howdah.permissions.action is 'read, run, edit or manage; also the scope an API key needs for it.';
comment on column howdah.permissions.by_agent is 'A grant of the agent that a row is about allows it to those below that role.';
