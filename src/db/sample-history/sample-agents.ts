/** The size of the sample cast, in whole numbers. */
export type CastSize = { tenants: number; agents: number };

const sampleTenants = (tenants: number): string => `create temp table sample_tenants as
  select (row_number() over (order by t.id <> howdah.current_tenant(), t.slug) - 1)::int as no, t.id
  from howdah.tenants as t
  where t.id = howdah.current_tenant()
     or t.slug in (select 'sample-' || i from generate_series(2, ${tenants}) as i)`;

/**
 * Returns the statements that create the cast of each tenant: users, models with prices, agents.
 * Existing rows stay as they are, so that a second history joins the first.
 */
export const sampleCast = ({ tenants, agents }: CastSize): string[] => [
  `insert into howdah.tenants (slug, name)
   select 'sample-' || i, 'Sample ' || i from generate_series(2, ${tenants}) as i
   on conflict (slug) do nothing`,
  sampleTenants(tenants),
  `insert into howdah.users (tenant_id, username)
   select t.id, 'sample_' || i from sample_tenants as t cross join generate_series(1, 50) as i
   on conflict do nothing`,
  `insert into howdah.models (tenant_id, name, provider, model, base_url, input_price, output_price)
   select t.id, m.name, 'openai', m.name, 'https://api.openai.com/v1', m.input_price, m.output_price
   from sample_tenants as t cross join (values
     ('sample-small', 0.25, 2), ('sample-large', 1.25, 10), ('sample-thinking', 15, 60)
   ) as m (name, input_price, output_price)
   on conflict do nothing`,
  `insert into howdah.agents (tenant_id, name, description, instruction)
   select t.id, 'sample_' || i, 'Of howdah generate.', 'You are agent ' || i || ' of a made-up team.'
   from sample_tenants as t cross join generate_series(1, ${agents}) as i
   on conflict do nothing`,
  `insert into howdah.agent_models (tenant_id, agent_id, model_id)
   select a.tenant_id, a.id, m.id from howdah.agents as a
   join sample_tenants as t on t.id = a.tenant_id
   join howdah.models as m on m.tenant_id = t.id
     and m.name = (array['sample-small', 'sample-large', 'sample-small', 'sample-thinking'])[1 + substr(a.name, 8)::int % 4]
   where a.name ~ '^sample_[0-9]+$'
   on conflict do nothing`,
];

/**
 * Returns the statements that create the lookup tables of a batch. Each connection runs them, once
 * the agents have their versions.
 */
export const sampleTables = ({ tenants, agents }: CastSize): string[] => [
  sampleTenants(tenants),
  `create temp table sample_agents as
   select t.no as tenant_no, substr(a.name, 8)::int - 1 as no, a.tenant_id, a.id, a.name,
     a.current_version_id as version_id, m.id as model_id, m.name as model, m.input_price, m.output_price
   from howdah.agents as a
   join sample_tenants as t on t.id = a.tenant_id
   join howdah.agent_models as am on am.agent_id = a.id and am.position = 1
   join howdah.models as m on m.id = am.model_id
   where a.name ~ '^sample_[0-9]+$' and substr(a.name, 8)::int <= ${agents}`,
  `create temp table sample_users as
   select t.no as tenant_no, substr(u.username, 8)::int - 1 as no, u.id
   from howdah.users as u join sample_tenants as t on t.id = u.tenant_id
   where u.username ~ '^sample_[0-9]+$'`,
];
