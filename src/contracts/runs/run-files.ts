import type { JsonObject } from '../../json/json.ts';
import type { Resource } from '../agents/resource.ts';
import type { Outcome } from '../errors.ts';
import type { Trust } from './trust.ts';

/** A file as a tool made it. */
export type MadeFile = { name: string; type: string; bytes: Buffer };

/** What is told of a file that is kept: `bytes` says how many. */
export type KeptFile = { id: string; name: string; type: string; bytes: number };

/** A file of the conversation that a call named. */
export type GivenFile = { id: string; name: string; bytes: number; trust: Trust };

/** The files of one run, for tools of our own. None of these throws, except `load` when the database is not reached. */
export type RunFiles = {
  /** Each by its name or its id. */
  find(words: readonly string[]): Promise<Outcome<GivenFile[]>>;
  load(id: string): Promise<Outcome<Resource>>;
  /** All of them or none; what the same call kept before is not kept again. */
  keep(files: readonly MadeFile[], origin: JsonObject): Promise<Outcome<KeptFile[]>>;
};
