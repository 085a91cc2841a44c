import type { JsonObject } from '../../json/json.ts';

/** A field of rows, as `GET /api/resource-types` describes it. */
export type FieldType = {
  name: string;
  label: string;
  description: string;
  schema: JsonObject;
  is_nullable: boolean;
  is_required: boolean;
};

/** A parameter of a list. It may be no field of its rows. */
export type RowFilter = FieldType & {
  references: { resource: string; field: string } | null;
};

/** A field of a row. */
export type RowField = RowFilter & {
  is_column: boolean;
  is_shown: boolean;
  is_shown_once: boolean;
};

/** Rows of one kind: what lists and forms of them are made from. */
export type ResourceType = {
  name: string;
  path: string;
  table: string;
  command: string | null;
  one: string;
  many: string;
  name_field: string;
  list: string[];
  filters: RowFilter[];
  create: string[] | null;
  change: string[] | null;
  change_method: 'PATCH' | 'PUT' | null;
  can_delete: boolean;
  has_versions: boolean;
  has_labels: boolean;
  actions: { name: string; label: string; summary: string }[];
  fields: RowField[];
};

/** Returns a field by its name. */
export function fieldOf({ fields }: Pick<ResourceType, 'fields'>, name: string) {
  return fields.find((field) => field.name === name);
}

/** Fields that people know rows by, of rows without a name. */
const TITLES: Readonly<Record<string, readonly string[]>> = {
  approvals: ['tool', 'scope'],
  'connected-accounts': ['integration'],
  'dataset-items': ['input'],
  documents: ['title'],
  grants: ['permission', 'agent', 'workflow', 'user', 'role'],
  hooks: ['event', 'function'],
  limits: ['scope', 'metric', 'period'],
  memories: ['content'],
  'tool-policies': ['decision', 'tool', 'kind', 'effect'],
  webhooks: ['url'],
};

/** Returns the fields that people know a row by. */
export function titleFieldsOf({ name, name_field }: ResourceType): readonly string[] {
  return name_field === 'id' ? (TITLES[name] ?? ['id']) : [name_field];
}

/** Returns how people name a row: by its name, by what it is about, or by the end of its id. */
export function nameOf(type: ResourceType, row: JsonObject): string {
  const parts = titleFieldsOf(type)
    .filter((field) => field !== 'id')
    .map((field) => String(row[field] ?? ''))
    .filter((part) => part !== '');
  return parts.length > 0
    ? shorten(parts.join(' · '))
    : `${type.one} …${String(row.id ?? '').slice(-12)}`;
}

/** Characters of a text that stands in place of a name. */
const MAX_TITLE = 80;
const shorten = (name: string) =>
  name.length <= MAX_TITLE ? name : `${name.slice(0, MAX_TITLE - 1).trimEnd()}…`;

/** Returns the name of a list as a heading. */
export function titleOf({ many }: Pick<ResourceType, 'many'>): string {
  return `${many.charAt(0).toUpperCase()}${many.slice(1)}`;
}

/** Returns the table without its schema: the object of its permissions. */
export function tableOf({ table }: Pick<ResourceType, 'table'>): string {
  return table.replace(/^howdah\./, '');
}

/**
 * Leaves out one of two fields that mean the same row, such as `agent` and `agent_id`: the name is
 * for people. A name that rows do not have says nothing about the row that is shown. Two fields
 * are also the same if neither leads to a row, such as `tenant` and `tenant_id`.
 */
export function withoutTwins(fields: readonly RowField[]): RowField[] {
  const twinOf = ({ name }: RowField) =>
    fields.find((one) => one.name === (name.endsWith('_id') ? name.slice(0, -3) : `${name}_id`));
  return fields.filter((field) => {
    const twin = twinOf(field);
    if (!twin || (twin.references === null) !== (field.references === null)) return true;
    const [byName, byId] = field.name.endsWith('_id') ? [twin, field] : [field, twin];
    return field === (byName.is_shown ? byName : byId);
  });
}
