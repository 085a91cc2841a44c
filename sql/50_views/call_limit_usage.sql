create or replace view howdah.call_limit_usage with (security_invoker = true) as
  select l.tenant_id, l.id as call_limit_id, u.at_once, u.last_minute, u.tokens_last_minute, u.waiting
  from howdah.call_limits as l
  cross join lateral howdah_private.call_limit_use(l.id) as u;
comment on view howdah.call_limit_usage is
  E'@foreignKey (call_limit_id) references howdah.call_limits (id)|@foreignFieldName usages\nHow far each limit of calls is used now, and how many runs wait for it.';
comment on column howdah.call_limit_usage.call_limit_id is 'The limit.';
comment on column howdah.call_limit_usage.at_once is 'Calls that are in the air.';
comment on column howdah.call_limit_usage.last_minute is 'Calls that began within the last 60 seconds.';
comment on column howdah.call_limit_usage.tokens_last_minute is 'Tokens of the calls that ended within the last 60 seconds.';
comment on column howdah.call_limit_usage.waiting is 'Runs that wait to call.';

create or replace function howdah.call_limits_usage(call_limit howdah.call_limits) returns howdah.call_limit_usage
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$ select u.* from howdah.call_limit_usage as u where u.call_limit_id = call_limit.id $$;
comment on function howdah.call_limits_usage(howdah.call_limits) is 'How far it is used now, and how many runs wait for it.';
