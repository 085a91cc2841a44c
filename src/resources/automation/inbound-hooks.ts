import { z } from 'zod';
import { withOffload } from '../../concurrency/offload.ts';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { jsonRecord } from '../../json/json-record.ts';
import { type HookExpressions, refuseUnreadableHook } from '../../runtime/inbound/map-delivery.ts';
import { flag, id, optionalInt, optionalText, time } from '../fields.ts';
import { resource } from '../resource.ts';
import { namesOfSubject, subjectByName, withSubjectIds } from '../subject-names.ts';

const verification = z.enum(enumLabels.hook_verification);
const expressions = jsonRecord(z.string());

/** Addresses at which other programs begin runs. */
export const inboundHooks = resource('inbound_hooks', {
  path: '/api/inbound-hooks',
  one: 'inbound hook',
  command: {
    noun: 'admin inbound-hooks',
    list: ['id', 'name', 'runs', 'verification', 'path', 'is_active', 'description'],
    empty: 'No inbound hooks. Create one: howdah admin inbound-hooks create NAME --help',
  },
  columns: {
    name: z.string(),
    description: z.string().optional(),
    verification,
    secret_name: z.string(),
    previous_secret_name: optionalText,
    secret_header: optionalText,
    agent_id: id.nullable().optional(),
    workflow_id: id.nullable().optional(),
    condition: optionalText,
    mapping: expressions.optional(),
    session_key: optionalText,
    debounce_key: optionalText,
    debounce_ms: optionalInt,
    reply: expressions.nullable().optional(),
    is_active: z.boolean().optional(),
  },
  parts: subjectByName,
  readOnly: { user_id: id.nullable(), created_at: time, updated_at: time },
  computed: {
    path: { sql: 'howdah.inbound_hooks_path(t)', schema: z.string() },
    runs: {
      sql: `coalesce(${namesOfSubject.agent.sql}, ${namesOfSubject.workflow.sql})`,
      schema: z.string().nullable().describe('The name of the agent or workflow that it runs'),
    },
  },
  examples: {
    create: {
      name: 'issues',
      verification: 'github',
      secret_name: 'github_hook',
      agent: 'support',
      mapping: { input: "'New issue: ' + body.issue.title" },
    },
    change: { is_active: false },
  },
  filters: {
    name: z.string().optional(),
    verification: verification.optional(),
    agent_id: id.optional(),
    workflow_id: id.optional(),
    is_active: flag.optional(),
  },
  async valuesOf(body, db) {
    const { reply, ...hook } = body as Partial<Omit<HookExpressions, 'reply'>> & {
      reply?: { body?: string } | null;
    };
    const expressions = { ...hook, reply: reply?.body ?? null };
    const { rows } = await db.query<{ id: string }>('select howdah.current_tenant() as id');
    await withOffload(rows[0]?.id ?? '', undefined, () => refuseUnreadableHook(expressions));
    return withSubjectIds(body, db);
  },
});
