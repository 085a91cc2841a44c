-- Addresses of the machine and its network in MCP servers and HTTP tools: who wrote them, and which
-- of them an operator opens to everybody.

-- Up Migration
alter table howdah.mcp_servers add column is_guarded boolean not null default true;
comment on column howdah.mcp_servers.is_guarded is
  'False if a caller who may name addresses of the machine wrote a private address. Workers then '
  'connect to this address. Otherwise they connect only to public addresses, or to those of '
  'HOWDAH_EGRESS_ALLOW.';
alter table howdah.tools add column is_guarded boolean not null default true;
comment on column howdah.tools.is_guarded is
  'False if a caller who may name addresses of the machine wrote a private address. Workers then '
  'connect to this address. Otherwise they connect only to public addresses, or to those of '
  'HOWDAH_EGRESS_ALLOW.';

create table howdah_private.egress_reports (
  host text primary key,
  addresses jsonb not null
    constraint addresses_are_a_list check (jsonb_typeof(addresses) = 'array'),
  reported_at timestamptz not null default now()
);
alter table howdah_private.egress_reports enable row level security, force row level security;
comment on table howdah_private.egress_reports is
  'Private addresses that workers and APIs may reach, as they reported at their start from '
  'HOWDAH_EGRESS_ALLOW. Every tenant may name these addresses.';
comment on column howdah_private.egress_reports.host is
  'Name of the machine, with /api for an API.';
comment on column howdah_private.egress_reports.addresses is
  'List of {host, wildcard, port}. With wildcard, all names below the host; without port, all ports.';
comment on column howdah_private.egress_reports.reported_at is
  'Time of the last report.';

-- Down Migration
drop table howdah_private.egress_reports;
alter table howdah.tools drop column is_guarded;
alter table howdah.mcp_servers drop column is_guarded;
