import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import {
  answerQuestion,
  cancelIfLive,
  liveRun,
  type OpenQuestion,
  openQuestion,
  openSession,
  sendMessage,
} from '../../db/conversation.ts';
import { type CliDatabase, withDatabase } from '../database.ts';
import { exitCodes, reportOf } from '../exit-codes.ts';
import { uuidOf } from '../ids.ts';
import { type CliIo, printError, printJson } from '../output.ts';
import { helpAsWorker } from '../own-worker.ts';
import { showQuestion, showTurn } from '../turn.ts';

/** `howdah chat AGENT`: a conversation, one line of standard input for each message or answer. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<agent>', 'the agent, by name')
    .option('--session <id>', 'go on with this session')
    .action((agent: string, options: { session?: string }) => chat(io, agent, options.session));
}

async function chat(io: CliIo, agent: string, known: string | undefined): Promise<void> {
  await withDatabase(io, async (database) => {
    const session = await openSession(database.pool, agent, known && uuidOf(known, 'a session'));
    if (io.json) printJson(io, { type: 'session', id: session });
    else io.err(`session ${session} · a line is a message, Ctrl-D ends, Ctrl-C cancels`);
    await helpAsWorker(io, database, () => converse(io, database, session, agent));
  });
}

/** Where a conversation stands. */
type Talk = {
  io: CliIo;
  database: CliDatabase;
  session: string;
  /** Fires at Ctrl-C. */
  stop: AbortSignal;
  /** The run of the last message. */
  run: string | undefined;
  /** What the next line answers. */
  question: OpenQuestion | undefined;
  /** The last run that was shown did not complete. */
  hasFailed: boolean;
  /** The last step shown of each run. */
  shown: Map<string, number>;
};

async function converse(
  io: CliIo,
  database: CliDatabase,
  session: string,
  agent: string,
): Promise<void> {
  const stop = new AbortController();
  io.onInterrupt(() => stop.abort());
  const left = await openQuestionOf(database, session);
  const talk: Talk = {
    io,
    database,
    session,
    stop: stop.signal,
    hasFailed: false,
    shown: new Map(),
    ...left,
  };
  if (talk.question) showQuestion(io, talk.question);
  // made right before it is read: a line that comes earlier would be lost
  const lines = createInterface({ input: io.stdin, terminal: false, signal: stop.signal });
  for await (const line of lines) {
    if (line.trim() !== '') await say(talk, line);
    if (stop.signal.aborted) break;
  }
  if (stop.signal.aborted && talk.run) {
    await cancelIfLive(database.pool, talk.run);
    io.err(`run ${talk.run} is cancelled`);
  } else if (talk.question) {
    io.err(`The run waits for your answer. Go on: howdah chat ${agent} --session ${session}`);
    io.setExitCode(exitCodes.waitingForPerson);
  } else if (talk.hasFailed) {
    io.setExitCode(exitCodes.runFailed);
  }
}

/** A session that somebody left in the middle of a question goes on with that. */
async function openQuestionOf({ pool }: CliDatabase, session: string) {
  const run = await liveRun(pool, session);
  const question = run && (await openQuestion(pool, run));
  return question ? { run, question } : { run: undefined, question: undefined };
}

/** A line answers what is asked, else it is a message; then the turn is shown until it ends or asks. */
async function say(talk: Talk, line: string): Promise<void> {
  const { io, database, session, shown } = talk;
  try {
    if (talk.question) await answerQuestion(database.pool, talk.question, line);
    else talk.run = await sendMessage(database.pool, session, line);
  } catch (error) {
    if (!isForTheSpeaker(error)) throw error;
    printError(io, reportOf(error)); // and the next line is another try
    if ((error as { code: string }).code === 'HWINV' || !talk.question) return;
  }
  talk.question = undefined;
  if (!talk.run) return;
  const after = shown.get(talk.run) ?? 0;
  const turn = await showTurn(io, database.url, talk.run, after, talk.stop);
  shown.set(talk.run, turn.seq);
  talk.question = turn.question;
  talk.hasFailed = turn.hasFailed;
  if (turn.hasEnded) talk.run = undefined;
}

/** Refusals that another line may mend: a conversation goes on after them. */
function isForTheSpeaker(error: unknown): boolean {
  return ['HWINV', 'HWCNF', 'HWDEN'].includes((error as { code?: string }).code ?? '');
}
