import type { Command } from 'commander';
import { runSchedule, setScheduleActive } from '../../db/schedules.ts';
import { withDatabase } from '../database.ts';
import { listVerb, type Named, oneNamed, showVerb, withName } from '../named.ts';
import { type CliIo, printJson } from '../output.ts';
import { forTenant } from '../tenants.ts';
import { type Verb, withVerbs } from '../verbs.ts';

const SCHEDULES: Named = {
  kind: 'schedules',
  one: 'schedule',
  noun: 'schedules',
  empty: 'No schedules. Rows of howdah.schedules are some: docs/schedules.md',
};

/** `howdah schedules [list | show | run | pause | resume]`: what begins runs at its times. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    listVerb(SCHEDULES),
    showVerb(SCHEDULES),
    { name: 'run', summary: 'a run of it now, beside its times', register: registerRun },
    switchVerb('pause', 'let it begin no runs', false),
    switchVerb('resume', 'let it begin runs again, from its next time on', true),
  ]);
}

function registerRun(command: Command, io: CliIo): void {
  withName(command, SCHEDULES).action(async (name: string, { tenant }: { tenant?: string }) => {
    await withDatabase(io, async (database) => {
      const run = await forTenant(database, tenant, async (client) =>
        runSchedule(client, (await oneNamed(client, SCHEDULES, name)).id),
      );
      if (io.json) return printJson(io, run);
      io.out(run.id);
      io.err(`See it: howdah watch ${run.id}`);
    });
  });
}

function switchVerb(name: string, summary: string, isActive: boolean): Verb {
  return {
    name,
    summary,
    register: (command, io) => {
      withName(command, SCHEDULES).action(async (of: string, { tenant }: { tenant?: string }) => {
        await withDatabase(io, async (database) => {
          const row = await forTenant(database, tenant, async (client) => {
            const { id } = await oneNamed(client, SCHEDULES, of);
            await setScheduleActive(client, id, isActive);
            return oneNamed(client, SCHEDULES, id);
          });
          if (io.json) return printJson(io, row);
          const next = row.next_at instanceof Date ? `, next at ${row.next_at.toISOString()}` : '';
          io.out(`${row.name} ${isActive ? `resumed${next}` : 'paused'}`);
        });
      });
    },
  };
}
