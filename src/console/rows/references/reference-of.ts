import type { Json } from '../../../json/json.ts';
import type { ResourceType, RowFilter } from '../resource-types.ts';

type Values = Readonly<Record<string, Json | undefined>>;

/** Rows whose subject is a row of another kind, which their scope names. */
const WITH_SUBJECT: readonly string[] = ['limits', 'memories'];

/** The resources of subjects by scope. Sessions have no list. */
const SUBJECTS: Readonly<Record<string, string>> = {
  agent: 'agents',
  api_key: 'api-keys',
  model: 'models',
  tool: 'tools',
  user: 'users',
};

/** Scopes of what is about nobody in particular. Without a scope a row has its default. */
const WITHOUT_SUBJECT: readonly string[] = ['', 'key', 'system', 'tenant'];

/** Returns whether a field means something for the scope of its row. Only subjects may not. */
export function hasSubject(
  { name: resource }: Pick<ResourceType, 'name'>,
  { name }: Pick<RowFilter, 'name'>,
  row: Values,
): boolean {
  const isSubject = name === 'subject_id' && WITH_SUBJECT.includes(resource);
  return !isSubject || !WITHOUT_SUBJECT.includes(String(row.scope ?? ''));
}

/** Returns what a field of a row refers to. The subject of some rows depends on their scope. */
export function referenceOf(
  { name: resource }: Pick<ResourceType, 'name'>,
  { name, references }: Pick<RowFilter, 'name' | 'references'>,
  row: Values,
): RowFilter['references'] {
  if (name !== 'subject_id' || !WITH_SUBJECT.includes(resource)) return references;
  const subject = SUBJECTS[String(row.scope ?? '')];
  return subject === undefined ? null : { resource: subject, field: 'id' };
}
