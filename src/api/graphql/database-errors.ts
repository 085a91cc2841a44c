import type { Json } from '../../contracts/json.ts';

/** What a client is told of a failure: nothing of our SQL, and no tables but the one he addressed. */
export type ClientError = {
  message: string;
  extensions: { code: string; hint?: string; detail?: Json };
};

/** The parts of an error of node-pg that matter here. */
export type PgError = {
  code: string;
  message: string;
  detail?: string;
  hint?: string;
  table?: string;
  column?: string;
  constraint?: string;
};

/** What the client is told of an error of the database; undefined when it is not his business. */
export function explain(error: PgError): ClientError | undefined {
  if (/^HW[A-Z0-9]{3}$/.test(error.code)) {
    return { message: error.message, extensions: refusalOf(error) };
  }
  if (error.code === '22021' || error.code === '22P05') return unstorable;
  const sentence = sentences[error.code] ?? (/^22/.test(error.code) ? messageOf : undefined);
  return sentence && { message: sentence(error), extensions: { code: error.code } };
}

/** Written in the operation itself; in variables it is found before the database sees it. */
const unstorable: ClientError = {
  message: 'a text holds a character that cannot be stored, such as U+0000',
  extensions: { code: 'HWINV', hint: 'Leave it out.' },
};

/** The errors of Postgres that a client causes. Class 22 (bad values) says itself what is wrong. */
const sentences: Readonly<Record<string, (error: PgError) => string>> = {
  '23502': ({ column }) => `${column ?? 'a value'} is missing`,
  '23503': foreignKeySentence,
  '23505': (error) => `there is a row with this ${columnsOf(error)} already`,
  '23514': ({ constraint }) =>
    `the row is refused: ${(constraint ?? 'check').replaceAll('_', ' ')}`,
  '42501': () => 'this is not allowed',
  '57014': () => 'the request took too long and was stopped; ask for less at once',
};

/** The detail of our own errors is JSON for code. */
function refusalOf({ code, hint, detail }: PgError): ClientError['extensions'] {
  return {
    code,
    ...(hint !== undefined && { hint }),
    ...(detail !== undefined && { detail: parsed(detail) }),
  };
}

function parsed(detail: string): Json {
  try {
    return JSON.parse(detail) as Json;
  } catch {
    return detail;
  }
}

function messageOf({ message }: PgError): string {
  return message;
}

/** A row that others need cannot go; a row cannot name one that does not exist. */
function foreignKeySentence(error: PgError): string {
  return /^(update or )?delete/.test(error.message)
    ? 'the row is still used by others'
    : `${columnsOf(error)} names a row that does not exist`;
}

/**
 * `Key (tenant_id, name)=(…) already exists.` gives `name`. Postgres tells no key of a table with policies; there the
 * constraint is called after its columns: `models_tenant_id_name_key`.
 */
function columnsOf({ detail, constraint, table }: PgError): string {
  const columns = /^Key \(([^)]*)\)/.exec(detail ?? '')?.[1]?.split(', ') ?? [];
  const words = (constraint ?? '')
    .replace(`${table}_`, '')
    .replace('tenant_id_', '')
    .replace(/_?[pf]?key$/, '')
    .replaceAll('_', ' ');
  return columns.filter((column) => column !== 'tenant_id').join(', ') || words || 'key';
}
