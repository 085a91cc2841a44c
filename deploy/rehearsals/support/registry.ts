import { readdirSync } from 'node:fs';
import type { Rehearsal } from './rehearsal.ts';

const FOLDER = new URL('..', import.meta.url);

/** Every file beside main.ts is a rehearsal of its name; what several share lies in support/. */
export function rehearsalNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
    .map((file) => file.slice(0, -'.ts'.length))
    .toSorted();
}

/** Throws when the file does not export what a rehearsal has. */
export async function loadRehearsal(name: string): Promise<Rehearsal> {
  const { title, usage, run }: Partial<Rehearsal> = await import(
    new URL(`${name}.ts`, FOLDER).href
  );
  if (typeof title !== 'string' || typeof run !== 'function') {
    throw new Error(`deploy/rehearsals/${name}.ts must export title and run`);
  }
  return { title, run, ...(usage !== undefined && { usage }) };
}
