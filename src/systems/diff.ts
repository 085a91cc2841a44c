import { createTwoFilesPatch } from 'diff';
import type { JsonObject } from '../contracts/json.ts';
import type { Change, Plan } from '../db/agent-systems.ts';
import { writeFile } from './write-file.ts';

/** What an apply would change, as a unified diff of each object's entry; empty when nothing would. */
export function diffOf({ objects }: Plan): string {
  return objects
    .filter(({ action }) => action !== 'unchanged')
    .map((change) => patchOf(change))
    .join('\n');
}

function patchOf({ kind, name, action, before, after }: Change): string {
  const title = `${kind} ${name}`;
  const [now, then] = [textOf(kind, name, before), textOf(kind, name, after)];
  if (now === then) return `${action} ${title}: taken over by this system\n`;
  const patch = createTwoFilesPatch(
    before ? title : '/dev/null',
    after ? title : '/dev/null',
    now,
    then,
    'as it is',
    'as the file says',
  );
  return patch.replace(/^=+\n/, '');
}

function textOf(kind: Change['kind'], name: string, entry: JsonObject | null): string {
  if (entry === null) return '';
  return writeFile(kind === 'system' ? entry : { [`${kind}s`]: { [name]: entry } });
}
