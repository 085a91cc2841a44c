import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { startEmbedded, stopEmbedded } from '../../../src/db/embedded/embedded.ts';

/** A server of a PostgreSQL that also has pg_dump, which the embedded one has not. */
export type FullServer = {
  /** Of a superuser, to its database `howdah`, which is empty. */
  url: string;
  /** Where its programs are. */
  pgBin: string;
  /** Its data. */
  folder: string;
  stop(): Promise<void>;
};

const NEEDED = ['initdb', 'pg_ctl', 'postgres', 'pg_dump', 'pg_restore', 'psql'];

/** Where a whole PostgreSQL is installed: HOWDAH_PG_BIN, else the newest found; undefined when there is none. */
export function fullPostgres(): string | undefined {
  const { HOWDAH_PG_BIN, PATH = '' } = process.env;
  const debian = existsSync('/usr/lib/postgresql')
    ? readdirSync('/usr/lib/postgresql')
        .sort((a, b) => Number(b) - Number(a))
        .map((major) => `/usr/lib/postgresql/${major}/bin`)
    : [];
  const places = HOWDAH_PG_BIN ? [HOWDAH_PG_BIN] : [...debian, ...PATH.split(delimiter)];
  return places.find((folder) => NEEDED.every((name) => existsSync(join(folder, name))));
}

/** Its programs that make and run a server. */
export function binariesIn(pgBin: string) {
  return {
    initdb: join(pgBin, 'initdb'),
    pg_ctl: join(pgBin, 'pg_ctl'),
    postgres: join(pgBin, 'postgres'),
  };
}

/** Starts one, with fsync on, on loopback; as another user where this is root. */
export async function startFullServer(pgBin: string): Promise<FullServer> {
  const home = mkdtempSync(join(tmpdir(), 'howdah-full-'));
  chmodSync(home, 0o755);
  const binaries = binariesIn(pgBin);
  const { url } = await startEmbedded({ home, binaries });
  return {
    ...{ url, pgBin, folder: join(home, 'postgres') },
    async stop() {
      await stopEmbedded(home, binaries);
      rmSync(home, { recursive: true, force: true });
    },
  };
}
