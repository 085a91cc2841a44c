import type { JsonObject } from '../json/json.ts';
import { keyColumns } from './key-columns.generated.ts';

/** The parts of an error of node-pg that matter here. */
export type PgError = {
  code: string;
  message: string;
  detail?: string;
  hint?: string;
  schema?: string;
  table?: string;
  column?: string;
  constraint?: string;
};

/** A rejection in the form of Howdah's own errors, with one of Howdah's codes. */
export type TranslatedError = { code: string; message: string; hint?: string; detail?: JsonObject };

/**
 * Translates an error that Postgres raises by itself into the terms of `sql/ERRORS.md`: a
 * duplicate, an unknown id, an invalid value. The translation is the same on every interface but
 * psql. Returns undefined if the caller did not cause the error.
 */
export function translatePostgresError(error: PgError): TranslatedError | undefined {
  const words = POSTGRES_ERRORS[error.code] ?? (error.code.startsWith('22') ? badValue : undefined);
  if (!words) return undefined;
  const { detail, ...rest } = words(error);
  const where = { ...whereOf(error), ...detail };
  return { ...rest, ...(Object.keys(where).length > 0 && { detail: where }) };
}

/** Messages for unique constraints whose columns alone do not say what to change. */
const duplicates: Readonly<Record<string, TranslatedError>> = {
  limits_tenant_id_scope_subject_id_key_metric_period_key: {
    code: 'HWCNF',
    message: 'a limit for the same use already exists',
    hint: 'Change max_value of the limit with this scope, subject_id, key, metric and period.',
    detail: { field: 'scope, subject_id, key, metric, period' },
  },
};

/** The errors of Postgres that a client causes, in terms of `sql/ERRORS.md`. */
export const POSTGRES_ERRORS: Readonly<Record<string, (error: PgError) => TranslatedError>> = {
  '22021': unstorable,
  '22P05': unstorable,
  '23001': foreignKey,
  '23502': ({ column = 'a value' }) => ({
    code: 'HWINV',
    message: `${column} is missing`,
    hint: `Give ${column} a value.`,
    detail: { field: column },
  }),
  '23503': foreignKey,
  '23505': (error) =>
    duplicates[error.constraint ?? ''] ?? {
      code: 'HWCNF',
      message: `a row with this ${wordsOf(error)} already exists`,
      hint: `Use another ${wordsOf(error)}, or change the existing row.`,
      ...(columnsOf(error) !== '' && { detail: { field: columnsOf(error) } }),
    },
  '23514': ({ constraint = 'a rule' }) => ({
    code: 'HWINV',
    message: `the row breaks the rule “${constraint.replaceAll('_', ' ')}”`,
    hint: 'Use values that satisfy the rule.',
  }),
  '40001': again,
  '40P01': again,
  '42501': () => ({ code: 'HWDEN', message: 'this is not allowed' }),
  '55P03': again,
  '57014': ({ code }) => ({
    code,
    message: 'the request took too long and was stopped',
    hint: 'Request less data at once.',
  }),
};

/**
 * Describes a character that cannot be stored. The character was written in the operation itself;
 * in variables it is found before the database sees it.
 */
function unstorable(): TranslatedError {
  return {
    code: 'HWINV',
    message: 'a text contains a character that cannot be stored, such as U+0000',
    hint: 'Leave it out.',
  };
}

/** Describes an invalid value (class 22). The message of Postgres says what is wrong with it. */
function badValue({ message }: PgError): TranslatedError {
  return { code: 'HWINV', message };
}

function again(): TranslatedError {
  return {
    code: 'HWCNF',
    message: 'another transaction changed the same rows',
    hint: 'Try again.',
  };
}

/**
 * Describes a row that cannot be removed because other rows refer to it, or a reference to a row
 * that does not exist.
 */
function foreignKey(error: PgError): TranslatedError {
  if (error.code === '23001' || /^(update or )?delete/.test(error.message)) {
    return {
      code: 'HWCNF',
      message: `the row is still used by ${whereOf(error).table ?? 'others'}`,
      hint: 'Change or delete the rows that use it first.',
    };
  }
  return {
    code: 'HWNTF',
    message: `${wordsOf(error)} names a row that does not exist`,
    hint: 'Use the id of a row that you see.',
    detail: { field: columnsOf(error) },
  };
}

/** Returns the table and the constraint, but only for tables of the public schema. */
function whereOf({ schema, table, constraint }: PgError): JsonObject {
  return schema === 'howdah' && table
    ? { table, ...(constraint !== undefined && { constraint }) }
    : {};
}

function wordsOf(error: PgError): string {
  return columnsOf(error).replaceAll('_', ' ') || 'key';
}

/**
 * Returns the columns of a key: `name` for `Key (tenant_id, name)=(…) already exists.` For a table
 * with policies, Postgres does not report the key. The constraint is then named after its columns,
 * as `models_tenant_id_name_key` is, or known by its name.
 */
function columnsOf({ detail, constraint = '', table }: PgError): string {
  const columns = /^Key \(([^)]*)\)/.exec(detail ?? '')?.[1]?.split(', ') ?? [];
  const named = keyColumns[constraint]?.join(', ') ?? namedColumns(constraint, table);
  return columns.filter((column) => column !== 'tenant_id').join(', ') || named;
}

const namedColumns = (constraint: string, table: string | undefined) =>
  constraint
    .replace(`${table}_`, '')
    .replace('tenant_id_', '')
    .replace('living_', '')
    .replace(/_?[pf]?key$/, '');
