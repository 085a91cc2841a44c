import type { Config } from '../../config.ts';
import type { ProgramPlaces } from '../../db/backup/find-pg-programs.ts';
import type { CliIo } from '../output/output.ts';

/** The option of commands that call the client programs of PostgreSQL. */
export const PG_BIN_OPTION = [
  '--pg-bin <folder>',
  'folder of pg_dump, pg_restore and psql (default: HOWDAH_PG_BIN, else PATH and the usual folders)',
] as const;

/** Returns the places where the programs are looked for. */
export function programPlacesOf(config: Config, pgBin: string | undefined): ProgramPlaces {
  return { pgBin: pgBin ?? config.pgBin, path: config.path };
}

/** Returns a signal that fires at Ctrl-C and SIGTERM, so that a command may clean up. */
export function interruption(io: CliIo): AbortSignal {
  const stop = new AbortController();
  io.onInterrupt(() => stop.abort());
  return stop.signal;
}
