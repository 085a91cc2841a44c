import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorPages } from '../../src/cli/help/error-pages.ts';
import { shortenBackOff } from '../runtime/arrange.ts';
import { arrangements } from './arrangements.ts';
import { type Example, examplesOf, normalize, sendRequest } from './interfaces.ts';
import { openStage, type Stage } from './stage.ts';

// Sends every request of docs/errors and compares the response with the page.
// HOWDAH_WRITE_EXAMPLES=1 writes the responses to the pages; read them before the commit.

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

async function responseTo({ code, via, request }: Example): Promise<string> {
  if (request !== null) return sendRequest(stage, via, request);
  const provoke = arrangements[code];
  if (!provoke) throw new Error(`there is no arrangement for ${code}`);
  return normalize(await provoke(stage), stage);
}

async function check(example: Example): Promise<void> {
  const { code, via, response } = example;
  const actual = await responseTo(example);
  if (!process.env.HOWDAH_WRITE_EXAMPLES) return expect(actual).toBe(response);
  const text = readFileSync(fileOf(code), 'utf8');
  const [before = '', part = ''] = splitAt(text, `### ${via}\n`);
  writeFileSync(
    fileOf(code),
    before + part.replace(`\n${response}\`\`\``, () => `\n${actual}\`\`\``),
  );
}

const named = (some: Example[]) =>
  some.map((one): [string, string, Example] => [one.code, one.via, one]);

test.each(named(examples.filter(({ request }) => request !== null)))(
  '%s via %s matches its example',
  (_code, _via, example) => check(example),
);

// These run last, because responses of the tests above list the existing agents.
describe.concurrent('provoked errors', () => {
  test.each(named(examples.filter(({ request }) => request === null)))(
    '%s: %s',
    (_code, _via, example) => check(example),
  );
});

function splitAt(text: string, mark: string): string[] {
  const at = text.indexOf(mark);
  return [text.slice(0, at), text.slice(at)];
}
