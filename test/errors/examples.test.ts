import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorPages } from '../../src/cli/help/error-pages.ts';
import { shortenBackOff } from '../runtime/arrange.ts';
import { arrangements } from './arrangements.ts';
import { answerAt, type Example, examplesOf, normal } from './doors.ts';
import { openStage, type Stage } from './stage.ts';

// What docs/errors shows is what is told: every example is asked here as it stands there. HOWDAH_WRITE_EXAMPLES=1 writes
// the answers anew, to be read before they are committed.

const pages = errorPages();
const examples = pages.flatMap(({ code, text }) => examplesOf(code, text));
const fileOf = (code: string) =>
  fileURLToPath(new URL(`../../docs/errors/${code}.md`, import.meta.url));

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
  await shortenBackOff(stage.db.pool);
});
afterAll(() => stage?.close());

async function answerTo({ code, door, asked }: Example): Promise<string> {
  if (asked !== null) return answerAt(stage, door, asked);
  const arranged = arrangements[code];
  if (!arranged) throw new Error(`nobody arranges ${code}`);
  return normal(await arranged(stage), stage);
}

async function check(example: Example): Promise<void> {
  const { code, door, answered } = example;
  const told = await answerTo(example);
  if (!process.env.HOWDAH_WRITE_EXAMPLES) return expect(told).toBe(answered);
  const text = readFileSync(fileOf(code), 'utf8');
  const [before = '', part = ''] = splitAt(text, `### ${door}\n`);
  writeFileSync(
    fileOf(code),
    before + part.replace(`\n${answered}\`\`\``, () => `\n${told}\`\`\``),
  );
}

const named = (some: Example[]) =>
  some.map((one): [string, string, Example] => [one.code, one.door, one]);

test.each(named(examples.filter(({ asked }) => asked !== null)))(
  '%s via %s matches its example',
  (_code, _door, example) => check(example),
);

// Behind those above, whose answers list the agents there are.
describe.concurrent('provoked errors', () => {
  test.each(named(examples.filter(({ asked }) => asked === null)))(
    '%s: %s',
    (_code, _door, example) => check(example),
  );
});

function splitAt(text: string, mark: string): string[] {
  const at = text.indexOf(mark);
  return [text.slice(0, at), text.slice(at)];
}
