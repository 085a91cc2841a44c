import type { Command } from 'commander';
import type { Plan } from '../../../db/access/agent-systems.ts';
import type { JsonObject } from '../../../json/json.ts';
import { importSystem } from '../../../operations/definitions/import-system.ts';
import { type Imported, importFastAgent } from '../../../systems/fast-agent/import.ts';
import { writeFile } from '../../../systems/write-file.ts';
import type { CallOperation } from '../../backend/call-operation.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { type RefusedModel, refusedModels, withoutModels } from '../../files/leave-out-models.ts';
import { readFastAgentProject } from '../../files/read-fast-agent.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { writeOutput } from '../../output/write-output.ts';
import { plansAsJson, printPlans } from '../../print/plans.ts';

type Options = { name?: string; out?: string; apply?: true; tenant?: string };

/**
 * Registers `howdah dev import fast-agent PATH`, which converts a project to an agent system file.
 * Parts that cannot be converted are reported and are not an error.
 */
export function register(command: Command, io: CliIo): void {
  command
    .command('fast-agent')
    .description(
      'import the configuration and agent cards of fast-agent, without running any of it',
    )
    .argument('<path>', 'folder of the project or of its cards, or one card')
    .option('--name <name>', 'name of the agent system (default: the name of the folder)')
    .option('--out <file>', 'agent system file to write (default: stdout)')
    .option('--apply', 'also apply the agent system, and print the changes instead of the file')
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (path: string, options: Options, self: Command) => {
      const imported = importFastAgent(await readFastAgentProject(path, options.name));
      const keep = async (text: string) => {
        if (options.out !== undefined) await writeOutput(io, text.replace(/\n$/, ''), options.out);
      };
      if (!io.json) tell(io, imported);
      if (options.apply) return apply(io, self, imported, { ...options, keep });
      const text = writeFile(imported.document);
      await keep(text);
      if (io.json) printJson(io, { system: imported.document, ...report(imported) });
      else if (options.out === undefined) io.write(text);
    });
}

type ApplyOptions = Options & { keep: (text: string) => Promise<void> };

async function apply(
  io: CliIo,
  self: Command,
  imported: Imported,
  { tenant, ...options }: ApplyOptions,
): Promise<void> {
  await withBackend(io, self, { tenant, writesModels: true }, async ({ call }) => {
    const { plans, left_out } = await applyRunnable(call, imported.document, options);
    for (const { model, message } of left_out) {
      io.err(`model ${JSON.stringify(model)} is left out, and its agents use the default model:`);
      io.err(`  ${message}`);
    }
    if (io.json) printJson(io, { systems: plansAsJson(plans), ...report(imported), left_out });
    else printPlans(io, plans);
  });
}

/**
 * Applies the document. Leaves out models that the database refuses, such as a model of a vendor
 * without a key. Writes the file only if the document can be applied.
 */
async function applyRunnable(
  call: CallOperation,
  document: JsonObject,
  options: ApplyOptions,
): Promise<{ plans: Plan[]; left_out: RefusedModel[] }> {
  const text = writeFile(document);
  const body = { name: String(document.name), text, origin: 'import fast-agent' } as const;
  const apply = async ({ dryRun = false } = {}) =>
    (await call(importSystem, { body: { ...body, dry_run: dryRun } })).systems;
  try {
    if (options.out !== undefined) {
      await apply({ dryRun: true });
      await options.keep(text);
    }
    return { plans: await apply(), left_out: [] };
  } catch (error) {
    const { detail } = error as { detail?: { faults?: Parameters<typeof refusedModels>[0] } };
    const refused = refusedModels(detail?.faults ?? []);
    if (refused.length === 0) throw error;
    const rest = withoutModels(document, new Set(refused.map(({ model }) => model)));
    const { plans, left_out } = await applyRunnable(call, rest, options);
    return { plans, left_out: [...refused, ...left_out] };
  }
}

function tell(io: CliIo, imported: Imported): void {
  const { carried, not_carried_over } = report(imported);
  for (const { file, line, column, message } of not_carried_over) {
    io.err(`${file}:${line}:${column}: ${message}`);
  }
  const counts = Object.entries(carried).map(
    ([what, count]) => `${what.replace('mcp_', 'MCP ')} ${count}`,
  );
  io.err(
    `Imported: ${counts.join(', ')}. Not imported, or only in part: ${not_carried_over.length}.`,
  );
}

function report({ document, notes }: Imported) {
  const count = (section: string) => Object.keys((document[section] ?? {}) as JsonObject).length;
  const carried = Object.fromEntries(
    ['models', 'mcp_servers', 'agents', 'workflows'].map((section) => [section, count(section)]),
  );
  return { carried, not_carried_over: notes };
}
