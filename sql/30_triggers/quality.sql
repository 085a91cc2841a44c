-- Checks data sets and graders, and names the author of items.

create or replace function howdah_private.tg_dataset_items__sign() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.metadata := coalesce(new.metadata, '{}');
  new.input := coalesce(new.input, '');
  new.created_by := howdah_private.actor();
  new.trust := 'user';
  new.input_parts := nullif(new.input_parts, '[]');
  perform howdah_private.check_parts(new.tenant_id, new.input_parts)
  where jsonb_typeof(new.input_parts) = 'array';
  new.history := nullif(new.history, '[]');
  perform howdah_private.check_history(new.history) where jsonb_typeof(new.history) = 'array';
  if new.source_execution_id is not null then
    select coalesce(e.agent_version_id, e.workflow_version_id),
      greatest(e.input_trust, 'user', case when new.history is not null
        then howdah_private.trust_of_runs(e.tenant_id, array[e.id::uuid]) end),
      coalesce(e.user_id, (select s.user_id from howdah.sessions as s where s.id = e.session_id))
    into new.source_version_id, new.trust, new.source_user_id
    from howdah.executions as e
    where e.id = new.source_execution_id and e.tenant_id = new.tenant_id
      and coalesce(e.agent_id, e.workflow_id) <> all (howdah_private.hidden_agents());
    if not found then
      raise exception using errcode = 'HWNTF',
        message = format('there is no execution %s', new.source_execution_id),
        detail = jsonb_build_object('field', 'source_execution_id')::text,
        hint = 'See howdah.executions for the runs that exist.';
    end if;
    new.source_user_ids := nullif(array(
      select c.id from howdah_private.users_of_conversation(new.source_execution_id) as c (id)
      where c.id is distinct from new.source_user_id order by 1), '{}');
  end if;
  perform howdah_private.check_step_of_run(new.source_execution_id, new.source_seq, 'source_seq');
  perform howdah_private.check_plain_secrets('metadata', new.metadata)
  where new.metadata <> '{}';
  return new;
end $$;
create or replace trigger _005_lock_caller before insert on howdah.dataset_items
  for each statement execute function howdah_private.tg__lock_caller();
create or replace trigger _100_sign before insert on howdah.dataset_items
  for each row execute function howdah_private.tg_dataset_items__sign();

-- Evaluations stay comparable: their items are compared by id.
create or replace trigger _100_refuse_change
  before update of id, tenant_id, dataset_id, split, input, input_data, input_parts, history,
    expected, metadata, trust, created_at
  on howdah.dataset_items
  for each row when (
    (new.id, new.tenant_id, new.dataset_id, new.split, new.input, new.input_data, new.input_parts,
      new.history, new.expected, new.metadata, new.trust, new.created_at)
    is distinct from
    (old.id, old.tenant_id, old.dataset_id, old.split, old.input, old.input_data, old.input_parts,
      old.history, old.expected, old.metadata, old.trust, old.created_at))
  execute function howdah_private.tg__refuse_change('Set removed_at, and insert another item.');

-- Removes an item now, whatever time is given, so that the items of an earlier time stay the same.
-- Without a time, the item was never removed.
create or replace function howdah_private.tg_dataset_items__remove() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.removed_at := case when new.removed_at is not null
    then coalesce(old.removed_at, clock_timestamp()) end;
  return new;
end $$;
create or replace trigger _100_remove before update of removed_at on howdah.dataset_items
  for each row when (new.removed_at is distinct from old.removed_at)
  execute function howdah_private.tg_dataset_items__remove();

create or replace function howdah_private.tg_graders__check() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.configuration := coalesce(new.configuration, '{}');
  new.weight := coalesce(new.weight, 1);
  new.pass_score := coalesce(new.pass_score, 1);
  if new.kind is not null and jsonb_typeof(new.configuration) = 'object' then
    perform howdah_private.check_grader(new);
  end if;
  return new;
end $$;
create or replace trigger _300_check
  before insert or update of kind, configuration, weight, pass_score on howdah.graders
  for each row execute function howdah_private.tg_graders__check();

-- Checks a rule at each write, so that errors do not wait for its next time: the agent or workflow,
-- and whether its graders can grade runs that no evaluation has started.
create or replace function howdah_private.tg_grading_rules__check() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_target(new.tenant_id, new.agent_id, new.workflow_id);
  if exists (
    select from howdah.datasets as d
    where d.tenant_id = new.tenant_id and d.id = new.dataset_id) then
    perform howdah_private.graders_of_runs(new.tenant_id, new.dataset_id, new.graders);
  end if;
  return new;
end $$;

-- Makes a new or changed rule due at once. A new or resumed rule begins with the runs of the last
-- interval. A paused rule has no next time.
create or replace function howdah_private.tg_grading_rules__plan() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_since constant timestamptz := clock_timestamp()
    - make_interval(secs => new.delay_seconds) - make_interval(secs => new.interval_seconds);
begin
  if new.is_active and (tg_op = 'INSERT' or not old.is_active) then
    new.graded_until_at := greatest(new.graded_until_at, v_since);
  end if;
  new.next_at := case when new.is_active then clock_timestamp() end;
  return new;
end $$;

create or replace trigger _300_check
  before insert or update of dataset_id, graders, agent_id, workflow_id on howdah.grading_rules
  for each row execute function howdah_private.tg_grading_rules__check();
create or replace trigger _310_refuse_keys before insert or update of name on howdah.grading_rules
  for each row execute function howdah_private.tg__refuse_keys_in_texts('name');
create or replace trigger _400_plan
  before insert or update of dataset_id, graders, agent_id, workflow_id, sample, interval_seconds,
    delay_seconds, is_active
  on howdah.grading_rules
  for each row execute function howdah_private.tg_grading_rules__plan();
