import './environment.ts';
import { randomBytes } from 'node:crypto';
import { isSafeError } from 'postgraphile/grafast';
import { GraphQLError } from 'postgraphile/graphql';
import { displayable } from '../../text/displayable.ts';
import type { ErrorLog } from '../errors/answer-error.ts';
import { type ClientError, explainFailure } from '../errors/database-errors.ts';
import { withoutChoices } from './plugins/schema/inputs.ts';

/**
 * Creates the function that masks errors in results. Errors of GraphQL are kept. Errors of the
 * database are explained by `explainFailure`. For any other error, the client gets only an id that
 * is in the log.
 */
export function createMaskError(log: ErrorLog): (error: GraphQLError) => GraphQLError {
  return (error) => {
    const cause = causeOf(error);
    if (cause === undefined) return error.path ? error : asInvalid(error);
    if (cause instanceof GraphQLError) {
      const same = restate(error, withoutValue(error.message, cause), cause.extensions);
      return error.path ? same : asInvalid(same);
    }
    if (cause instanceof Error && isSafeError(cause)) {
      const { statusCode: _, ...extensions } = cause.extensions ?? {};
      return restate(error, cause.message, { code: 'HWINV', ...extensions });
    }
    const known = explainMissing(cause) ?? explainFilter(cause) ?? explainFailure(cause);
    if (known) return restate(error, known.message, known.extensions);
    const id = randomBytes(6).toString('hex');
    log(cause, id);
    return restate(error, `internal error; see the log entry ${id}`, {
      code: 'EINTERNAL',
      id,
    });
  };
}

/** Marks an error of an operation or its variables as invalid input. */
export function asInvalid(error: GraphQLError): GraphQLError {
  return restate(error, error.message, { code: 'HWINV', ...error.extensions });
}

/**
 * Removes the suggested names from an error. They are similar to the wrong name, so the schema
 * could be guessed from them, word by word.
 */
export function withoutHelp(error: GraphQLError): GraphQLError {
  const [message = ''] = error.message.split(' Did you mean ');
  return restate(error, withoutChoices(message), error.extensions);
}

/**
 * Removes the value of a variable from an error message. graphql-js quotes the whole invalid value,
 * which may contain a secret. The place and the reason remain.
 */
function withoutValue(message: string, { message: reason }: GraphQLError): string {
  const [, variable] = /^(Variable "\$\w+" got invalid value) /.exec(message) ?? [];
  if (variable === undefined || !message.endsWith(`; ${reason}`)) return message;
  const [place = ''] = / at "[\w.[\]]+"$/.exec(message.slice(0, -reason.length - 2)) ?? [];
  const words = reason.replace(/(cannot represent [\w -]{1,60} value): [\s\S]*/, '$1');
  return `${variable}${place}; ${words}`;
}

/** Returns the error with another message and other extensions, at the same place. */
export function restate(
  { nodes, source, positions, path, originalError }: GraphQLError,
  message: string,
  extensions: Readonly<Record<string, unknown>>,
): GraphQLError {
  return new GraphQLError(displayable(message), {
    nodes: nodes ?? null,
    source: source ?? null,
    positions: positions ?? null,
    path: path ?? null,
    originalError: originalError ?? null,
    extensions,
  });
}

/** Returns the original error inside an error of GraphQL, however often it was wrapped. */
export function causeOf(error: GraphQLError): unknown {
  let cause: unknown = error.originalError ?? undefined;
  while (cause instanceof GraphQLError && cause.originalError) cause = cause.originalError;
  return cause;
}

/**
 * Describes a row that an update or a delete did not find. The row does not exist, or belongs to
 * another tenant.
 */
export function missingRow(table: string): ClientError {
  return { message: `there is no such row in ${table}`, extensions: { code: 'HWNTF' } };
}

/**
 * Recognises PostGraphile's message for a delete that found no row. PostGraphile has none for an
 * update: see plugins/rows-changed-plugin.ts.
 */
function explainMissing(error: unknown): ClientError | undefined {
  const [, table] =
    /^No values were deleted in collection '(\w+)'/.exec((error as Error)?.message ?? '') ?? [];
  return table === undefined ? undefined : missingRow(table);
}

/** Recognises the plain errors of the filter plugin for a part of a filter without a value. */
function explainFilter(error: unknown): ClientError | undefined {
  const [, kind] =
    /^(Empty objects|Null literals) are forbidden in filter argument input\.$/.exec(
      (error as Error)?.message ?? '',
    ) ?? [];
  if (kind === undefined) return undefined;
  const [what, hint] =
    kind === 'Empty objects'
      ? [
          'an empty object',
          'To test whether related rows exist, use the field whose name ends in Exist.',
        ]
      : ['null', 'Leave the field out, or write {isNull: true} to find rows without a value.'];
  const message = `a filter may not contain ${what}: write a condition, or leave its field out`;
  return { message, extensions: { code: 'HWINV', hint } };
}
