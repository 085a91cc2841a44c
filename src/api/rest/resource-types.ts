import { z } from 'zod';
import { columnComments, foreignKeys } from '../../db/catalog.generated.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { allResources } from '../../resources/all-resources.generated.ts';
import { object } from '../../resources/fields.ts';
import type { Resource } from '../../resources/resource.ts';
import { fieldType } from './framework/field-types.ts';
import { type Route, route } from './framework/route.ts';

const field = z.object({
  name: z.string(),
  label: z.string(),
  description: z.string(),
  schema: object.describe('The JSON Schema of a value that is not null'),
  is_nullable: z.boolean(),
  is_required: z.boolean().describe('Whether a new row needs it'),
});
const references = z
  .object({ resource: z.string(), field: z.string() })
  .nullable()
  .describe('The resource, and its field, that the value or each item is of');
const names = z.array(z.string());
const resourceType = z
  .object({
    name: z.string().describe('The last part of the path'),
    path: z.string(),
    table: z.string().describe('The table of the rows'),
    command: z.string().nullable().describe('The command whose verbs list and show the rows'),
    ...{ one: z.string(), many: z.string() },
    name_field: z.string().describe('The field that people know a row by'),
    list: names.describe('The fields of a list, in order'),
    filters: z.array(field.extend({ references })).describe('The parameters of the list'),
    create: names.nullable().describe('The fields of a new row, in order; null if none is created'),
    change: names.nullable().describe('The fields that change, in order; null if none does'),
    change_method: z.enum(['PATCH', 'PUT']).nullable(),
    can_delete: z.boolean(),
    has_versions: z.boolean().describe('Whether path/{id}/versions lists the versions of a row'),
    has_labels: z.boolean().describe('Whether PUT path/{id}/labels/{label} labels a version'),
    actions: z
      .array(z.object({ name: z.string(), label: z.string(), summary: z.string() }))
      .describe('What POST path/{id}/{name} does with a row, without a body'),
    fields: z.array(
      field.extend({
        is_column: z.boolean().describe('Whether it is a column of the table'),
        is_shown: z.boolean().describe('Whether rows have it; false if it is only sent'),
        is_shown_once: z.boolean().describe('Whether only the answer to the creation has it'),
        references,
      }),
    ),
  })
  .meta({ id: 'ResourceType' });
type ResourceType = z.output<typeof resourceType>;

/** Creates the route that describes the resources, for lists and forms that are made from it. */
export function resourceTypesRoute(routes: readonly Route[]): Route {
  let data: ResourceType[] | undefined;
  return route({
    method: 'GET',
    path: '/api/resource-types',
    id: 'listResourceTypes',
    tag: 'resource-types',
    summary: 'Describe the rows of each resource: their fields, lists and forms',
    description: 'The same for every caller. See docs/rest.md.',
    answers: {
      200: { description: 'The resources', schema: z.object({ data: z.array(resourceType) }) },
    },
    async work() {
      data ??= describeResources(routes);
      return { body: { data } };
    },
  });
}

/** Describes all resources by their routes. */
export function describeResources(routes: readonly Route[]): ResourceType[] {
  return allResources
    .map((resource) => describeResource(resource, routes))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

type Shape = Readonly<Record<string, z.ZodType>>;

function describeResource(resource: Resource, routes: readonly Route[]): ResourceType {
  const { path, table, command, one, many, once, shownAliases = [] } = resource;
  const at = (method: string, own: string) =>
    routes.find((known) => known.method === method && known.path === own);
  const ofRow = `${path}/{id}`;
  const create = at('POST', path);
  const change = at('PATCH', ofRow) ?? at('PUT', ofRow);
  const shown = shapeOf(at('GET', ofRow)?.answers[200]?.schema);
  const made = shapeOf(create?.answers[201]?.schema);
  const created = shapeOf(create?.body);
  const namesOfOnce = once.map((name) => name.replace(/_id$/, ''));
  const unchanged = [...once, ...namesOfOnce, ...shownAliases];
  const changed = without(shapeOf(change?.body), unchanged);
  const { limit: _, cursor: _cursor, ...filters } = shapeOf(at('GET', path)?.query);
  const fields = fieldsOf(resource, { created, changed, shown, made });
  return {
    ...{ name: nameOf(resource), path, table: `howdah.${table}`, one, many },
    command: command?.noun ?? null,
    name_field: nameFieldOf(resource),
    list: listOf(resource, fields),
    filters: Object.entries(filters).map(([name, schema]) => ({
      ...fieldType(name, schema),
      references: referenceOf(resource, name),
    })),
    create: create ? Object.keys(created) : null,
    change: change ? Object.keys(changed) : null,
    change_method: change ? (change.method as 'PATCH' | 'PUT') : null,
    can_delete: at('DELETE', ofRow) !== undefined,
    has_versions: at('GET', `${ofRow}/versions`) !== undefined,
    has_labels: at('PUT', `${ofRow}/labels/{label}`) !== undefined,
    actions: actionsOf(ofRow, routes),
    fields,
  };
}

/** Returns the operations on one row that need no more than its id. */
function actionsOf(ofRow: string, routes: readonly Route[]): ResourceType['actions'] {
  return routes.flatMap(({ method, path, body, summary, isPlainAction }) => {
    const [, name] = path.split(`${ofRow}/`);
    if (method !== 'POST' || (body && !isPlainAction) || !name || !/^[\w-]+$/.test(name)) return [];
    const words = name.replaceAll('-', ' ');
    return { name, label: `${words.charAt(0).toUpperCase()}${words.slice(1)}`, summary };
  });
}

/** Describes all fields: the id, those of a new row, the others of a row, those shown once. */
function fieldsOf(
  resource: Resource,
  { created, changed, shown, made }: Record<'created' | 'changed' | 'shown' | 'made', Shape>,
): ResourceType['fields'] {
  const { id, ...ofRow } = shown;
  const all: Shape = { ...(id && { id }), ...made, ...ofRow, ...changed, ...created };
  const order = Object.keys({ ...(id && { id }), ...created, ...changed, ...ofRow, ...made });
  return order.flatMap((name) => {
    const schema = all[name];
    if (!schema || isAlias(resource, name)) return [];
    const type = fieldType(name, schema);
    return {
      ...type,
      is_required: name in created && isNeeded(resource, name, schema),
      is_column: name === 'id' || name in (columnComments[resource.table] ?? {}),
      is_shown: name in shown,
      is_shown_once: name in made && !(name in shown),
      references: hasObjects(type.schema) ? null : referenceOf(resource, name),
    };
  });
}

/** Returns whether a new row needs a field, or a name in its place. */
function isNeeded({ references }: Resource, name: string, schema: z.ZodType): boolean {
  const isReference = references.some(({ column, isRequired }) => column === name && isRequired);
  return isReference || !schema.safeParse(undefined).success;
}

/** Returns whether a field lists objects, such as the tools of a server: they name no rows. */
function hasObjects({ items }: JsonObject): boolean {
  return isJsonObject(items) && items.type === 'object';
}

/** Returns whether rows show a field beside the one that it is another name of. */
function isAlias({ table, aliases = {}, shownAliases = [] }: Resource, name: string): boolean {
  return (
    shownAliases.includes(name) || (name in aliases && !(name in (columnComments[table] ?? {})))
  );
}

/** Most columns of a list that the resource does not choose. */
const MAX_COLUMNS = 6;

function listOf({ command }: Resource, fields: ResourceType['fields']): string[] {
  if (command) return [...command.list];
  const isShort = ({ schema: { type }, is_shown }: ResourceType['fields'][number]) =>
    is_shown && type !== 'object' && type !== 'array';
  return fields
    .filter(isShort)
    .slice(0, MAX_COLUMNS)
    .map(({ name }) => name);
}

const nameOf = ({ path }: Pick<Resource, 'path'>) => path.split('/').at(-1) ?? path;
const nameFieldOf = ({ command, row }: Resource) =>
  command?.name ?? ('name' in row.shape ? 'name' : 'id');

/** Fields that name rows without a foreign key, each with the table of the rows. */
const NAMED: Readonly<Record<string, string>> = {
  agent: 'agents',
  agents: 'agents',
  workflow: 'workflows',
  dataset: 'datasets',
  user: 'users',
  integration: 'integrations',
  tool: 'tools',
  tools: 'tools',
  model: 'models',
  models: 'models',
  servers: 'mcp_servers',
  skills: 'skills',
  knowledge_bases: 'knowledge_bases',
  secret_name: 'secrets',
  previous_secret_name: 'secrets',
};

/** Returns the resource whose rows a field means by their id or their name. */
function referenceOf({ table }: Resource, name: string): FieldReference {
  const stem = /^(\w+)_id$/.exec(name)?.[1];
  const keys = foreignKeys[table] ?? {};
  const key = keys[stem === undefined ? `${name}_id` : name];
  const isMeant = ({ one, ...other }: Resource) =>
    stem === undefined || key !== undefined
      ? other.table === (key ?? NAMED[name])
      : one.toLowerCase().replaceAll(' ', '_') === stem;
  const found = allResources.find(isMeant);
  // a model names itself at its provider, and some rows show their own id again
  const isItself = found?.table === table && key === undefined && name !== 'agents';
  if (!found || isItself) return null;
  return { resource: nameOf(found), field: stem === undefined ? nameFieldOf(found) : 'id' };
}
type FieldReference = ResourceType['fields'][number]['references'];

function shapeOf(schema: z.ZodType | undefined): Shape {
  return schema instanceof z.ZodObject ? (schema.shape as Shape) : {};
}

const without = (shape: Shape, names: readonly string[]): Shape =>
  Object.fromEntries(Object.entries(shape).filter(([name]) => !names.includes(name)));
