import {
  type ListResourcesResult,
  type ReadResourceResult,
  ResourceNotFoundError,
} from '@modelcontextprotocol/server';
import { outlineOf } from '../../db/mcp/offered-tools.ts';
import { addressedFiles } from '../../db/mcp/resources.ts';
import { findExecutionRow, listExecutions, queriesWithin } from '../../db/queries/queries.ts';
import { questionsInTheWay } from '../../db/queries/questions.ts';
import { displayable } from '../../text/displayable.ts';
import type { Caller } from '../caller.ts';
import { asResource, readAddress } from './resource-addresses.ts';
import { executionOf, executionUri, UUID } from './uris.ts';

const PER_PAGE = 50;
/** Most steps that are shown of a run. These are the last steps. */
const MAX_STEPS = 200;
const MIME_TYPE = 'application/json';

/** A cursor that points behind a file. */
const FILE = /^file:(.+)$/s;

/**
 * Lists files by their addresses, then the newest runs. The cursor is the last entry of the page
 * before.
 */
export async function listResources(caller: Caller, cursor?: string): Promise<ListResourcesResult> {
  if (cursor !== undefined && UUID.test(cursor)) return listRuns(caller, cursor);
  const after = FILE.exec(cursor ?? '')?.[1];
  const rows = await caller.transact((client) => addressedFiles(client, after, PER_PAGE + 1));
  const page = rows.slice(0, PER_PAGE);
  const files = page.map(asResource);
  if (rows.length > PER_PAGE) return { resources: files, nextCursor: `file:${page.at(-1)?.uri}` };
  const runs = await listRuns(caller);
  return { ...runs, resources: [...files, ...runs.resources] };
}

async function listRuns(caller: Caller, before?: string): Promise<ListResourcesResult> {
  const rows = await caller.transact((client) =>
    listExecutions(queriesWithin(client), { before, limit: PER_PAGE + 1 }),
  );
  const page = rows.slice(0, PER_PAGE);
  const resources = page.map(({ id, agent, status, input, created_at }) => ({
    uri: executionUri(id),
    name: id,
    title: `${agent}: ${input}`,
    description: `${status}, created ${new Date(created_at).toISOString()}`,
    mimeType: MIME_TYPE,
  }));
  const isMore = rows.length > PER_PAGE;
  return { resources, ...(isMore && { nextCursor: page.at(-1)?.id }) };
}

/** Reads a run, or the file at another address. */
export function readResource(caller: Caller, uri: string): Promise<ReadResourceResult> {
  return uri.startsWith('howdah:') ? readRun(caller, uri) : readAddress(caller, uri);
}

/**
 * Reads a run as one document. A run that does not exist, or that the caller may not see, is not
 * found.
 */
async function readRun(caller: Caller, uri: string): Promise<ReadResourceResult> {
  const id = executionOf(uri);
  const document =
    id &&
    (await caller.transact(async (client) => {
      const db = queriesWithin(client);
      const run = await findExecutionRow(db, id);
      if (!run) return undefined;
      return {
        id,
        ...(run.agent !== null ? { agent: run.agent } : { workflow: run.workflow }),
        version: run.agent_version ?? run.workflow_version,
        status: run.status,
        waiting_for: run.waiting_for,
        input: run.input,
        input_data: run.input_data,
        output: run.output,
        output_data: run.output_data,
        stop_reason: run.stop_reason,
        finish_reason: run.finish_reason,
        error: run.error,
        session_id: run.session_id,
        parent_execution_id: run.parent_execution_id,
        root_execution_id: run.root_execution_id,
        tokens_in: Number(run.tokens_in),
        tokens_out: Number(run.tokens_out),
        cost: Number(run.cost),
        step_count: run.step_count,
        created_at: run.created_at,
        started_at: run.started_at,
        completed_at: run.completed_at,
        questions: await questionsInTheWay(db, id),
        steps: await outlineOf(client, id, MAX_STEPS),
      };
    }));
  if (!document) throw new ResourceNotFoundError(displayable(uri));
  return { contents: [{ uri, mimeType: MIME_TYPE, text: JSON.stringify(document, null, 2) }] };
}
