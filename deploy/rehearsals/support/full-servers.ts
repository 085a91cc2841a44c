import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { startEmbedded, stopEmbedded } from '../../../src/db/embedded/embedded.ts';

// The embedded PostgreSQL consists of the server alone. Backups also need its client programs, such
// as pg_dump. These servers run from a full installation of PostgreSQL on this machine.

/** A server of a full installation of PostgreSQL. */
export type FullServer = {
  /** URL of a superuser, for the empty database `howdah`. */
  url: string;
  /** Folder of its programs. */
  pgBin: string;
  /** Folder of its data. */
  folder: string;
  stop(): Promise<void>;
};

const PROGRAMS = ['initdb', 'pg_ctl', 'postgres', 'pg_dump', 'pg_restore', 'psql'];

/**
 * Returns the folder of programs of a full PostgreSQL: HOWDAH_PG_BIN, or the newest one installed.
 * Returns undefined if there is none.
 */
export function findFullPostgres(): string | undefined {
  const { HOWDAH_PG_BIN, PATH = '' } = process.env;
  const debian = existsSync('/usr/lib/postgresql')
    ? readdirSync('/usr/lib/postgresql')
        .sort((a, b) => Number(b) - Number(a))
        .map((major) => `/usr/lib/postgresql/${major}/bin`)
    : [];
  const folders = HOWDAH_PG_BIN ? [HOWDAH_PG_BIN] : [...debian, ...PATH.split(delimiter)];
  return folders.find((folder) => PROGRAMS.every((name) => existsSync(join(folder, name))));
}

/** Returns the paths of the programs that create and run a server. */
export function serverPrograms(pgBin: string) {
  return {
    initdb: join(pgBin, 'initdb'),
    pg_ctl: join(pgBin, 'pg_ctl'),
    postgres: join(pgBin, 'postgres'),
  };
}

/**
 * Starts a server on the loopback address, with fsync on. It runs as another user if this process
 * is root.
 */
export async function startFullServer(pgBin: string): Promise<FullServer> {
  const home = mkdtempSync(join(tmpdir(), 'howdah-full-'));
  chmodSync(home, 0o755);
  const binaries = serverPrograms(pgBin);
  const { url } = await startEmbedded({ home, binaries });
  return {
    ...{ url, pgBin, folder: join(home, 'postgres') },
    async stop() {
      await stopEmbedded(home, binaries);
      rmSync(home, { recursive: true, force: true });
    },
  };
}
