import type { CompleteRequest, CompleteResult } from '@modelcontextprotocol/server';
import { findPrompt } from '../../db/mcp/offered-tools.ts';
import { listExecutions, queriesWithin } from '../../db/queries/queries.ts';
import type { JsonObject } from '../../json/json.ts';
import type { Caller } from '../caller.ts';
import { EXECUTION_TEMPLATE } from './uris.ts';

/** Most values that the protocol allows. */
const MAX_VALUES = 100;

/**
 * Returns the values that complete the start of a field: the values that the variable of a prompt
 * allows, or the ids of the newest runs.
 */
export async function completeArgument(
  caller: Caller,
  { ref, argument }: CompleteRequest['params'],
): Promise<CompleteResult> {
  const all =
    ref.type === 'ref/prompt'
      ? await valuesOf(caller, ref.name, argument.name)
      : ref.uri === EXECUTION_TEMPLATE
        ? await newestRuns(caller)
        : [];
  const fitting = all.filter((value) => value.startsWith(argument.value));
  const values = fitting.slice(0, MAX_VALUES);
  return { completion: { values, hasMore: fitting.length > values.length } };
}

/**
 * Returns the values that the variable of a prompt allows. Throws `HWNTF` if there is no such
 * prompt.
 */
async function valuesOf(caller: Caller, prompt: string, variable: string): Promise<string[]> {
  const { variables } = await caller.transact((client) => findPrompt(client, prompt));
  const schema: JsonObject = variables[variable] ?? {};
  if (schema.type === 'boolean') return ['true', 'false'];
  return Array.isArray(schema.enum) ? schema.enum.map(String) : [];
}

async function newestRuns(caller: Caller): Promise<string[]> {
  const rows = await caller.transact((client) =>
    listExecutions(queriesWithin(client), { limit: MAX_VALUES }),
  );
  return rows.map(({ id }) => id);
}
