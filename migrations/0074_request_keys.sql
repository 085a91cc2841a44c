-- Up Migration
-- What requests with an Idempotency-Key came to, for a day: who asks again with the same key is answered as the first time.
-- Written in the transaction of the request, so that there is an answer exactly when there is what it made. No contents stand
-- here: where the row is, and ids.
create table howdah_private.request_keys (
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  caller text not null,
  key text not null,
  digest text not null,
  answer jsonb,
  created_at timestamptz not null default now(),
  primary key (tenant_id, caller, key),
  constraint answer_is_an_object check (jsonb_typeof(answer) = 'object')
);
alter table howdah_private.request_keys enable row level security, force row level security;
create index request_keys_created_at_idx on howdah_private.request_keys (tenant_id, created_at);
comment on table howdah_private.request_keys is 'Idempotency-Keys of requests, each with what it came to; good for a day.';

-- Down Migration
drop table howdah_private.request_keys;
