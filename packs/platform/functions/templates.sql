-- Templates are prompts whose name begins with template-: rows with typed variables and versions, for people to edit.

create function platform.list_templates() returns table (template text, description text, variables jsonb)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select substr(p.name, 10), p.description, p.variables from howdah.prompts as p
  where p.tenant_id = howdah.current_tenant() and p.deleted_at is null and p.name like 'template-%'
  order by p.name
$$;
comment on function platform.list_templates is
  'The templates there are for files and documents, each with the variables it takes, as JSON Schemas; those without a default have to be given.';

create function platform.render_template(template text, variables jsonb default '{}') returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$ select howdah.render_prompt('template-' || template, variables) $$;
comment on function platform.render_template is
  'Fills a template in: its name and the values of its variables by name, as list_templates tells them. Gives the text.';
