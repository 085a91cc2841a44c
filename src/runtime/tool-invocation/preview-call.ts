import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { DryRun, Preview } from '../../contracts/runs/preview.ts';
import { tenantPool } from '../../db/connection/tenant-pool.ts';
import { canBeUndone, dryRuns } from '../../db/sql-tools/dry-run.ts';
import type { JsonObject } from '../../json/json.ts';
import { changesDigest } from '../dry-run/digest.ts';
import { previewOf } from '../dry-run/preview.ts';
import { volatileFields } from '../dry-run/volatile-fields.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { sqlCall } from './call-in-transaction.ts';

/** Preview of a call, with the dry run by which the same effects are recognized later. */
export type CallPreview = { preview: Preview; dryRun: DryRun };

/**
 * Previews the effects of a call by making the call and undoing it. Returns undefined where a
 * preview would say nothing: for tools that are no function of the database, that are configured
 * not to be tried or that cannot be undone, and where hooks may still change the call, and in a
 * replay.
 */
export async function previewCall(
  tool: ToolDefinition,
  args: JsonObject,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<Outcome<CallPreview> | undefined> {
  const isTried = tool.kind === 'sql' && tool.configuration.dry_run !== false;
  if (!isTried || world.recordedCalls || run.hooks?.hasHook('tool_before')) {
    return undefined;
  }
  const call = sqlCall(tool, args, run);
  const user = { tenant: run.context.tenant_id, signal: run.abort.signal };
  const pool = tenantPool(world.sqlToolPool, 'tools', user);
  if (!(await canBeUndone(pool, call.fn))) {
    return undefined;
  }
  const outcome = await dryRuns(pool, call);
  if (!outcome.ok) {
    return outcome;
  }
  const [first, second] = outcome.value;
  const ignored = volatileFields(first, second);
  const dryRun = { digest: changesDigest(first, ignored), ignored, arguments: args };
  return { ok: true, value: { preview: previewOf(first, ignored), dryRun } };
}
