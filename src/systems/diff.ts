import { createTwoFilesPatch } from 'diff';
import type { Change, Plan } from '../db/access/agent-systems.ts';
import type { JsonObject } from '../json/json.ts';
import { writeFile } from './write-file.ts';

/**
 * Returns the changes of an apply as a unified diff of each object's entry. Empty when nothing
 * changes.
 */
export function diffOf({ objects }: Plan): string {
  return objects
    .filter(({ action }) => action !== 'unchanged')
    .map((change) => patchOf(change))
    .join('\n');
}

function patchOf(change: Change): string {
  const { kind, name, before, after } = change;
  const title = `${kind} ${name}`;
  const [now, then] = [textOf(kind, name, before), textOf(kind, name, after)];
  const heading = headingOf(change);
  if (now === then) return heading;
  const patch = createTwoFilesPatch(
    before ? title : '/dev/null',
    after ? title : '/dev/null',
    now,
    then,
    'as it is',
    'as the file says',
  );
  return heading + patch.slice(patch.indexOf('--- '));
}

/**
 * Returns the heading of a change as `apply` prints it: `delete agent analyst`. Programs that read
 * patches skip the heading.
 */
function headingOf(change: Change): string {
  return `${change.action} ${change.kind} ${change.name}${ownershipNote(change)}\n`;
}

/** Returns the change of ownership of an object, as a note after its name. */
export function ownershipNote({ ownership }: Pick<Change, 'ownership'>): string {
  if (ownership === undefined) return '';
  return ownership === 'taken' ? ' (had no owner, is taken over)' : ' (is no longer owned)';
}

function textOf(kind: Change['kind'], name: string, entry: JsonObject | null): string {
  if (entry === null) return '';
  return writeFile(kind === 'system' ? entry : { [`${kind}s`]: { [name]: entry } });
}
