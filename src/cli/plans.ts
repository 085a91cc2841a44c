import type { Plan } from '../db/agent-systems.ts';
import type { CliIo } from './output.ts';

/** What applies did or would do, as `--json` gives it. */
export function plansAsJson(plans: readonly Plan[]) {
  return plans.map(({ objects, ...plan }) => ({
    ...plan,
    objects: objects.map(({ kind, name, action }) => ({ kind, name, action })),
  }));
}

/** The same for people, object by object. */
export function printPlans(io: CliIo, plans: readonly Plan[]): void {
  for (const { name, version, objects, warnings, dry_run } of plans) {
    for (const { kind, name: object, action } of objects) {
      io.out(`${action.padEnd(9)}  ${kind.padEnd(8)}  ${object}`);
    }
    for (const warning of warnings) io.err(`warning: ${warning}`);
    io.err(
      dry_run
        ? `${name} would have version ${version}; nothing was written.`
        : `${name} has version ${version}.`,
    );
  }
}
