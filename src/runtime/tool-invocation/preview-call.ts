import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { DryRun, Preview } from '../../contracts/runs/preview.ts';
import { tenantPool } from '../../db/connection/tenant-pool.ts';
import { canBeUndone, dryRuns } from '../../db/sql-tools/dry-run.ts';
import type { JsonObject } from '../../json/json.ts';
import { digestOf } from '../dry-run/digest.ts';
import { previewOf } from '../dry-run/preview.ts';
import { volatileFields } from '../dry-run/volatile-fields.ts';
import type { World } from '../environment/world.ts';
import type { HeldRun } from '../owned-run/held-run.ts';
import { sqlCall } from './invoke-tool.ts';

/** What is shown of a call that was tried, and by what it will be known to be the same. */
export type CallPreview = { preview: Preview; dryRun: DryRun };

/**
 * What a call would do, found out by making and undoing it. Undefined where that says nothing: of tools that are no function
 * of the database, that are set not to be tried or cannot be undone, and where hooks may still change the call.
 */
export async function previewCall(
  tool: ToolDefinition,
  args: JsonObject,
  run: HeldRun,
  world: World,
): Promise<Outcome<CallPreview> | undefined> {
  const isTried = tool.kind === 'sql' && tool.configuration.dry_run !== false;
  if (!isTried || world.standIn || run.hooks?.hear('tool_before')) {
    return undefined;
  }
  const call = sqlCall(tool, args, run);
  const user = { tenant: run.context.tenant_id, signal: run.abort.signal };
  const pool = tenantPool(world.sqlToolPool, 'tools', user);
  if (!(await canBeUndone(pool, call.fn))) {
    return undefined;
  }
  const tried = await dryRuns(pool, call);
  if (!tried.ok) {
    return tried;
  }
  const [first, second] = tried.value;
  const ignored = volatileFields(first, second);
  const dryRun = { digest: digestOf(first, ignored), ignored, arguments: args };
  return { ok: true, value: { preview: previewOf(first, ignored), dryRun } };
}
