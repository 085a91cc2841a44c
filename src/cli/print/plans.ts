import type { Plan } from '../../db/access/agent-systems.ts';
import { ownershipNote } from '../../systems/diff.ts';
import type { CliIo } from '../output/output.ts';

/** What applies did or would do, as `--json` gives it. */
export function plansAsJson(plans: readonly Plan[]) {
  return plans.map(({ objects, ...plan }) => ({
    ...plan,
    objects: objects.map(({ kind, name, action, ownership }) => ({
      kind,
      name,
      action,
      ...(ownership && { ownership }),
    })),
  }));
}

/** The same for people, object by object. */
export function printPlans(io: CliIo, plans: readonly Plan[]): void {
  for (const plan of plans) {
    const { name, version, objects, dry_run } = plan;
    for (const { kind, name: object, action, ...change } of objects) {
      io.out(`${action.padEnd(9)}  ${kind.padEnd(8)}  ${object}${ownershipNote(change)}`);
    }
    printWarnings(io, plan);
    printKept(io, plan);
    io.err(
      dry_run
        ? `${name} would have version ${version}; nothing was written.`
        : `${name} has version ${version}.`,
    );
  }
}

/** What was applied though somebody may want to look at it. */
export function printWarnings(io: CliIo, { warnings }: Pick<Plan, 'warnings'>): void {
  for (const warning of warnings) io.err(`warning: ${warning}`);
}

/** What pruning would be about. */
export function printKept(io: CliIo, { name, kept }: Plan): void {
  if (kept.length === 0) return;
  const objects = kept.map((one) => `${one.kind} ${one.name}`).join(', ');
  io.err(`${name} keeps what its file no longer has, without --prune: ${objects}`);
}
