import { type Command, Option } from 'commander';
import { PRESETS } from '../../../db/access/tool-policies.ts';
import { useToolPolicies } from '../../../operations/administration/tool-policies.ts';
import { toolPolicies } from '../../../resources/administration/tool-policies.ts';
import type { Row } from '../../backend/backend.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import type { CliIo } from '../../output/output.ts';
import { printRows } from '../../print/rows.ts';

/** Columns that restrict a policy, the most specific first. */
const SUBJECTS = ['tool_id', 'agent_id', 'kind', 'effect'];

type Options = { tenant?: string; use?: (typeof PRESETS)[number] };

/**
 * Registers `howdah admin policies [list | show | create | change | delete]`: the calls that are
 * allowed to runs that have read what others wrote. `--use` applies a set of policies.
 */
export function register(command: Command, io: CliIo): void {
  const [list, ...others] = resourceVerbs(toolPolicies);
  withVerbs(command, io, [
    { name: 'list', summary: list?.summary ?? '', register: registerList },
    ...others,
  ]);
}

function registerList(command: Command, io: CliIo): void {
  command
    .option(...TENANT_OPTION)
    .addOption(
      new Option(
        '--use <set>',
        'first apply a preset: `strict` adds its policies, `none` removes them; other policies stay',
      ).choices([...PRESETS]),
    )
    .option(...API_OPTION)
    .action(async ({ tenant, use }: Options, self: Command) => {
      const { items, empty = '' } = await withBackend(io, self, { tenant }, async (backend) => {
        if (use) await backend.call(useToolPolicies, { body: { preset: use } });
        return backend.definitions.list(toolPolicies);
      });
      printRows(io, { items: items.toSorted(bySubject).map(ruleOf), empty });
    });
}

/** Returns what a list shows of a policy. */
function ruleOf({ id, agent, tool, kind, effect, min_trust, decision }: Row): Row {
  return { id, agent, tool, kind, effect, min_trust, decision };
}

function bySubject(a: Row, b: Row): number {
  const subject = SUBJECTS.find((name) => (a[name] === null) !== (b[name] === null));
  if (subject === undefined) return String(a.id).localeCompare(String(b.id));
  return a[subject] === null ? 1 : -1;
}
