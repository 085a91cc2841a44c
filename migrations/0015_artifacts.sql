-- Up Migration
-- What a run leaves beside its log: the todo list of its conversation, and files. And files as input.
create type howdah.todo_status as enum ('open', 'doing', 'done', 'blocked', 'cancelled');
comment on type howdah.todo_status is 'How far a todo is.';

create table howdah.todos (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant(),
  session_id uuid not null,
  position int not null,
  title text not null,
  status howdah.todo_status not null default 'open',
  note text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  -- deferred, so that a list may be put into another order
  unique (session_id, position) deferrable initially deferred,
  foreign key (tenant_id, session_id) references howdah.sessions (tenant_id, id) on delete cascade,
  constraint position_counts_from_one check (position between 1 and 1000000),
  constraint title_has_1_to_500_characters check (char_length(title) <= 500 and title ~ '\S'),
  constraint note_has_at_most_4000_characters check (char_length(note) <= 4000)
);
create index todos_session_id_idx on howdah.todos (tenant_id, session_id, position);
alter table howdah.todos enable row level security, force row level security;
comment on table howdah.todos is
  'The todo list of a session: agents keep it by the tool todo, people by SQL and GraphQL.';
comment on constraint todos_session_id_position_key on howdah.todos is
  E'@behavior -*\nPositions change: a todo is named by its id.';
comment on column howdah.todos.position is E'@hasDefault\nIts place in the list; left out, the end.';
comment on column howdah.todos.note is 'What stands in the way, or what came of it.';

create table howdah.resources (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  name text not null,
  type text not null,
  storage_path text,
  bytes bytea,
  size bigint not null,
  sha256 text not null,
  metadata jsonb not null default '{}',
  execution_id uuid,
  session_id uuid,
  created_by text not null,
  created_at timestamptz not null default now(),
  unique (tenant_id, id),
  foreign key (tenant_id, session_id)
    references howdah.sessions (tenant_id, id) on delete set null (session_id),
  constraint bytes_are_in_the_row_or_in_a_file check (num_nonnulls(bytes, storage_path) = 1),
  constraint bytes_are_at_most_8_mb check (octet_length(bytes) <= 8388608),
  constraint storage_path_is_relative check (
    char_length(storage_path) <= 1000 and storage_path ~ '^[^/\\[:cntrl:]][^\\[:cntrl:]]*$'
      and storage_path !~ '(^|/)\.{1,2}(/|$)'
  ),
  constraint name_is_one_short_line check (name ~ '^[^[:cntrl:]]{1,255}$' and name ~ '\S'),
  constraint type_is_a_mime_type
    check (char_length(type) <= 200 and type ~ '^[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*(;[ -~]*)?$'),
  constraint sha256_is_hex check (sha256 ~ '^[0-9a-f]{64}$'),
  constraint size_is_not_negative check (size >= 0),
  constraint metadata_is_an_object check (jsonb_typeof(metadata) = 'object')
);
create index resources_session_id_idx on howdah.resources (tenant_id, session_id)
  where session_id is not null;
create index resources_execution_id_idx on howdah.resources (tenant_id, execution_id)
  where execution_id is not null;
-- images and archives are compressed already: trying again costs time and gains nothing
alter table howdah.resources alter column bytes set storage external;
alter table howdah.resources enable row level security, force row level security;
comment on table howdah.resources is
  'Files: up to 8 MB in the row, larger ones by their path. The content never changes; name and metadata may.';
comment on column howdah.resources.type is 'Its MIME type, such as image/png.';
comment on column howdah.resources.bytes is 'The content; read only when it is asked for.';
comment on column howdah.resources.storage_path is 'Of a file of the workers, below HOWDAH_HOME/resources; written by an owner.';
comment on column howdah.resources.size is 'Bytes of the content.';
comment on column howdah.resources.sha256 is E'@hasDefault\nThe hash of the content, in hex: computed from the bytes, and when it is given it must match.';
comment on column howdah.resources.metadata is 'Your own tags.';
comment on column howdah.resources.execution_id is 'The run it belongs to.';

alter table howdah.executions add column input_parts jsonb;
alter table howdah.executions
  add constraint input_parts_are_a_list check (jsonb_typeof(input_parts) = 'array');
comment on column howdah.executions.input_parts is
  'Images and files beside the text, as OpenAI content parts, or {"type": "resource", "resource_id": …}.';

-- Down Migration
alter table howdah.executions drop column input_parts;
drop table howdah.resources;
drop table howdah.todos;
drop type howdah.todo_status;
