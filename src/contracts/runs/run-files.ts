import type { JsonObject } from '../../json/json.ts';
import type { Resource } from '../agents/resource.ts';
import type { Outcome } from '../errors.ts';
import type { Trust } from './trust.ts';

/** A file that a tool created. */
export type MadeFile = { name: string; type: string; bytes: Buffer };

/** The description of a stored file. `bytes` is its size. */
export type StoredFile = { id: string; name: string; type: string; bytes: number };

/** A file of the conversation that a call refers to. */
export type RunInputFile = { id: string; name: string; bytes: number; trust: Trust };

/**
 * The files of one run, for built-in tools. No function throws, except `load` if the database
 * cannot be reached.
 */
export type RunFiles = {
  /** Finds each file by its name or its id. */
  find(words: readonly string[]): Promise<Outcome<RunInputFile[]>>;
  load(id: string): Promise<Outcome<Resource>>;
  /** Stores all files or none. A file that the same call has stored before is not stored again. */
  keep(files: readonly MadeFile[], origin: JsonObject): Promise<Outcome<StoredFile[]>>;
};
