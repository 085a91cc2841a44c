-- Templates are prompts whose names start with template-. They are rows with typed variables and
-- versions, which people can edit.

create function platform.list_templates() returns table (template text, description text, variables jsonb)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select substr(p.name, 10), p.description, p.variables from howdah.prompts as p
  where p.tenant_id = howdah.current_tenant() and p.deleted_at is null and p.name like 'template-%'
  order by p.name
$$;
comment on function platform.list_templates is
  'Lists the templates for files and documents, with their variables as JSON Schemas. Variables without a default are required.';

create function platform.render_template(template text, variables jsonb default '{}') returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$ select howdah.render_prompt('template-' || template, variables) $$;
comment on function platform.render_template is
  'Fills in a template. Takes its name and the values of its variables, as listed by list_templates. Returns the text.';
