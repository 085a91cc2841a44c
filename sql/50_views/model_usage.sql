drop view if exists howdah.model_usage;
create view howdah.model_usage with (security_invoker = true) as
  select s.tenant_id, s.model_id, m.name as model, m.provider,
    count(*) filter (where s.kind = 'model') as answers,
    count(*) filter (where s.kind = 'retry') as failed_attempts,
    sum(s.tokens_in) as tokens_in, sum(s.tokens_out) as tokens_out, sum(s.cost) as cost,
    percentile_cont(0.5) within group (order by extract(epoch from s.finished_at - s.started_at))
      as seconds_p50
  from howdah.steps as s
  left join howdah.models as m on m.id = s.model_id
  where s.model_id is not null
  group by s.tenant_id, s.model_id, m.name, m.provider;
comment on view howdah.model_usage is 'What each model was asked, answered, failed and cost.';
