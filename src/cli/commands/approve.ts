import { type Command, Option } from 'commander';
import { approve } from '../../db/questions.ts';
import { ELSEWHERE, givenValue } from '../given.ts';
import { knownQuestion, questionId } from '../ids.ts';
import type { CliIo } from '../output.ts';
import { settle } from '../questions.ts';

/** `howdah approve ID`: allows the call a run waits to make. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'the question')
    .addOption(
      new Option('--remember <scope>', 'do not ask about this tool again in it').choices([
        'run',
        'session',
        'agent',
      ]),
    )
    .option('--arguments <json>', `call it with these arguments instead; ${ELSEWHERE}`)
    .action(async (text: string, options: { remember?: string; arguments?: string }) => {
      const args = await givenValue(io, 'arguments', options.arguments);
      const id = questionId(text);
      await settle(io, async ({ pool, db }) =>
        approve(pool, await knownQuestion(db, id), options.remember ?? null, args),
      );
    });
}
