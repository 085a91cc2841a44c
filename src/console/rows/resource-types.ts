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
const TITLES: Readonly<Record<string, string>> = {
  memories: 'content',
  'connected-accounts': 'integration',
  webhooks: 'url',
};

/** Returns the field that people know a row by. */
export function titleFieldOf({ name, name_field }: ResourceType): string {
  return name_field === 'id' ? (TITLES[name] ?? 'id') : name_field;
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
