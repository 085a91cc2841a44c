import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CustomTool, ToolContext } from '../../src/contracts/agents/tool.ts';
import { randomOf } from './random.ts';

// The tools of the shop. What they do outside the database is a line in a file: appended in one write, it survives the
// process that is killed a moment later, and tells who did what under which idempotency key.

export type Effect = { tool: string; key: string; idempotency_key: string; execution_id: string };

/** Everything that was ever done. A line that was cut short by a kill was never finished, and is not there. */
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

/** Whether nobody has asked this before, in whatever process. */
function isFirst(journal: string, idempotencyKey: string): boolean {
  try {
    writeFileSync(`${journal}.${encodeURIComponent(idempotencyKey)}`, '', { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}

/** What every worker of a chaos run is started with. */
export function createShopTools(journal: string): CustomTool[] {
  const act = async (tool: string, key: string, { idempotency_key, execution_id }: ToolContext) => {
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
      const fails = await act('note', key, context);
      if (fails && isFirst(journal, context.idempotency_key)) {
        throw Object.assign(new Error('not this time'), { retryable: true });
      }
    }),
    tool('pay', 'once', (key, context) => act('pay', key, context)),
    tool('careful', 'idempotent', (key, context) => act('careful', key, context)),
    tool('spin', 'idempotent', async (key, context) => {
      const isKnown = readJournal(journal).some((effect) => effect.key === key);
      await act('spin', key, context);
      const end = Date.now() + (isKnown ? 0 : 15_000);
      while (Date.now() < end); // nothing else of this process runs meanwhile
    }),
    tool('hoard', 'idempotent', async () => {
      const memory: unknown[] = [];
      for (;;) memory.push(new Array(1_000_000).fill(memory.length));
    }),
  ];
}
