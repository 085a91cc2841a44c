import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import { memories } from '../../resources/definitions/memories.ts';
import { byId, id, numberText, time } from '../../resources/fields.ts';
import { readRow } from '../../resources/operations.ts';
import { type Answer, operation, shownRow } from '../operation.ts';

/** A memory as it is shown. */
export type Memory = {
  id: string;
  scope: string;
  subject_id: string;
  kind: string;
  content: string;
  trust: string;
  is_pinned: boolean;
  valid_from: string;
  valid_to: string | null;
  superseded_by: string | null;
  source_execution_id: string | null;
  source_seq: number | null;
  created_by: string;
  created_at: string;
  proposal_status: string | null;
  proposed_at: string | null;
  decided_at: string | null;
  decided_by: string | null;
  origin_id: string | null;
  origin_changed_at: string | null;
};

const scope = z.enum(enumLabels.memory_scope);
const kind = z.enum(enumLabels.memory_kind);
const trust = z.enum(enumLabels.trust);
const content = z.string().describe('The text, of 1 to 2000 characters');
const subject = id.describe(
  'The user, agent or session that it is about; omit it for yourself and for the tenant',
);

const found = z
  .object({
    id,
    scope,
    subject_id: id,
    kind,
    content: z.string(),
    score: z.number().describe('The sum of the weights of the words that were found'),
    trust,
    valid_from: time,
    source_execution_id: id.nullable(),
    source_seq: z.int().nullable(),
  })
  .meta({ id: 'FoundMemory' });

/** A memory that was recalled. */
export type FoundMemory = z.output<typeof found>;

async function shownMemory(db: Queryable, memoryId: string): Promise<Answer<Memory>> {
  return shownRow(memories, await readRow(db, memories, memoryId)) as unknown as Answer<Memory>;
}

async function addedMemory(db: Queryable, memoryId: string): Promise<Answer<Memory>> {
  return {
    ...(await shownMemory(db, memoryId)),
    status: 201,
    headers: { location: `${memories.path}/${memoryId}` },
  };
}

/** Adds a memory. */
export const remember = operation({
  method: 'POST',
  path: memories.path,
  id: 'remember',
  tag: 'memories',
  summary: 'Add a memory',
  description:
    'The same content about the same subject again adds nothing: the answer is the memory that is there. See docs/memory.md.',
  isKeyed: true,
  permission: { object: 'memories', action: 'run' },
  body: z.strictObject({
    content,
    scope: scope.optional().describe('What it is about; user by default'),
    subject_id: subject.optional(),
    kind: kind.optional().describe('fact by default'),
    valid_from: time.optional().describe('Time since which it holds; now by default'),
    trust: trust.optional().describe('external for a text that somebody else wrote'),
  }),
  answers: { 201: { description: 'The memory', schema: memories.row } },
  async work(db, { body }) {
    const { rows } = await db.query<{ id: string }>(
      `select (howdah.remember($1, coalesce($2, 'user')::howdah.memory_scope, $3,
         coalesce($4, 'fact')::howdah.memory_kind, $5,
         coalesce($6, 'user')::howdah.trust)).id`,
      [body.content, body.scope, body.subject_id, body.kind, body.valid_from, body.trust].map(
        (one) => one ?? null,
      ),
    );
    return addedMemory(db, rows[0]?.id ?? '');
  },
});

/** Corrects a memory. */
export const correctMemory = operation({
  method: 'POST',
  path: `${memories.path}/{id}/correct`,
  id: 'correctMemory',
  tag: 'memories',
  summary: 'Correct a memory',
  description:
    'Adds a memory with the new content, which supersedes this one from now on, and returns it.',
  params: byId,
  isKeyed: true,
  permission: { object: 'memories', action: 'run' },
  body: z.strictObject({ content }),
  answers: { 201: { description: 'The memory that holds now', schema: memories.row } },
  async work(db, { params, body }) {
    const { rows } = await db.query<{ id: string }>('select (howdah.correct_memory($1, $2)).id', [
      params.id,
      body.content,
    ]);
    return addedMemory(db, rows[0]?.id ?? '');
  },
});

/** Pins or unpins a memory of an agent. */
export const pinMemory = operation({
  method: 'POST',
  path: `${memories.path}/{id}/pin`,
  id: 'pinMemory',
  tag: 'memories',
  summary: 'Pin a memory',
  description:
    'Puts a memory of an agent into the prompt of every run of the agent that starts from now on, or takes it out. See docs/memory.md.',
  params: byId,
  permission: { object: 'memories', action: 'run' },
  isBodyOptional: true,
  body: z.strictObject({
    is_pinned: z.boolean().optional().describe('false unpins the memory; true by default'),
  }),
  answers: { 200: { description: 'The memory', schema: memories.row } },
  async work(db, { params, body }) {
    await db.query('select howdah.pin_memory($1, $2)', [params.id, body.is_pinned ?? true]);
    return shownMemory(db, params.id);
  },
});

/** Proposes a memory of an agent to the tenant. */
export const proposeMemory = operation({
  method: 'POST',
  path: `${memories.path}/{id}/propose`,
  id: 'proposeMemory',
  tag: 'memories',
  summary: 'Propose a memory',
  description:
    'Proposes a memory of an agent to all agents of the tenant. Nobody else recalls it before it is approved. See docs/memory.md.',
  params: byId,
  permission: { object: 'memories', action: 'run' },
  answers: { 200: { description: 'The memory', schema: memories.row } },
  async work(db, { params }) {
    await db.query('select howdah.propose_memory($1)', [params.id]);
    return shownMemory(db, params.id);
  },
});

/** Approves the proposal of a memory. */
export const approveMemory = operation({
  method: 'POST',
  path: `${memories.path}/{id}/approve`,
  id: 'approveMemory',
  tag: 'memories',
  summary: 'Approve a proposed memory',
  description:
    'Adds a memory of the tenant with the text of the proposed one, or with a corrected text, and returns it.',
  params: byId,
  isKeyed: true,
  permission: { object: 'memories', action: 'run' },
  isBodyOptional: true,
  body: z.strictObject({
    content: content.optional().describe('The corrected text; that of the memory by default'),
  }),
  answers: { 201: { description: 'The memory of the tenant', schema: memories.row } },
  async work(db, { params, body }) {
    const { rows } = await db.query<{ id: string }>('select (howdah.approve_memory($1, $2)).id', [
      params.id,
      body.content ?? null,
    ]);
    return addedMemory(db, rows[0]?.id ?? '');
  },
});

/** Rejects the proposal of a memory. */
export const rejectMemory = operation({
  method: 'POST',
  path: `${memories.path}/{id}/reject`,
  id: 'rejectMemory',
  tag: 'memories',
  summary: 'Reject a proposed memory',
  description: 'Its agent still recalls it. The same text cannot be proposed again.',
  params: byId,
  permission: { object: 'memories', action: 'run' },
  answers: { 200: { description: 'The memory', schema: memories.row } },
  async work(db, { params }) {
    await db.query('select howdah.reject_memory($1)', [params.id]);
    return shownMemory(db, params.id);
  },
});

/** Finds the memories that fit a question best. */
export const recallMemories = operation({
  method: 'GET',
  path: `${memories.path}/recall`,
  id: 'recallMemories',
  tag: 'memories',
  summary: 'Recall memories',
  description:
    'Searches what is remembered about you and the tenant, or in one scope. The memories that fit best come first.',
  query: z.strictObject({
    query: z.string().describe('A question, or words that the memories may contain'),
    k: numberText(z.int()).optional().describe('The most memories; 10 by default'),
    scope: scope.optional().describe('Searches this scope alone'),
    subject_id: subject.optional(),
  }),
  isReplicable: true,
  answers: {
    200: {
      description: 'The memories, the best first',
      schema: z.object({ memories: z.array(found) }),
    },
  },
  async work(db, { query: { query, k = 10, scope: of = null, subject_id = null } }) {
    const { rows } = await db.query<FoundMemory>(
      `select r.id, r.memory_scope as scope, r.memory_subject_id as subject_id, r.kind, r.content,
         r.score, r.trust, r.valid_from, r.source_execution_id, r.source_seq
       from howdah.recall($1, $2, $3::howdah.memory_scope, $4) as r`,
      [query, k, of, subject_id],
    );
    return { body: { memories: rows } };
  },
});
