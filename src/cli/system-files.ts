import { readFile } from 'node:fs/promises';
import { HowdahError } from '../contracts/errors.ts';
import type { ApplyOptions, Plan } from '../db/agent-systems.ts';
import { inTenant } from '../db/agent-systems.ts';
import { applySystems, type SystemFile } from '../systems/apply.ts';
import type { CliDatabase } from './database.ts';
import { tenantOf } from './tenants.ts';

/** The files a command line names. Throws `HWNTF`. */
export function readSystemFiles(paths: readonly string[]): Promise<SystemFile[]> {
  return Promise.all(
    paths.map(async (path) => {
      const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
        const why = cause.code === 'ENOENT' ? 'there is no such file' : cause.message;
        throw new HowdahError('HWNTF', `cannot read ${path}: ${why}`, {
          hint: 'Write what there is into one: howdah export NAME > FILE',
          detail: { file: path },
          cause,
        });
      });
      return { name: path, text };
    }),
  );
}

/** All files in one transaction, as the tenant of this slug or the one the login acts for. */
export async function applyFiles(
  { db, pool }: CliDatabase,
  files: readonly SystemFile[],
  { tenant, ...options }: ApplyOptions & { tenant?: string },
): Promise<Plan[]> {
  const { id } = await tenantOf(db, tenant);
  return inTenant(pool, id, (client) => applySystems(client, files, options));
}
