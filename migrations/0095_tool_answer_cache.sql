-- Up Migration
-- Answers of tools that are used again for equal calls, for tools that ask for it.
alter table howdah.tools
  add column cache_answers_for int,
  add constraint cache_answers_for_is_from_1_second_to_a_month
    check (cache_answers_for between 1 and 2592000),
  add constraint cached_tools_are_pure
    check (cache_answers_for is null or effect = 'pure'),
  add constraint cached_tools_have_no_approval
    check (cache_answers_for is null or not requires_approval),
  add constraint cached_tools_are_sql_http_mcp_or_custom
    check (cache_answers_for is null or kind in ('sql', 'http', 'mcp', 'custom'));
comment on column howdah.tools.cache_answers_for is
  'Seconds for which the answer to a call is used again for an equal call. Null makes each call.';

alter table howdah_private.cached_answers
  add column tool_id uuid,
  add foreign key (tenant_id, tool_id) references howdah.tools (tenant_id, id) on delete cascade;
create index cached_answers_tool_id_idx on howdah_private.cached_answers (tenant_id, tool_id)
  where tool_id is not null;
comment on column howdah_private.cached_answers.tool_id is
  'The tool that answered. Null for an answer of a model.';

-- Down Migration
-- Earlier schemas would take them for answers of models. Row-level security applies to the owner.
alter table howdah_private.cached_answers no force row level security;
delete from howdah_private.cached_answers where tool_id is not null;
alter table howdah_private.cached_answers force row level security;
alter table howdah_private.cached_answers drop column tool_id;
alter table howdah.tools drop column cache_answers_for;
