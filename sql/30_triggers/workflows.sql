-- Checks workflows and their members at each write, and writes versions at commit, like agents
-- (agents.sql). A workflow becomes stale when its row, a member, the name or description of a
-- member, or a model that it uses changes.
create or replace function howdah_private.tg_workflows__check_configuration() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_plain_secrets('configuration', new.configuration);
  perform howdah_private.check_request_params(
    'configuration.request_params', new.configuration -> 'request_params',
    case
      when tg_op = 'UPDATE'
        and old.configuration -> 'model' is not distinct from new.configuration -> 'model'
        then coalesce(old.configuration -> 'request_params', '{}')
      else '{}'
    end);
  perform howdah_private.check_workflow_configuration(new.name, new.type, new.configuration);
  perform howdah_private.check_embedding_model(new.name, new.tenant_id, new.configuration);
  return new;
end $$;

create or replace function howdah_private.tg_workflows__mark_stale() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.version_is_stale := true;
  return new;
end $$;

create or replace function howdah_private.tg_workflows__write_version() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.refresh_workflow_version(new.id);
  return null;
end $$;

create or replace function howdah_private.mark_workflows_stale(ids uuid[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah.workflows as w set version_is_stale = true
  where w.id = any (mark_workflows_stale.ids) and not w.version_is_stale
$$;

create or replace function howdah_private.tg_workflow_agents__mark_stale() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.mark_workflows_stale(array[old.workflow_id, new.workflow_id]);
  return null;
end $$;

-- Refuses a workflow that contains itself at any depth, because its runs would never end.
create or replace function howdah_private.tg_workflow_agents__refuse_cycle() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_cycle uuid[];
  v_names text[];
begin
  -- serialises edits of a tenant: two concurrent transactions could form a cycle together
  perform pg_advisory_xact_lock(hashtextextended('howdah.teams ' || new.tenant_id, 0));
  if exists (
    with recursive below as (
      select new.member_workflow_id as id
      union
      select x.member_workflow_id from below as b
      join howdah.workflow_agents as x on x.workflow_id = b.id and x.member_workflow_id is not null
    )
    select from below as b where b.id = new.workflow_id
  ) then
    -- finds the shortest cycle for the message, only in the rare case of a refusal
    with recursive below (id, parent, distance) as (
      select new.member_workflow_id, new.workflow_id, 1
      union
      select x.member_workflow_id, b.id, b.distance + 1 from below as b
      join howdah.workflow_agents as x on x.workflow_id = b.id and x.member_workflow_id is not null
      where b.id <> new.workflow_id
    ),
    path (parent, distance, cycle) as (
      (
        select b.parent, b.distance, array[b.parent, b.id] from below as b
        where b.id = new.workflow_id order by b.distance, b.parent limit 1
      )
      union all
      select b.parent, b.distance, b.parent || p.cycle from path as p
      cross join lateral (
        select x.parent, x.distance from below as x
        where x.id = p.parent and x.distance = p.distance - 1 order by x.parent limit 1
      ) as b
    )
    select p.cycle into v_cycle from path as p where p.distance = 1;
    v_names := array(
      select case
        when not w.is_restricted or howdah_private.sees_agent(w.id) then w.name
        else '…'
      end
      from unnest(v_cycle) with ordinality as c (id, position)
      join howdah.workflows as w on w.id = c.id order by c.position);
    raise exception using errcode = 'HWINV',
      message = format('workflow %s would be a member of itself: %s',
        to_jsonb(v_names[1]), array_to_string(v_names, ' → ')),
      detail = jsonb_build_object('field', 'member_workflow_id', 'workflow_id', new.workflow_id,
        'member_workflow_id', new.member_workflow_id, 'member', v_names[2],
        'circle', v_names)::text,
      hint = 'Choose a member that does not contain the workflow.';
  end if;
  return new;
end $$;

create or replace function howdah_private.tg_workflow_agents__check() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_plain_secrets('configuration', new.configuration);
  perform howdah_private.check_sub_run_settings(new.configuration);
  perform howdah_private.check_member_question(new.question);
  return new;
end $$;

-- Puts a member without a position last. The lock on the row of the workflow serialises concurrent
-- inserts, so that each member gets its own position. Every new member updates that row anyway.
create or replace function howdah_private.tg_workflow_agents__take_position() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah.workflows as w where w.id = new.workflow_id and w.tenant_id = new.tenant_id
  for no key update;
  select coalesce(max(x.sequence_order), 0) + 1 into new.sequence_order
  from howdah.workflow_agents as x
  where x.workflow_id = new.workflow_id and x.tenant_id = new.tenant_id;
  return new;
end $$;

-- Marks the workflows stale that have the agent or workflow as a member, because versions hold the
-- names of members.
create or replace function howdah_private.tg_members__mark_stale() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.mark_workflows_stale(array_agg(x.workflow_id))
  from howdah.workflow_agents as x where new.id in (x.agent_id, x.member_workflow_id);
  return null;
end $$;

-- Marks the workflows stale that decide with the model.
create or replace function howdah_private.tg_models__mark_workflows_stale() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.mark_workflows_stale(array_agg(w.id))
  from howdah.workflows as w
  where w.tenant_id = coalesce(new.tenant_id, old.tenant_id)
    and (coalesce(w.configuration ->> 'model', 'default') in (old.name, new.name)
      or (howdah_private.decides_by_embedding(w.configuration)
        and 'embedding' in (old.purpose, new.purpose)));
  return null;
end $$;

create or replace trigger _005_lock_caller before insert or update on howdah.workflows
  for each statement execute function howdah_private.tg__lock_caller();
create or replace trigger _100_stamp before update on howdah.workflows
  for each row when (old.version_is_stale = new.version_is_stale)
  execute function howdah_private.tg__stamp();
create or replace trigger _200_mark_stale
  before update of name, description, type, instruction, configuration, max_steps, max_tokens,
    max_cost, max_seconds
  on howdah.workflows
  for each row when (old.* is distinct from new.*)
  execute function howdah_private.tg_workflows__mark_stale();
create or replace trigger _300_check_configuration
  before insert or update of type, configuration on howdah.workflows
  for each row execute function howdah_private.tg_workflows__check_configuration();
create or replace trigger _300_refuse_keys
  before insert or update of name, description, instruction on howdah.workflows
  for each row
  execute function howdah_private.tg__refuse_keys_in_texts('name', 'description', 'instruction');
create or replace trigger _500_mark_users_stale
  after update of name, description on howdah.workflows
  for each row when (old.name <> new.name or old.description <> new.description)
  execute function howdah_private.tg_members__mark_stale();
drop trigger if exists _900_write_version on howdah.workflows;
create constraint trigger _900_write_version after insert or update on howdah.workflows
  deferrable initially deferred
  for each row when (new.version_is_stale)
  execute function howdah_private.tg_workflows__write_version();

create or replace trigger _200_refuse_cycle
  before insert or update of workflow_id, member_workflow_id on howdah.workflow_agents
  for each row when (new.member_workflow_id is not null)
  execute function howdah_private.tg_workflow_agents__refuse_cycle();
create or replace trigger _250_take_position before insert on howdah.workflow_agents
  for each row when (new.sequence_order is null)
  execute function howdah_private.tg_workflow_agents__take_position();
create or replace trigger _300_check
  before insert or update of configuration, question on howdah.workflow_agents
  for each row execute function howdah_private.tg_workflow_agents__check();
create or replace trigger _310_refuse_keys before insert or update of role on howdah.workflow_agents
  for each row execute function howdah_private.tg__refuse_keys_in_texts('role');
create or replace trigger _500_mark_stale after insert or update or delete on howdah.workflow_agents
  for each row execute function howdah_private.tg_workflow_agents__mark_stale();

create or replace trigger _530_mark_workflows_stale
  after insert or delete or update of name, provider, model, purpose, base_url, secret_name,
    context_tokens, capabilities, request_params
  on howdah.models
  for each row execute function howdah_private.tg_models__mark_workflows_stale();
create or replace trigger _500_mark_teams_stale
  after update of name, description, instruction, capabilities, domain on howdah.agents
  for each row when (
    old.name <> new.name or old.description <> new.description or old.instruction <> new.instruction
    or old.capabilities <> new.capabilities or old.domain is distinct from new.domain
  )
  execute function howdah_private.tg_members__mark_stale();

create or replace trigger _100_refuse_change before update or delete on howdah.workflow_versions
  for each row execute function howdah_private.tg__refuse_change();
create or replace trigger _100_refuse_truncate before truncate on howdah.workflow_versions
  for each statement execute function howdah_private.tg__refuse_change();
