import { fileURLToPath } from 'node:url';
import type { CliResult } from '../cli/run-cli.ts';
import { runCli } from '../cli/run-cli.ts';

/** Returns the folder of a pack of this repository. */
export const packFolder = (name: string): string =>
  fileURLToPath(new URL(`../../packs/${name}`, import.meta.url));

/** Runs `howdah apply packs/NAME`, with more arguments. */
export const applyPack = (url: string, name: string, ...argv: string[]): Promise<CliResult> =>
  runCli(url, 'apply', packFolder(name), ...argv);
