import type { Plan } from '../../db/access/agent-systems.ts';
import { ownershipNote } from '../../systems/diff.ts';
import type { CliIo } from '../output/output.ts';

/** Returns what applies did or would do, in the form of `--json`. */
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

/** Prints what applies did or would do, object by object, for people. */
export function printPlans(io: CliIo, plans: readonly Plan[]): void {
  for (const plan of plans) {
    const { name, version, objects, dry_run } = plan;
    for (const { kind, name: object, action, ...change } of objects) {
      io.out(`${action.padEnd(9)}  ${kind.padEnd(8)}  ${object}${ownershipNote(change)}`);
    }
    printWarnings(io, plan);
    printUnprunedObjects(io, plan);
    io.err(
      dry_run
        ? `${name} would get version ${version}. Nothing was written.`
        : `${name} has version ${version}.`,
    );
  }
}

/** Prints warnings about applied objects that somebody may want to check. */
export function printWarnings(io: CliIo, { warnings }: Pick<Plan, 'warnings'>): void {
  for (const warning of warnings) io.err(`warning: ${warning}`);
}

/** Prints the objects that pruning would delete. */
export function printUnprunedObjects(io: CliIo, { name, kept: remaining }: Plan): void {
  if (remaining.length === 0) return;
  const objects = remaining.map((one) => `${one.kind} ${one.name}`).join(', ');
  io.err(
    `${name} still owns objects that its file no longer contains. Use --prune to delete them: ${objects}`,
  );
}
