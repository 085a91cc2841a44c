import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { PACKAGE_ROOT } from '../../package-root.ts';

const REPLACEABLE = join(PACKAGE_ROOT, 'sql');

/** A file of `sql/`: its path relative to the project, and its text. */
export type SqlFile = { path: string; text: string };

/** Digests of the files in force, by path. */
export type Digests = ReadonlyMap<string, string>;

/** The files of `sql/` that an upgrade applies. */
export type FileChoice = {
  files: readonly SqlFile[];
  /** Files that are in force as they are here. */
  skipped: readonly SqlFile[];
  /** True if triggers and policies are created, which locks every table. */
  changesTables: boolean;
};

/** Returns the files of `sql/` in the order in which they are applied. */
export function replaceableFiles(): SqlFile[] {
  return readdirSync(REPLACEABLE, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.sql'))
    .map((entry) => relative(PACKAGE_ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => /^sql.[0-9]/.test(path))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(PACKAGE_ROOT, path), 'utf8') }));
}

/** Returns the digest of each file. */
export function digestsOf(files: readonly SqlFile[]): Digests {
  return new Map(
    files.map(({ path, text }) => [path, createHash('sha256').update(text).digest('hex')]),
  );
}

let ofRelease: Digests | undefined;

/**
 * Returns whether exactly the files of this release are in force. Reads the files once per process,
 * since every command of an owner asks.
 */
export function areInForce(applied: Digests): boolean {
  ofRelease ??= digestsOf(replaceableFiles());
  const digests = ofRelease;
  return (
    applied.size === digests.size &&
    [...digests].every(([path, digest]) => applied.get(path) === digest)
  );
}

/** Chooses all files: after a migration, since any of them may depend on the tables it changed. */
export function chooseAll(files: readonly SqlFile[]): FileChoice {
  return { files, skipped: [], changesTables: true };
}

/**
 * Chooses the files whose text has changed since they were applied. Loops over the catalogue create
 * triggers and policies for all existing objects. The loops are therefore chosen together, if one
 * of these changes: a file that creates triggers or policies, the grants, or a function that a loop
 * calls.
 */
export function chooseChanged(files: readonly SqlFile[], applied: Digests): FileChoice {
  const digests = digestsOf(files);
  const changed = new Set(files.filter(({ path }) => applied.get(path) !== digests.get(path)));
  const isGone = [...applied.keys()].some((path) => !digests.has(path));
  const inLoops = new Set(files.filter(isLoop).flatMap(({ text }) => namesCalledInBlocks(text)));
  const changesTables =
    isGone ||
    [...changed].some(
      (file) =>
        makesTableObjects(file) || isLoop(file) || namesMadeBy(file).some((it) => inLoops.has(it)),
    );
  const isChosen = (file: SqlFile) => changed.has(file) || (changesTables && isLoop(file));
  return {
    files: files.filter(isChosen),
    skipped: files.filter((file) => !isChosen(file)),
    changesTables,
  };
}

/**
 * Returns the names of the objects that a file creates: routines and views by name, triggers as
 * `name on table`.
 */
export function namesMadeBy({ text }: SqlFile): string[] {
  const objects = text.matchAll(/^create (?:or replace )?(?:function|procedure|view) ([\w.]+)/gm);
  const triggers = text.matchAll(
    /^create (?:or replace )?(?:constraint )?trigger (\w+)[^;]*? on\s+([\w.]+)/gm,
  );
  return [
    ...Array.from(objects, ([, name = '']) => name),
    ...Array.from(triggers, ([, name, table]) => `${name} on ${table}`),
  ];
}

function makesTableObjects({ path, text }: SqlFile): boolean {
  return /^sql.[34]0_/.test(path) || /^create (or replace )?(constraint )?trigger/m.test(text);
}

/**
 * Returns whether a file creates objects, grants or comments for the contents of the catalogue.
 * `97_watch_grants.sql` is excluded, because it changes only tables of others.
 */
function isLoop({ path, text }: SqlFile): boolean {
  return /^do \$\$/m.test(text) && !path.endsWith('97_watch_grants.sql');
}

function namesCalledInBlocks(text: string): string[] {
  const blocks = text.matchAll(/^do \$\$.*?^end \$\$/gms);
  return Array.from(blocks, ([block]) => block).flatMap((block) =>
    Array.from(block.matchAll(/\b(howdah(?:_private)?\.\w+)\s*\(/g), ([, name = '']) => name),
  );
}
