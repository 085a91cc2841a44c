import { createInterface, type Interface } from 'node:readline';
import type { Command } from 'commander';
import { type Bell, hangBell } from '../../db/bell.ts';
import {
  answerQuestion,
  cancelIfLive,
  forkSession,
  liveRun,
  type OpenQuestion,
  openQuestion,
  openSession,
  sendMessage,
} from '../../db/conversation.ts';
import { type Room, runChatCommand } from '../chat-commands.ts';
import { type CliDatabase, withDatabase } from '../database.ts';
import { exitCodes, reportOf } from '../exit-codes.ts';
import { uuidOf } from '../ids.ts';
import { type CliIo, printError, printJson } from '../output.ts';
import { helpAsWorker } from '../own-worker.ts';
import { showQuestion, showTurn } from '../turn.ts';

type Options = { session?: string; stream?: boolean };

/** `howdah chat AGENT`: a conversation, one line of standard input for each message, answer or command. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<agent>', 'the agent, by name')
    .option('--session <id>', 'go on with this session')
    .option('--stream', 'show answers while they are written; so it is at a terminal')
    .option('--no-stream', 'show answers when they are whole; so it is elsewhere')
    .action((agent: string, options: Options) => chat(io, agent, options));
}

async function chat(io: CliIo, agent: string, { session: known, stream }: Options): Promise<void> {
  await withDatabase(io, async (database) => {
    const session = await openSession(database.pool, agent, known && uuidOf(known, 'a session'));
    if (io.json) printJson(io, { type: 'session', id: session });
    else
      io.err(
        `session ${session} · a line is a message, /help lists commands, Ctrl-D ends, Ctrl-C cancels`,
      );
    const stop = new AbortController();
    const tokens = stream ?? (io.isTerminal && !io.json);
    const bell = await hangBell(database.url, [], stop.signal, { tokens });
    try {
      await helpAsWorker(io, database, () => converse(io, database, session, agent, stop, bell));
    } finally {
      await bell.close();
    }
  });
}

/** Where a conversation stands. */
type Talk = Room & {
  bell: Bell;
  /** Fires at Ctrl-C. */
  stop: AbortSignal;
  /** The run of the last message, until it has ended. */
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
  stop: AbortController,
  bell: Bell,
): Promise<void> {
  io.onInterrupt(() => stop.abort());
  const left = await openQuestionOf(database, session);
  const talk: Talk = {
    io,
    database,
    session,
    agent,
    bell,
    lastRun: left.run,
    forkedTurn: undefined,
    isOver: false,
    stop: stop.signal,
    hasFailed: false,
    shown: new Map(),
    ...left,
  };
  if (talk.question) showQuestion(io, talk.question);
  // made right before it is read: a line that comes earlier would be lost
  const lines = linesOf(io, stop);
  prompt(lines, talk);
  for await (const line of lines) {
    if (line.trim() !== '') await say(talk, line);
    if (stop.signal.aborted || talk.isOver) break;
    prompt(lines, talk);
  }
  await leave(talk);
}

/** At a terminal a line can be edited, and earlier ones come back with the arrow keys. */
function linesOf(io: CliIo, stop: AbortController): Interface {
  const { signal } = stop;
  if (!io.prompts) return createInterface({ input: io.stdin, terminal: false, signal });
  const lines = createInterface({ input: io.stdin, output: io.prompts, terminal: true, signal });
  return lines.on('SIGINT', () => {
    // the key alone: a terminal that edits lines sends no signal
    io.setExitCode(exitCodes.interrupted);
    stop.abort();
  });
}

function prompt(lines: Interface, { io, agent, question, forkedTurn }: Talk): void {
  if (!io.prompts) return;
  lines.setPrompt(question && forkedTurn === undefined ? 'answer> ' : `${agent}> `);
  lines.prompt();
}

/** How a conversation that is over leaves its run, and the status that says so. */
async function leave({ io, database, run, question, ...talk }: Talk): Promise<void> {
  if (talk.stop.aborted && run) {
    await cancelIfLive(database.pool, run);
    io.err(`run ${run} is cancelled`);
  } else if (question) {
    io.err(
      `The run waits for your answer. Go on: howdah chat ${talk.agent} --session ${talk.session}`,
    );
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

/** A line is a command, answers what is asked, or is a message; then the turn is shown until it ends or asks. */
async function say(talk: Talk, line: string): Promise<void> {
  const { io, database, shown, bell } = talk;
  const command = await attempt(io, () => runChatCommand(talk, line));
  if (command.refused !== undefined || command.value) return;
  const text = line.replace(/^\/\//, '/');
  const said = await attempt(io, async () => {
    if (talk.forkedTurn !== undefined) await beginFork(talk, text);
    else if (talk.question) await answerQuestion(database.pool, talk.question, text);
    else talk.run = await sendMessage(database.pool, talk.session, text, bell);
  });
  if (said.refused && (said.refused === 'HWINV' || !talk.question)) return;
  talk.question = undefined;
  if (!talk.run) return;
  talk.lastRun = talk.run;
  const after = shown.get(talk.run) ?? 0;
  const turn = await showTurn(io, { pool: database.pool, bell }, talk.run, after, talk.stop);
  shown.set(talk.run, turn.seq);
  talk.question = turn.question;
  talk.hasFailed = turn.hasFailed;
  if (turn.hasEnded) talk.run = undefined;
}

/** The conversation goes on in a session of its own; where that is refused, in the one it was in. */
async function beginFork(talk: Talk, text: string): Promise<void> {
  const { io, database, bell, session, forkedTurn: turn = 0 } = talk;
  talk.forkedTurn = undefined;
  const begun = await forkSession(database.pool, { session, turn }, text, bell);
  talk.session = begun.session;
  talk.run = begun.run;
  talk.question = undefined;
  if (io.json) printJson(io, { type: 'session', id: begun.session });
  else io.err(`session ${begun.session} · goes on behind turn ${turn} of ${session}`);
}

/** Refusals that another line may mend: a conversation goes on after them. */
const MENDABLE = ['HWINV', 'HWCNF', 'HWDEN', 'HWNTF', 'EUSAGE'];

/** Does it, and tells the speaker when it was refused: the next line is another try. */
async function attempt<T>(
  io: CliIo,
  work: () => Promise<T>,
): Promise<{ value: T; refused?: undefined } | { refused: string }> {
  try {
    return { value: await work() };
  } catch (error) {
    const { code = '' } = error as { code?: string };
    if (!MENDABLE.includes(code)) throw error;
    printError(io, reportOf(error));
    return { refused: code };
  }
}
