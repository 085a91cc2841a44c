-- Up Migration
-- Lets webhooks be signed from their first delivery on. A worker creates a key that nobody has
-- seen, and the key belongs to its webhook.

alter table howdah.secrets
  add column webhook_id uuid,
  add column is_unseen boolean not null default false,
  add constraint secrets_webhook_id_fkey foreign key (tenant_id, webhook_id)
    references howdah.webhooks (tenant_id, id) on delete cascade;
create index secrets_webhook_id_idx on howdah.secrets (tenant_id, webhook_id)
  where webhook_id is not null;
comment on column howdah.secrets.webhook_id is
  'Webhook that this generated signing key belongs to. The key is deleted together with the '
  'webhook. Null for other secrets.';
comment on column howdah.secrets.is_unseen is
  'True for a generated signing key that nobody has seen. Showing the key replaces it by a new '
  'one, since no stored value is ever shown.';
comment on column howdah.webhooks.secret_name is
  'Secret that signs deliveries: whsec_ and Base64. Null until a key is generated, at the latest '
  'for the first delivery.';

-- Down Migration
comment on column howdah.webhooks.secret_name is
  'Secret that signs deliveries: whsec_ and Base64. Null leaves them unsigned.';
alter table howdah.secrets drop column is_unseen, drop column webhook_id;
