import type { Outcome } from '../../contracts/errors.ts';
import type { RunFiles, RunInputFile, StoredFile } from '../../contracts/runs/run-files.ts';
import { storableJson } from '../../json/storable-json.ts';
import { callPrivate, type Pool } from '../connection/pool.ts';
import { faultOf } from '../connection/sqlstate.ts';

/**
 * Creates the access to the files of runs in the database (howdah_private.call_files, store_files).
 */
export function runFilesOn(
  pool: Pool,
  load: (tenantId: string, id: string) => ReturnType<RunFiles['load']>,
): (tenantId: string, executionId: string) => RunFiles {
  const call = async <T>(name: string, ...values: unknown[]): Promise<Outcome<T>> => {
    try {
      return { ok: true, value: await callPrivate<T>(pool, name, ...values) };
    } catch (error) {
      return { ok: false, error: runErrorOf(error) };
    }
  };
  return (tenantId, executionId) => ({
    find: (words) => call<RunInputFile[]>('call_files', executionId, words),
    load: (id) => load(tenantId, id),
    keep: (files, origin) =>
      call<StoredFile[]>(
        'store_files',
        executionId,
        files.map(({ name }) => name),
        files.map(({ type }) => type),
        files.map(({ bytes }) => bytes),
        storableJson(origin),
      ),
  });
}

/**
 * Returns the error for a run. An error of our own rules carries its hint and is final. Any other
 * error may be temporary.
 */
function runErrorOf(error: unknown) {
  const { code, message, hint } = faultOf(error);
  return /^HW/.test(code)
    ? {
        code: code === 'HWQTA' ? ('limit_reached' as const) : ('tool_failed' as const),
        message,
        retryable: false,
        ...(hint ? { cause: { hint } } : {}),
      }
    : {
        code: 'tool_failed' as const,
        message: `the files of this run cannot be reached now: ${message}`,
        retryable: true,
      };
}
