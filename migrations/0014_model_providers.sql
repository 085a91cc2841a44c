-- Up Migration
-- Adds what models of all vendors need: purposes, prices of cached tokens and of units, parameters
-- of a model, an order of fallbacks, reports of providers, and tests of models. Adds capabilities
-- and the domain of tools, keys of chats, and an index of closed questions.

alter type howdah.model_purpose add value if not exists 'image';
alter type howdah.model_purpose add value if not exists 'rerank';
alter type howdah.model_purpose add value if not exists 'classifier';

alter table howdah.models
  add column request_params jsonb not null default '{}'
    constraint request_params_are_an_object check (jsonb_typeof(request_params) = 'object'),
  add column cached_input_price numeric
    constraint cached_input_price_is_a_price
      check (cached_input_price >= 0 and cached_input_price < 'Infinity'),
  add column cache_write_price numeric
    constraint cache_write_price_is_a_price
      check (cache_write_price >= 0 and cache_write_price < 'Infinity'),
  add column unit_price numeric
    constraint unit_price_is_a_price check (unit_price >= 0 and unit_price < 'Infinity'),
  add column price_unit text
    constraint price_unit_is_known check (price_unit in ('minute', 'character', 'image', 'request')),
  add column prices_from text
    constraint prices_from_is_short check (length(prices_from) <= 200),
  add column fallback_position int
    constraint fallback_position_counts_from_one check (fallback_position >= 1),
  add column is_guarded boolean not null default false;
comment on column howdah.models.request_params is
  'Parameters of each request to the model, such as {"voice": "alloy"}. Parameters in '
  'agent_models.request_params take precedence.';
comment on column howdah.models.cached_input_price is
  'Price of a million input tokens that the provider read from its prompt cache. Null uses '
  'input_price.';
comment on column howdah.models.cache_write_price is
  'Price of a million input tokens that the provider wrote to its prompt cache. Null uses '
  'input_price.';
comment on column howdah.models.unit_price is
  'Price of one unit of price_unit, for models that are not paid by tokens.';
comment on column howdah.models.price_unit is
  'Unit of unit_price: a minute of audio, a character of text, an image or a request.';
comment on column howdah.models.prices_from is
  'Source of the prices, such as "catalog 2026-11-01". Null: somebody wrote the prices.';
comment on column howdah.models.fallback_position is
  'Place among the fallbacks of agents that name no model. Their first model is the model named '
  'default. Null: the model is no such fallback.';

comment on column howdah.models.is_guarded is
  'True if base_url was written by a caller who may not name addresses of the machine. Workers then '
  'connect only to public addresses, or to those of HOWDAH_EGRESS_ALLOW.';

alter table howdah.tools
  add column capabilities text[] not null default '{}',
  add column domain text;
comment on column howdah.tools.capabilities is
  E'@behavior +attribute:filterBy\n'
  'What the tool can do, as short words such as {search, translate}. Agents find tools by them.';
comment on column howdah.tools.domain is
  E'@behavior +attribute:filterBy\nSubject of the tool, such as finance.';

create table howdah_private.provider_reports (
  host text not null,
  provider text not null,
  has_package boolean not null,
  has_key boolean not null,
  has_address boolean not null default false,
  reported_at timestamptz not null default now(),
  primary key (host, provider)
);
alter table howdah_private.provider_reports enable row level security, force row level security;
comment on table howdah_private.provider_reports is
  'Model providers that the processes of a host can use. A process replaces the rows of its host '
  'when it starts. A model whose provider no host can use is refused when it is written.';
comment on column howdah_private.provider_reports.host is
  'Name of a host, for its workers. The API and commands, whose environments may differ, report as '
  'host/api and host/cli.';
comment on column howdah_private.provider_reports.has_package is
  'True if the npm package of the provider is installed on the host, or none is needed.';
comment on column howdah_private.provider_reports.has_key is
  'True if the environment of the host has a key for the provider.';
comment on column howdah_private.provider_reports.has_address is
  'True if the environment of the host has another address for the provider (OPENAI_BASE_URL).';

alter table howdah_private.workers
  add column custom_tools text[] not null default '{}';
comment on column howdah_private.workers.custom_tools is
  'Names of the tools in TypeScript that the worker has. Calls of others fail there.';

-- sql/ creates this function with more parameters. The older signature would remain beside it.
drop function if exists howdah_private.price(int, int, howdah.models);

alter table howdah.deleted_step_usage
  add column cached_tokens bigint not null default 0,
  add column cache_write_tokens bigint not null default 0;
comment on column howdah.deleted_step_usage.cached_tokens is
  'Input tokens that providers read from their prompt caches; a part of tokens_in.';
comment on column howdah.deleted_step_usage.cache_write_tokens is
  'Input tokens that providers wrote to their prompt caches; a part of tokens_in.';

-- Live lists read the questions that were closed after a time.
create index questions_closed_idx
  on howdah.questions (tenant_id, updated_at) where status <> 'open';

create type howdah.model_test_status as enum ('queued', 'passed', 'failed');
comment on type howdah.model_test_status is 'Status of a test of a model.';

create table howdah.model_tests (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  model_id uuid not null,
  status howdah.model_test_status not null default 'queued',
  answer jsonb constraint answer_is_an_object check (jsonb_typeof(answer) = 'object'),
  error jsonb constraint error_is_an_object check (jsonb_typeof(error) = 'object'),
  seconds numeric,
  created_by text not null,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, model_id) references howdah.models (tenant_id, id) on delete cascade,
  constraint a_passed_test_has_an_answer check ((status = 'passed') = (answer is not null)),
  constraint a_failed_test_has_an_error check ((status = 'failed') = (error is not null)),
  constraint a_finished_test_has_its_time
    check ((status = 'queued') = (finished_at is null) and (status = 'queued') = (seconds is null))
);
create index model_tests_model_id_idx on howdah.model_tests (tenant_id, model_id, created_at desc);
alter table howdah.model_tests enable row level security, force row level security;
comment on table howdah.model_tests is
  'Tests of models: howdah.test_model() asks a worker to call a model once, and the worker writes '
  'the result. The newest 20 tests of each model are kept.';
comment on column howdah.model_tests.answer is
  'Result of a passed test: answer and tool_call of an llm, vector_length of embeddings, '
  'audio_bytes and media_type of tts, text of stt, image_bytes, media_type, width and height of '
  'an image, ranking of rerank, and usage, units, cost and warnings.';
comment on column howdah.model_tests.error is
  'Error of a failed test: code, message and hint. Null if the test has not failed.';
comment on column howdah.model_tests.seconds is 'Duration of the calls of the model, in seconds.';

alter table howdah.sessions add column chat_key text;
create unique index sessions_chat_key_idx on howdah.sessions (tenant_id, chat_key)
  where chat_key is not null;
comment on column howdah.sessions.chat_key is
  'Chat of a user interface (POST /api/chat) that continues in this session: the id of its user, a '
  'slash and the id that the interface chose.';

-- Down Migration
drop index howdah.questions_closed_idx;
drop index howdah.sessions_chat_key_idx;
alter table howdah.sessions drop column chat_key;
drop table howdah.model_tests;
drop type howdah.model_test_status;
alter table howdah.deleted_step_usage
  drop column cached_tokens, drop column cache_write_tokens;
drop table howdah_private.provider_reports;
alter table howdah_private.workers drop column custom_tools;
alter table howdah.tools drop column capabilities, drop column domain;
alter table howdah.models
  drop column request_params, drop column cached_input_price, drop column cache_write_price,
  drop column unit_price, drop column price_unit, drop column prices_from,
  drop column fallback_position, drop column is_guarded;

-- PostgreSQL cannot remove a value of a type, so the type is created again. Models of purposes that
-- the older release does not know are deleted. Row-level security applies to the owner as well.
alter table howdah.agent_models no force row level security;
alter table howdah.models no force row level security;
delete from howdah.agent_models as am where am.purpose::text in ('image', 'rerank', 'classifier');
delete from howdah.models as m where m.purpose::text in ('image', 'rerank', 'classifier');
alter table howdah.agent_models force row level security;
alter table howdah.models force row level security;
alter type howdah.model_purpose rename to model_purpose_newer;
create type howdah.model_purpose as enum ('llm', 'embedding', 'tts', 'stt');
comment on type howdah.model_purpose is 'Purpose of a model.';
alter table howdah.models
  drop constraint a_socket_is_for_speech,
  alter column purpose drop default,
  alter column purpose type howdah.model_purpose using purpose::text::howdah.model_purpose,
  alter column purpose set default 'llm',
  add constraint a_socket_is_for_speech check (base_url !~* '^ws' or purpose in ('tts', 'stt'));
alter table howdah.agent_models
  alter column purpose drop default,
  alter column purpose type howdah.model_purpose using purpose::text::howdah.model_purpose,
  alter column purpose set default 'llm';
drop type howdah.model_purpose_newer;
