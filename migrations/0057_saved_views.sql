-- Up Migration
create table howdah.saved_views (
  id uuid default howdah.uuid_v7() primary key,
  tenant_id uuid default howdah.current_tenant() not null references howdah.tenants on delete cascade,
  user_id uuid,
  name text not null,
  place text not null,
  filter jsonb not null,
  is_shared boolean default false not null,
  created_at timestamptz default now() not null,
  updated_at timestamptz default now() not null,
  unique (tenant_id, id),
  constraint name_is_unique_for_user unique nulls not distinct (tenant_id, user_id, place, name),
  foreign key (tenant_id, user_id) references howdah.users (tenant_id, id) on delete cascade,
  constraint place_is_a_path check (place ~ '^[a-z][a-z0-9/-]{0,99}$'),
  constraint filter_is_an_object check (jsonb_typeof(filter) = 'object'),
  constraint filter_has_4000_bytes check (octet_length(filter::text) <= 4000)
);
alter table howdah.saved_views enable row level security, force row level security;
comment on table howdah.saved_views is
  'Filters of lists that users keep under a name. Users see their own and shared ones.';
comment on column howdah.saved_views.user_id is
  'The user who saved it, who may change it, as admins may; null for a key without a user.';
comment on column howdah.saved_views.place is
  'The place of the console whose list has the filter, such as runs.';
comment on column howdah.saved_views.filter is
  'The parameters of the URL of the list, such as {"status": "failed", "since": "24h"}.';
comment on column howdah.saved_views.is_shared is 'Whether everybody in the tenant sees it.';
comment on constraint place_is_a_path on howdah.saved_views is
  'Write the path of the place without the first slash, such as runs.';
comment on constraint filter_is_an_object on howdah.saved_views is
  'Write an object, such as {"status": "failed"}.';
comment on constraint filter_has_4000_bytes on howdah.saved_views is
  'Keep filter within 4,000 bytes.';

-- Down Migration
drop table howdah.saved_views;
