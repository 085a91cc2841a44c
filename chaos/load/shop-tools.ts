import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CustomTool, ToolContext } from '../../src/contracts/agents/tool.ts';
import { randomOf } from './random.ts';

// The TypeScript tools of the shop. An effect outside the database is a line in the journal, a
// file. A line is appended in one write, so it is not lost if the process is killed afterwards.

/** A line of the journal. */
export type Effect = { tool: string; key: string; idempotency_key: string; execution_id: string };

/** Reads all effects. Every line is complete, because it was appended in one write. */
export function readJournal(path: string): Effect[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

const parameters = {
  type: 'object',
  properties: { key: { type: 'string' } },
  required: ['key'],
};

/** Returns true for the first caller with this key, over all processes. */
function claimFirstAttempt(journal: string, idempotencyKey: string): boolean {
  try {
    writeFileSync(`${journal}.${encodeURIComponent(idempotencyKey)}`, '', { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}

/** Creates the tools of every worker. */
export function createShopTools(journal: string): CustomTool[] {
  const recordEffect = async (
    tool: string,
    key: string,
    { idempotency_key, execution_id }: ToolContext,
  ) => {
    const random = randomOf(idempotency_key);
    await sleep(random.int(0, 40));
    appendFileSync(
      journal,
      `${JSON.stringify({ tool, key, idempotency_key, execution_id } satisfies Effect)}\n`,
    );
    await sleep(random.int(0, 40));
    return random.chance(0.1);
  };
  const tool = (
    name: string,
    effect: CustomTool['effect'],
    run: (key: string, context: ToolContext) => Promise<unknown>,
  ): CustomTool => ({
    name,
    description: `Does ${name}.`,
    parameters,
    ...(effect ? { effect } : {}),
    run: async (args, context) => {
      await run(String(args.key), context);
      return `[${name}:${args.key}]`;
    },
  });
  return [
    tool('look', 'pure', (key) => sleep(randomOf(key, 'look').int(0, 60))),
    tool('note', 'idempotent', async (key, context) => {
      const fails = await recordEffect('note', key, context);
      if (fails && claimFirstAttempt(journal, context.idempotency_key)) {
        throw Object.assign(new Error('not this time'), { retryable: true });
      }
    }),
    tool('pay', 'once', (key, context) => recordEffect('pay', key, context)),
    tool('careful', 'idempotent', (key, context) => recordEffect('careful', key, context)),
    tool('spin', 'idempotent', async (key, context) => {
      const isKnown = readJournal(journal).some((effect) => effect.key === key);
      await recordEffect('spin', key, context);
      const end = Date.now() + (isKnown ? 0 : 15_000);
      while (Date.now() < end); // blocks the event loop
    }),
    tool('hoard', 'idempotent', async () => {
      const memory: unknown[] = [];
      for (;;) memory.push(new Array(1_000_000).fill(memory.length));
    }),
  ];
}
